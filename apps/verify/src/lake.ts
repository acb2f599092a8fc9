import { CloudWatchClient } from "@aws-sdk/client-cloudwatch";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { IAMClient } from "@aws-sdk/client-iam";
import { KMSClient } from "@aws-sdk/client-kms";
import { OrganizationsClient } from "@aws-sdk/client-organizations";
import { S3Client } from "@aws-sdk/client-s3";
import { GetQueueAttributesCommand, SQSClient, type SQSClientConfig } from "@aws-sdk/client-sqs";
import { STSClient } from "@aws-sdk/client-sts";
import {
  type Caller,
  endpointUrl,
  explain,
  findCaller,
  findRegion,
  lakeCredentials,
  proxyAgents,
  regionOf,
  s3Endpoint,
} from "@threatlockdown/aws-auth";
import type { Subscriber } from "@threatlockdown/ossec-config";
import type { AnnouncedObject } from "@threatlockdown/pipeline";
import { openQueue, type Queue, queueAddress, sqsSettings } from "@threatlockdown/sqs-consumer";
import { addressesOf } from "./addresses.ts";
import { isDenied } from "./administrator.ts";
import { type Flow, readFlow } from "./flow.ts";
import type { Indexer } from "./indexer.ts";
import { describeKey, type Key, keyPolicyOf } from "./kms.ts";
import type { Manager } from "./manager.ts";
import { type NewestRead, readNewest } from "./newest-read.ts";
import { type Answered, isOfAws, NotAws } from "./not-aws.ts";
import type { Document } from "./policy.ts";
import { bucketPolicyOf } from "./resource-policy.ts";
import { type Role, readRole } from "./role.ts";
import { settingName } from "./setting.ts";

type Credentials = ReturnType<typeof lakeCredentials>;

/** The AWS side of one subscriber, as its role sees it. Each part is made when it is first asked for, and once. */
export interface Lake {
  readonly subscriber: Subscriber;
  readonly manager: Manager | undefined;
  /** Where its events go; undefined where ossec.conf names none. */
  readonly indexer: Indexer | undefined;
  region(): Promise<string>;
  /** Whether --region says it where the queue's address does not. */
  readonly regionGiven: boolean;
  /** What the role is assumed with. */
  readonly base: () => Credentials;
  /** Whose those are. */
  caller(): Promise<Caller>;
  clients(): Promise<Clients>;
  queue(): Promise<Queue>;
  queueArn(): Promise<string>;
  /** What the role may see of it, else the administrator; undefined where neither may. */
  queueAttributes(): Promise<Readonly<Record<string, string>> | undefined>;
  /** What the role may not look at; undefined where no such credentials were given. */
  readonly admin: (() => Promise<Admin>) | undefined;
  /** The role as its account's administrator sees it. */
  role(): Promise<Role>;
  /** What leads from the buckets to the queue. */
  flow(): Promise<Flow>;
  /** The policy of a bucket; undefined where it has none. */
  bucketPolicy(bucket: string): Promise<Document | undefined>;
  /** A key by its ARN, id or alias; undefined where there is none. */
  key(name: string): Promise<Key | undefined>;
  /** The policy of a key, by its ARN. */
  keyPolicy(key: string): Promise<Document>;
  /** What the newest object of a bucket tells of its key. */
  newestRead(bucket: string): Promise<NewestRead>;
  /** An error in one line, without secrets. */
  explain(error: unknown, circumstances?: { readonly action?: string; readonly resource?: string }): string;
  /** Where AWS is asked instead of its own addresses. */
  readonly endpoint: string | undefined;
  /** Accounts that should write into the lake; undefined: those of the organization. */
  readonly accounts: readonly string[] | undefined;
  /** The lake's buckets, where they were named. */
  readonly buckets: readonly string[];
  /** Hours after which a source that has sent nothing is told. */
  readonly staleHours: number;
  /** Milliseconds for which the queue is watched for messages that come. */
  readonly watchFor: number;
  /** Seconds for which a message is waited for. */
  readonly poll: number;
  /** Addresses of a host's name; one at least. */
  readonly lookUp: (host: string) => Promise<readonly string[]>;
  readonly announced: Map<string, Announced>;
  /** Names the proxies, and the files of AWS. */
  readonly environment: NodeJS.ProcessEnv;
  readonly sending: Sending;
  /** How many requests AWS has answered. */
  readonly answers: Answers;
  /** The clients of the subscriber, with a key that AWS does not know. */
  clientsBy(sending: Sending): Promise<Clients & { readonly sts: STSClient }>;
}

/** What a message has announced. */
export interface Announced {
  readonly object: AnnouncedObject;
  /** Of the message. */
  readonly form: string;
}

export interface Clients {
  readonly region: string;
  readonly sqs: SQSClient;
  readonly s3: S3Client;
}

export interface Admin extends Clients {
  readonly account: string;
  readonly iam: IAMClient;
  readonly events: EventBridgeClient;
  readonly kms: KMSClient;
  readonly organizations: OrganizationsClient;
  readonly metrics: CloudWatchClient;
}

/** What a lake is looked at with. What is not given is found as the wodle finds it. */
export interface Surroundings {
  readonly base?: Credentials;
  readonly admin?: Credentials;
  readonly endpoint?: string;
  /** The same for the administrator alone. */
  readonly adminEndpoint?: string;
  readonly region?: string;
  readonly manager?: Manager;
  readonly indexer?: Indexer;
  readonly accounts?: readonly string[];
  readonly buckets?: readonly string[];
  readonly staleHours?: number;
  readonly watchFor?: number;
  readonly poll?: number;
  /** By the queue's URL, what was received of it: a queue that is looked at again and again gives one message, since each receive counts. */
  readonly announced?: Map<string, Announced>;
  readonly lookUp?: Lake["lookUp"];
  /** Milliseconds of a request. */
  readonly patience?: typeof patience;
  /** Names the proxies, and the files of AWS. Default: no proxy. */
  readonly environment?: NodeJS.ProcessEnv;
}

export function createLake(subscriber: Subscriber, surroundings: Surroundings = {}): Lake {
  const { externalId, profile } = subscriber;
  const { endpoint } = surroundings;
  // In another Region than its own the queue does not exist.
  const region = once(async () => regionOf(subscriber.queue) ?? surroundings.region ?? (await findRegion(subscriber)));
  const stsEndpoint = endpoint ?? subscriber.stsEndpoint;
  const { environment = {} } = surroundings;
  const requestHandler = () => requestHandlerOf(environment, surroundings.patience);
  const answers: Answers = { count: 0 };
  const extensions = [watching(answers)];
  const sending = () => ({ maxAttempts: 2, requestHandler: requestHandler(), extensions });
  const sts = async () => ({ region: await region(), stsEndpoint, requestHandler: requestHandler(), extensions });
  const base = onceNow(() => surroundings.base ?? lakeCredentials({ profile, requestHandler: requestHandler() }));
  const clients = once(async () => {
    const credentials = lakeCredentials({ ...subscriber, ...(await sts()), base: base() });
    return makeClients(await region(), credentials, subscriber, endpoint, sending);
  });
  const { admin: adminCredentials } = surroundings;
  const admin =
    adminCredentials &&
    once(async () => {
      const at = endpoint ?? surroundings.adminEndpoint;
      return makeAdmin(
        adminCredentials,
        { ...(await sts()), ...(at !== undefined && { stsEndpoint: at }) },
        subscriber,
        at,
        sending,
      );
    });
  const lake: Lake = {
    subscriber,
    manager: surroundings.manager,
    indexer: surroundings.indexer,
    endpoint,
    accounts: surroundings.accounts,
    buckets: surroundings.buckets ?? [],
    staleHours: surroundings.staleHours ?? 24,
    watchFor: surroundings.watchFor ?? 2_000,
    poll: surroundings.poll ?? 3,
    announced: surroundings.announced ?? new Map(),
    environment,
    sending,
    answers,
    lookUp: surroundings.lookUp ?? addressesOf,
    async clientsBy(sending) {
      const known = { accessKeyId: "none", secretAccessKey: "none" };
      const at = await region();
      const sts = new STSClient({
        region: at,
        credentials: known,
        ...sending(),
        ...(stsEndpoint !== undefined && { endpoint: endpointUrl(stsEndpoint) }),
      });
      return { sts, ...makeClients(at, async () => known, subscriber, endpoint, sending) };
    },
    region,
    regionGiven: surroundings.region !== undefined && regionOf(subscriber.queue) === undefined,
    base,
    caller: once(async () => findCaller(base(), await sts())),
    clients,
    queue: once(async () => openQueue((await clients()).sqs, subscriber.queue)),
    queueAttributes: once(async () => {
      const ask = async (sqs: SQSClient, { url }: Queue) =>
        (await sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["All"] }))).Attributes;
      try {
        return await ask((await clients()).sqs, await lake.queue());
      } catch (error) {
        if (admin === undefined && isDenied(error)) return undefined;
        if (admin === undefined) throw error;
        const { sqs } = await admin();
        // The role is not assumed, perhaps.
        return ask(sqs, await lake.queue().catch(() => openQueue(sqs, subscriber.queue)));
      }
    }),
    queueArn: async () => arnOfQueue(subscriber, await region()),
    admin,
    role: once(async () => readRole(await present(admin)(), subscriber.roleArn ?? "")),
    flow: once(async () => readFlow(await present(admin)(), await lake.queueArn(), lake.buckets)),
    bucketPolicy: onceEach(async (bucket) => bucketPolicyOf(await present(admin)(), bucket)),
    key: onceEach(async (name) => describeKey(await present(admin)(), name)),
    keyPolicy: onceEach(async (key) => keyPolicyOf(await present(admin)(), key)),
    newestRead: onceEach(async (bucket) => readNewest((await present(admin)()).s3, (await clients()).s3, bucket)),
    explain: (error, circumstances) =>
      explain(error, {
        ...circumstances,
        profile,
        externalId,
        secrets: externalId === undefined ? [] : [externalId],
      }).replaceAll(/\biam_role_duration\b/g, settingName(surroundings, "duration")),
  };
  return lake;
}

// A person waits for the answer: what does not answer soon is told, not tried again for long.
const patience = { connectionTimeout: 3_000, requestTimeout: 5_000 };

/** Another one for each client: a client that is destroyed takes its agents along. */
export function requestHandlerOf(environment: NodeJS.ProcessEnv, milliseconds: typeof patience = patience) {
  return { ...milliseconds, throwOnRequestTimeout: true, ...proxyAgents(environment) };
}

/** How a client sends its requests; another value for each client. */
export type Sending = () => Pick<SQSClientConfig, "maxAttempts" | "requestHandler"> & {
  readonly extensions?: Extension[];
};

/** Of the SDK's clients, as far as it is used. */
interface Extension {
  configure(client: { httpHandler(): object }): void;
}

interface Answers {
  count: number;
}

type Handle = (
  request: { readonly hostname: string },
  ...more: readonly unknown[]
) => Promise<{ readonly response: Answered & { readonly body?: { destroy?(): void } } }>;

/** Whatever else answers would be taken for AWS, which says then that there is nothing, or something that is broken. */
function watching(answers: Answers): Extension {
  return {
    configure(client) {
      const handler = client.httpHandler() as { handle: Handle };
      const handle = handler.handle.bind(handler);
      handler.handle = async (request, ...more) => {
        const answer = await handle(request, ...more);
        const { response } = answer;
        if (!isOfAws(response)) {
          response.body?.destroy?.();
          throw new NotAws(request.hostname, response.statusCode ?? 0);
        }
        answers.count++;
        return answer;
      };
    },
  };
}

function makeClients(
  region: string,
  credentials: Credentials,
  { queue, serviceEndpoint }: Subscriber,
  endpoint: string | undefined,
  sending: Sending,
): Clients {
  const s3 = endpoint ?? serviceEndpoint;
  const settings = () => ({ region, credentials, ...sending() });
  return {
    region,
    sqs: new SQSClient({ ...settings(), ...sqsSettings(queue), region, ...(endpoint !== undefined && { endpoint }) }),
    s3: new S3Client({ ...settings(), followRegionRedirects: true, ...(s3 !== undefined && s3Endpoint(s3)) }),
  };
}

async function makeAdmin(
  credentials: Credentials,
  sts: { readonly region: string; readonly stsEndpoint: string | undefined },
  subscriber: Subscriber,
  endpoint: string | undefined,
  sending: Sending,
): Promise<Admin> {
  const { account } = await findCaller(credentials, sts);
  const { region } = sts;
  const settings = () => ({ region, credentials, ...sending(), ...(endpoint !== undefined && { endpoint }) });
  return {
    ...makeClients(region, credentials, subscriber, endpoint, sending),
    account,
    iam: new IAMClient(settings()),
    events: new EventBridgeClient(settings()),
    kms: new KMSClient(settings()),
    organizations: new OrganizationsClient(settings()),
    metrics: new CloudWatchClient(settings()),
  };
}

/** What the queue's address leaves open is taken from the role, which Security Lake makes in the same account. */
function arnOfQueue({ queue, roleArn }: Subscriber, here: string): string {
  const [, partition = "aws", owner = "<account>"] = /^arn:([a-z-]+):iam::(\d+):/.exec(roleArn ?? "") ?? [];
  const { name, account = owner, region = here } = queueAddress(queue);
  return `arn:${partition}:sqs:${region}:${account}:${name}`;
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError("no credentials of an administrator were given");
  return value;
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function onceEach<T>(make: (name: string) => Promise<T>): (name: string) => Promise<T> {
  const made = new Map<string, Promise<T>>();
  return (name) => {
    const found = made.get(name) ?? make(name);
    made.set(name, found);
    return found;
  };
}

function onceNow<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
