import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createSubscription,
  type LocalAws,
  type LocalAwsOptions,
  type Subscription,
  type SubscriptionOptions,
  startLocalAws,
} from "@threatlockdown/tooling-local-aws";
import { startWodle, type Wodle } from "./wodle.ts";

export interface LakeFile {
  readonly key: string;
  readonly bytes: Uint8Array;
}

export interface LabOptions {
  readonly indexer?: {
    readonly url: string;
    readonly username?: string;
    readonly password?: string;
    /** File of the certificate authority, PEM. */
    readonly ca?: string;
  };
  readonly aws?: LocalAwsOptions;
  readonly subscription?: SubscriptionOptions;
  /** `<cluster>` of the manager; without it, a single manager. */
  readonly cluster?: { readonly name: string; readonly node: string };
  /** What the module says of its schedule. */
  readonly schedule?: string;
}

/** A lake, its subscription and a manager's folder on this machine. Everything is gone at the end. */
export interface Lab {
  readonly aws: LocalAws;
  readonly subscription: Subscription;
  /** The manager's folder, with etc/ossec.conf. */
  readonly folder: string;
  /** Writes an object into the lake's bucket, which announces it. */
  put(file: LakeFile): void;
  send(body: string): void;
  wodle(args: readonly string[], onStderr?: (text: string) => void): Wodle;
  /** Runs the wodle to its end. */
  once(...args: string[]): Promise<Wodle & { readonly code: number | null }>;
  /** Messages in the queue, in whatever state. */
  messages(): number;
  deadLetters(): Promise<Record<string, unknown>[]>;
  /** Environment of the wodle: addresses of AWS, the user's credentials, the indexer's user. */
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function createLab(options: LabOptions = {}): Promise<Lab> {
  const aws = await startLocalAws(options.aws);
  const subscription = createSubscription(aws, options.subscription);
  const folder = await mkdtemp(join(tmpdir(), "threatlockdown-lab-"));
  const config = join(folder, "ossec.conf");
  await writeFile(config, ossecConf(subscription, options));
  const { accessKeyId, secretAccessKey } = subscription.userCredentials;
  const { username, password } = options.indexer ?? {};
  const environment = {
    AWS_ENDPOINT_URL: aws.url,
    AWS_REGION: subscription.region,
    // The older AWS CLI knows this name only.
    AWS_DEFAULT_REGION: subscription.region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    ...(username !== undefined && password !== undefined && { INDEXER_USERNAME: username, INDEXER_PASSWORD: password }),
  };
  const running = new Set<Wodle>();

  const lab: Lab = {
    aws,
    subscription,
    folder,
    environment,
    put({ key, bytes }) {
      aws.putObject({ bucket: subscription.bucket, key, body: bytes });
    },
    send(body) {
      aws.sendMessage(subscription.queueUrl, body);
    },
    wodle([command = "once", ...args], onStderr) {
      const wodle = startWodle([command, "--config", config, ...args], environment, onStderr);
      running.add(wodle);
      void wodle.ended.finally(() => running.delete(wodle));
      return wodle;
    },
    async once(...args) {
      const wodle = lab.wodle(["once", ...args]);
      const { code } = await wodle.ended;
      return { ...wodle, code };
    },
    messages: () => aws.messages(subscription.queueUrl).length,
    async deadLetters() {
      const text = await readFile(join(folder, "security-lake", "dead-letter.ndjson"), "utf8").catch(() => "");
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    async close() {
      for (const wodle of running) wodle.kill("SIGKILL");
      await Promise.all([...running].map(({ ended }) => ended));
      await aws.close();
      await rm(folder, { recursive: true, force: true });
    },
    [Symbol.asyncDispose]: () => lab.close(),
  };
  return lab;
}

/** The file as an administrator writes it. */
function ossecConf(subscription: Subscription, { indexer, cluster, schedule }: LabOptions): string {
  const { queueName, roleArn, externalId } = subscription;
  const certificates =
    indexer?.ca === undefined
      ? ""
      : `
    <ssl>
      <certificate_authorities>
        <ca>${indexer.ca}</ca>
      </certificate_authorities>
    </ssl>`;
  return `<ossec_config>
  <global>
    <jsonout_output>yes</jsonout_output>
  </global>

  <indexer>
    <enabled>${indexer === undefined ? "no" : "yes"}</enabled>
    <hosts>
      <host>${indexer?.url ?? "https://127.0.0.1:9200"}</host>
    </hosts>${certificates}
  </indexer>

  <wodle name="aws-s3">
    <disabled>no</disabled>
    ${schedule ?? "<interval>1h</interval>"}
    <run_on_start>yes</run_on_start>
    <subscriber type="security_lake">
      <sqs_name>${queueName}</sqs_name>
      <iam_role_arn>${roleArn}</iam_role_arn>
      <iam_role_duration>1300</iam_role_duration>
      <external_id>${externalId}</external_id>
    </subscriber>
  </wodle>
</ossec_config>

<ossec_config>
  <cluster>
    <name>${cluster?.name ?? "wazuh"}</name>
    <node_name>${cluster?.node ?? "node01"}</node_name>
    <disabled>${cluster === undefined ? "yes" : "no"}</disabled>
  </cluster>
</ossec_config>
`;
}
