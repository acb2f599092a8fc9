import { hash, randomUUID } from "node:crypto";
import { partitionOf } from "./arn.ts";
import { AwsError } from "./aws-error.ts";
import type { Rule } from "./event-rule.ts";
import { createEvents } from "./events.ts";
import { createFaults, type Faults } from "./faults.ts";
import { createIam } from "./iam.ts";
import {
  type Account,
  addAccessKey,
  addGroup,
  addManagedPolicy,
  addRole,
  addSession,
  addUser,
  administratorAccess,
  type Credentials,
  createAccount,
  findEntity,
  findManagedPolicy,
  findRole,
  type Identity,
  type ManagedPolicy,
  parseTrust,
  type Role,
  type User,
} from "./identity.ts";
import { accountKeyPolicy, findKey, type Grant, type KmsKey, newKey } from "./kms.ts";
import { createKms } from "./kms-api.ts";
import { createMetrics } from "./metrics.ts";
import { announceEverywhere, bodyOf, type ObjectEvent } from "./notifications.ts";
import { createOrganizations } from "./organizations.ts";
import { type PolicySource, parsePolicy } from "./policy.ts";
import { createRequestLog, type LoggedRequest, type RequestLog } from "./request-log.ts";
import { type Bucket, currentVersion, findVersion, store } from "./s3/bucket.ts";
import { addBucket } from "./s3/bucket-operations.ts";
import { createS3 } from "./s3/service.ts";
import type {
  Announcement,
  NewBucket,
  NewKey,
  NewObject,
  NewOidcProvider,
  NewQueue,
  NewRole,
  NewRule,
  NewUser,
  PutObjectResult,
} from "./seed.ts";
import { createHttpServer, listen, type Serving, type TlsOptions } from "./server.ts";
import { readQueueUrl } from "./sqs/access.ts";
import type { Message } from "./sqs/message.ts";
import { advance, type Queue, send } from "./sqs/queue.ts";
import { addQueue } from "./sqs/queue-operations.ts";
import { createSqs } from "./sqs/service.ts";
import { createSts } from "./sts.ts";
import { addOidcProvider, type Claims, signToken } from "./web-identity.ts";
import type { World } from "./world.ts";

export interface AccountOptions {
  /** 12 digits */
  readonly id: string;
  /** Default aws. */
  readonly partition?: string;
  /** `aws:PrincipalOrgID` of its principals. */
  readonly organization?: string;
  /** ACTIVE, SUSPENDED, CLOSED, … Default: ACTIVE. */
  readonly state?: string;
}

export interface LocalAwsOptions {
  /** Default: any free one. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Serves by TLS with this key and certificate. Default: plain HTTP. */
  readonly tls?: TlsOptions;
  /** The first is where things are made unless said otherwise. Default: 123456789012. */
  readonly accounts?: readonly (string | AccountOptions)[];
  /** Where things are made unless said otherwise. Default us-east-1. */
  readonly region?: string;
  /** ms since the epoch. A clock that runs faster, or only when told, saves tests from sleeping. Default Date.now. */
  readonly now?: () => number;
  /** ms that a client's clock may be off. Default: 15 minutes for S3, 5 for the others, as AWS has it. */
  readonly clockSkew?: number;
  /** Seconds that every session lives, whatever was asked for. Default: as asked for. */
  readonly sessionSeconds?: number;
  /** Of the administrator in the first account. Default: a new pair. */
  readonly adminCredentials?: Credentials;
  /**
   * S3 and EventBridge may send to queues of their own account that have no policy, which AWS refuses. Default false.
   */
  readonly lenientDelivery?: boolean;
  /** Told of each call when it was answered; the same are in `requests`. */
  readonly onRequest?: (request: LoggedRequest) => void;
  /** Told of errors that are the stand-in's own. Default: they are thrown, out of any call. */
  readonly trouble?: (error: unknown) => void;
}

export type MessageView = Pick<Message, "id" | "body" | "receiveCount" | "sentAt" | "deadLetterSource" | "state">;

export interface LocalAws {
  /** http://127.0.0.1:PORT, or https, for all services. */
  readonly url: string;
  /** The same, by service, in the form of client options. */
  readonly endpoints: { readonly sqs: string; readonly s3: string; readonly sts: string; readonly iam: string };
  /** The account and region where things are made unless said otherwise. */
  readonly account: string;
  readonly region: string;
  /** Of an administrator of the first account. */
  readonly credentials: Credentials;
  readonly faults: Faults;
  readonly requests: RequestLog;

  /** Makes, or finds, an account. */
  createAccount(account: AccountOptions): void;
  setServiceControlPolicies(account: string, policies: readonly PolicySource[]): void;
  setResourceControlPolicies(account: string, policies: readonly PolicySource[]): void;
  /** All requests go by a VPC endpoint from now on; undefined: by none. Its policy allows everything by default. */
  setVpcEndpoint(endpoint: { readonly id: string; readonly policy?: PolicySource } | undefined): void;
  createUser(user: NewUser): { readonly arn: string; readonly name: string; readonly credentials: Credentials };
  /** With its first key. */
  findUser(
    name: string,
    account?: string,
  ): { readonly arn: string; readonly name: string; readonly credentials: Credentials } | undefined;
  createRole(role: NewRole): { readonly arn: string; readonly name: string };
  /** In the account "aws": one that AWS manages. @returns its ARN */
  createManagedPolicy(name: string, document: PolicySource, account?: string): string;
  putUserPolicy(userArn: string, name: string, document: PolicySource): void;
  putRolePolicy(roleArn: string, name: string, document: PolicySource): void;
  setTrust(roleArn: string, document: PolicySource): void;
  /** An issuer of tokens for AssumeRoleWithWebIdentity. `token` signs claims; what they lack is as it should be, and holds for an hour. */
  createOidcProvider(provider: NewOidcProvider): { readonly arn: string; token(claims?: Claims): string };
  /** Credentials of a role as if it had been assumed, without asking its trust policy. */
  issueSession(roleArn: string, options?: { readonly seconds?: number; readonly name?: string }): Credentials;
  /** Ends the sessions of a role (or one session, by its key id) now: the next call finds its token expired. */
  expireSessions(roleArnOrAccessKeyId: string): void;

  createBucket(bucket: NewBucket): { readonly arn: string; readonly name: string };
  putObject(object: NewObject): PutObjectResult;
  deleteObject(bucket: string, key: string): void;
  /** What GetObject would send; undefined when there is none. */
  readObject(bucket: string, key: string, versionId?: string): Buffer | undefined;
  /** Of all objects, or of those below a prefix. */
  listKeys(bucket: string, prefix?: string): string[];

  createQueue(queue: NewQueue): { readonly arn: string; readonly name: string; readonly url: string };
  /** @returns the message's id */
  sendMessage(queue: string, body: string): string;
  /** All messages that a queue holds, in the order in which they came. */
  messages(queue: string): MessageView[];
  createRule(rule: NewRule): { readonly arn: string };
  setRuleEnabled(ruleArn: string, enabled: boolean): void;
  /** Sends what would announce an object that is there; @returns the body. */
  announce(announcement: Announcement): string;

  /** @returns its ARN */
  createKey(key?: NewKey): string;
  setKeyEnabled(keyArn: string, enabled: boolean): void;
  setKeyPolicy(keyArn: string, policy: PolicySource): void;
  grant(keyArn: string, grant: Omit<Grant, "id">): void;

  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts SQS, S3, STS, IAM, EventBridge, KMS, Organizations and CloudWatch on one port of this machine. Everything is kept in memory and gone at the end. */
/** The policy that a VPC endpoint has when none is given. */
const everything = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: "*", Action: "*", Resource: "*" }],
};

export async function startLocalAws(options: LocalAwsOptions = {}): Promise<LocalAws> {
  const {
    port = 0,
    host = "127.0.0.1",
    accounts = ["123456789012"],
    region = "us-east-1",
    now = Date.now,
    lenientDelivery = false,
    trouble = (error: unknown) =>
      queueMicrotask(() => {
        throw error;
      }),
  } = options;
  const awsPolicies = new Map([[administratorAccess.arn, administratorAccess]]);
  const identity: Identity = { accounts: new Map(), accessKeys: new Map(), awsPolicies };
  let url = "";
  const world: World = {
    now,
    get url() {
      return url;
    },
    identity,
    queues: new Map(),
    buckets: new Map(),
    keys: [],
    rules: [],
    lenientDelivery,
    sessionSeconds: options.sessionSeconds,
  };
  const faults = createFaults();
  const log = createRequestLog(options.onRequest);
  const serving: Serving = {
    world,
    services: [
      createSqs(world),
      createS3(world),
      createSts(world),
      createIam(world),
      createEvents(world),
      createKms(world),
      createOrganizations(world),
      createMetrics(world),
    ],
    faults,
    log,
    clockSkew: options.clockSkew,
    defaultRegion: region,
    trouble,
  };
  const listening = await listen(createHttpServer(serving, options.tls), port, host);
  url = `${options.tls === undefined ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${listening.port}`;

  for (const account of accounts) {
    addAccount(typeof account === "string" ? { id: account } : account);
  }
  const [first] = identity.accounts.keys();
  if (first === undefined) throw new RangeError("accounts: at least one is needed");
  const admin = addUser(accountOf(first), "admin", now());
  admin.attached.set(administratorAccess.arn, administratorAccess);
  const adminKey = addAccessKey(identity, admin, options.adminCredentials);

  function addAccount({ id, partition = partitionOf(region), organization, state = "ACTIVE" }: AccountOptions): void {
    if (!identity.accounts.has(id)) identity.accounts.set(id, createAccount(id, partition, organization, state));
  }
  function accountOf(id: string = first as string): Account {
    return known(identity.accounts.get(id), `account ${id}`);
  }
  const bucketOf = (name: string): Bucket => known(world.buckets.get(name), `bucket ${name}`);
  const userOf = (arn: string): User => {
    const entity = findEntity(identity, arn);
    return known(entity?.kind === "user" ? entity : undefined, `user ${arn}`);
  };
  const roleOf = (arn: string): Role => known(findRole(identity, arn), `role ${arn}`);
  const managed = (arn: string): ManagedPolicy => known(findManagedPolicy(identity, arn), `policy ${arn}`);
  const keyOf = (arn: string): KmsKey => known(findKey(world, arn), `key ${arn}`);
  const keyArn = (name: string | undefined, bucket: Bucket): string | undefined =>
    name === undefined ? undefined : known(findKey(world, name, bucket), `key ${name}`).arn;
  const queueOf = (named: string): Queue => {
    const { account, name } = readQueueUrl(named) ?? { account: undefined, name: named };
    const live = [...world.queues.values()].filter((queue) => queue.deletedAt === undefined);
    const fits = (queue: Queue) => queue.name === name && (account === undefined || queue.account === account);
    return known(world.queues.get(named) ?? live.find(fits), `queue ${named}`);
  };
  const eventOf = (name: string, bucket: Bucket, object: ObjectEvent["object"]): ObjectEvent => ({
    name,
    bucket,
    object,
    requester: bucket.account,
    requestId: randomUUID(),
    sourceIp: "127.0.0.1",
    now: now(),
  });
  const attachAll = (entity: User | Role, given: Pick<NewUser, "policies" | "attached" | "boundary">) => {
    for (const [name, document] of Object.entries(given.policies ?? {})) {
      entity.inline.set(name, parsePolicy(document, "identity"));
    }
    for (const arn of given.attached ?? []) entity.attached.set(arn, managed(arn));
    entity.boundary = given.boundary === undefined ? undefined : managed(given.boundary);
  };

  const aws: LocalAws = {
    url,
    endpoints: { sqs: url, s3: url, sts: url, iam: url },
    account: first,
    region,
    credentials: credentialsOf(adminKey),
    faults,
    requests: log,

    createAccount: addAccount,
    setServiceControlPolicies(account, policies) {
      accountOf(account).serviceControlPolicies = policies.map((policy) => parsePolicy(policy, "identity"));
    },
    setResourceControlPolicies(account, policies) {
      accountOf(account).resourceControlPolicies = policies.map((policy) => parsePolicy(policy, "identity"));
    },
    setVpcEndpoint(endpoint) {
      const { id, policy = everything } = endpoint ?? {};
      identity.vpcEndpoint = id === undefined ? undefined : { id, policy: parsePolicy(policy, "resource") };
    },
    createUser(given) {
      const account = accountOf(given.account);
      unknown(account.users, given.name, "user");
      const user = addUser(account, given.name, now(), given.path);
      attachAll(user, given);
      for (const name of given.groups ?? [])
        user.groups.add(account.groups.get(name) ?? addGroup(account, name, now()));
      return {
        arn: user.arn,
        name: user.name,
        credentials: credentialsOf(addAccessKey(identity, user, given.credentials)),
      };
    },
    findUser(name, account) {
      const user = accountOf(account).users.get(name);
      const key = [...identity.accessKeys.values()].find(({ principal }) => principal.entity === user);
      if (user === undefined || key === undefined) return undefined;
      return { arn: user.arn, name, credentials: credentialsOf(key) };
    },
    createRole(given) {
      const account = accountOf(given.account);
      unknown(account.roles, given.name, "role");
      const role = addRole(account, given.name, parseTrust(identity, given.trust), now(), given.path);
      attachAll(role, given);
      role.maxSessionDuration = given.maxSessionDuration ?? 3600;
      return { arn: role.arn, name: role.name };
    },
    createManagedPolicy(name, document, account) {
      const ofAws = { id: "aws", partition: partitionOf(region), policies: identity.awsPolicies };
      const owner = account === "aws" ? ofAws : accountOf(account);
      return addManagedPolicy(owner, name, parsePolicy(document, "identity"), now()).arn;
    },
    putUserPolicy(arn, name, document) {
      userOf(arn).inline.set(name, parsePolicy(document, "identity"));
    },
    putRolePolicy(arn, name, document) {
      roleOf(arn).inline.set(name, parsePolicy(document, "identity"));
    },
    setTrust(arn, document) {
      roleOf(arn).trust = parseTrust(identity, document);
    },
    createOidcProvider({ account, issuer, audiences = ["sts.amazonaws.com"] }) {
      const provider = addOidcProvider(accountOf(account), issuer, audiences);
      return {
        arn: provider.arn,
        token(claims = {}) {
          const iat = Math.floor(now() / 1000);
          const usual = { iss: issuer, aud: audiences, sub: "system:serviceaccount:default:default" };
          return signToken(provider, { ...usual, iat, exp: iat + 3600, ...claims });
        },
      };
    },
    issueSession(arn, { seconds = 3600, name = "issued" } = {}) {
      const expiresAt = now() + seconds * 1000;
      return credentialsOf(addSession(identity, { role: roleOf(arn), name, expiresAt, chained: false }));
    },
    expireSessions(named) {
      for (const key of identity.accessKeys.values()) {
        if (key.principal.kind !== "session") continue;
        if (key.accessKeyId === named || key.principal.roleArn === named) key.expiresAt = now();
      }
    },

    createBucket(given) {
      const account = accountOf(given.account).id;
      const bucket = addBucket(world, { name: given.name, region: given.region ?? region, account });
      if (given.versioned) bucket.versioning = "Enabled";
      bucket.policy = given.policy === undefined ? undefined : parsePolicy(given.policy, "resource");
      bucket.notifications = { queues: [], eventBridge: given.eventBridge ?? false };
      bucket.kmsKey = given.kmsKey;
      bucket.requesterPays = given.requesterPays ?? false;
      return { arn: bucket.arn, name: bucket.name };
    },
    putObject(given) {
      const bucket = bucketOf(given.bucket);
      const body = Buffer.from(given.body as Uint8Array);
      const version = store(
        bucket,
        {
          key: given.key,
          body,
          etag: hash("md5", body, "hex"),
          headers: { "content-type": "binary/octet-stream", ...given.headers },
          storageClass: given.storageClass ?? "STANDARD",
          kmsKey: keyArn(given.kmsKey ?? bucket.kmsKey, bucket),
          checksum: undefined,
        },
        now(),
      );
      if (given.announce ?? true) announceEverywhere(world, eventOf("ObjectCreated:Put", bucket, version));
      return {
        etag: version.etag,
        versionId: bucket.versioning === undefined ? undefined : version.versionId,
        size: body.length,
      };
    },
    deleteObject(bucket, key) {
      const { objects } = bucketOf(bucket);
      if (objects.delete(key)) bucketOf(bucket).sortedKeys = undefined;
    },
    readObject(bucket, key, versionId) {
      const found =
        versionId === undefined ? currentVersion(bucketOf(bucket), key) : findVersion(bucketOf(bucket), key, versionId);
      return found?.deleteMarker ? undefined : found?.body;
    },
    listKeys: (bucket, prefix = "") =>
      [...bucketOf(bucket).objects.keys()].filter((key) => key.startsWith(prefix)).sort(),

    createQueue(given) {
      const place = { region: given.region ?? region, account: accountOf(given.account).id, name: given.name };
      const { arn, name, url: queueUrl } = addQueue(world, place, given.attributes ?? {});
      return { arn, name, url: queueUrl };
    },
    sendMessage: (queue, body) => send(queueOf(queue), { body, senderId: "AIDAEXAMPLE" }, now()).id,
    messages(named) {
      const queue = queueOf(named);
      advance(queue, now());
      return [...queue.messages.values()].map(({ id, body, receiveCount, sentAt, deadLetterSource, state }) => ({
        id,
        body,
        receiveCount,
        sentAt,
        deadLetterSource,
        state,
      }));
    },
    createRule(given) {
      const account = accountOf(given.account);
      const place = given.region ?? region;
      const rule: Rule = {
        name: given.name,
        arn: `arn:${account.partition}:events:${place}:${account.id}:rule/${given.name}`,
        account: account.id,
        region: place,
        pattern: given.pattern,
        enabled: true,
        targets: given.targets,
      };
      world.rules.push(rule);
      return { arn: rule.arn };
    },
    setRuleEnabled(arn, enabled) {
      known(
        world.rules.find((rule) => rule.arn === arn),
        `rule ${arn}`,
      ).enabled = enabled;
    },
    announce({ bucket: name, key, queue, form = "security-lake", versionId }) {
      const bucket = bucketOf(name);
      const found = versionId === undefined ? currentVersion(bucket, key) : findVersion(bucket, key, versionId);
      const body = JSON.stringify(bodyOf(eventOf("ObjectCreated:Put", bucket, known(found, `object ${key}`)), form));
      send(queueOf(queue), { body, senderId: "events.amazonaws.com" }, now());
      return body;
    },

    createKey(given = {}) {
      const account = accountOf(given.account);
      const policy =
        given.policy === undefined
          ? accountKeyPolicy(account.partition, account.id)
          : parsePolicy(given.policy, "resource");
      const place = { account: account.id, region: given.region ?? region };
      const key = newKey(place, account.partition, { policy, alias: given.alias });
      world.keys.push(key);
      return key.arn;
    },
    setKeyEnabled(arn, enabled) {
      keyOf(arn).enabled = enabled;
    },
    setKeyPolicy(arn, policy) {
      keyOf(arn).policy = parsePolicy(policy, "resource");
    },
    grant(arn, given) {
      keyOf(arn).grants.push({ ...given, id: randomUUID().replaceAll("-", "") });
    },

    close: listening.close,
    [Symbol.asyncDispose]: listening.close,
  };
  return aws;
}

/** What a test seeds must be there; that it is not is the test's mistake, not AWS's answer. */
function known<T>(found: T | undefined, what: string): T {
  if (found === undefined) throw new AwsError(404, "NotSeeded", `There is no ${what} in this stand-in.`);
  return found;
}

/** Made twice, the second would silently take the place of the first. */
function unknown(names: ReadonlyMap<string, unknown>, name: string, what: string): void {
  if (names.has(name)) throw new AwsError(409, "EntityAlreadyExists", `There is a ${what} ${name} already.`);
}

function credentialsOf({ accessKeyId, secretAccessKey, sessionToken }: Credentials): Credentials {
  return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) };
}
