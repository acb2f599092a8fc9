import * as events from "@aws-sdk/client-eventbridge";
import * as iam from "@aws-sdk/client-iam";
import * as kms from "@aws-sdk/client-kms";
import * as s3 from "@aws-sdk/client-s3";
import * as sqs from "@aws-sdk/client-sqs";
import type { Subscriber } from "@threatlockdown/ossec-config";
import { makeObject } from "@threatlockdown/tooling-lake";
import {
  type Credentials,
  createSubscription,
  type LocalAws,
  type LocalAwsOptions,
  type Subscription,
  type SubscriptionOptions,
  startLocalAws,
} from "@threatlockdown/tooling-local-aws";
import { type Result, runChecks } from "../src/check.ts";
import { checks } from "../src/checks/table.ts";
import { createLake, type Surroundings } from "../src/lake.ts";
import type { Manager } from "../src/manager.ts";
import { mapResult, revealed } from "../src/report/redact.ts";
import { patience, patientLimits } from "./patience.ts";

export const object = makeObject({ source: "vpc_flow_2_0", rows: 5, seed: "verify" });
export const otherObject = makeObject({ source: "waf_2_0", rows: 5, seed: "verify" });

/** A subscription that is right, with one object in it, and everything that a test can make wrong. */
export interface Setting {
  readonly aws: LocalAws;
  readonly lake: Subscription;
  /** ARN of the lake's key. */
  readonly key: string | undefined;
  subscriber: Subscriber;
  surroundings: Surroundings;
  manager: Partial<Manager>;
  enabled: boolean;
  /** Of the stand-in's clock; ms. */
  ahead: number;
  put(file?: { readonly key: string; readonly bytes: Uint8Array }): void;
  /** External IDs are shown unless `reveal` is off. */
  verify(options?: { readonly admin?: boolean; readonly reveal?: boolean }): Promise<Result[]>;
  /** Does what a command of the AWS CLI would do, word by word as it is printed. */
  aws_cli(command: string): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface SettingOptions {
  readonly aws?: LocalAwsOptions;
  readonly subscription?: (aws: LocalAws) => SubscriptionOptions;
  /** Off: no object is there at the beginning. */
  readonly empty?: boolean;
}

export const laterObject = makeObject({ source: "vpc_flow_2_0", rows: 5, seed: "verify, later" });

/** A key of the customer's own that lets EventBridge send to a queue that is encrypted by it. */
export function lakeKey(aws: LocalAws, alias?: string): string {
  const to = (Principal: object, Action: string | string[]) => ({ Effect: "Allow", Principal, Action, Resource: "*" });
  return aws.createKey({
    ...(alias !== undefined && { alias }),
    policy: {
      Version: "2012-10-17",
      Statement: [
        to({ AWS: `arn:aws:iam::${aws.account}:root` }, "kms:*"),
        to({ Service: "events.amazonaws.com" }, ["kms:GenerateDataKey", "kms:Decrypt"]),
      ],
    },
  });
}

export const provider = (credentials: Credentials) => async () => credentials;

export async function createSetting({ aws: options, subscription, empty }: SettingOptions = {}): Promise<Setting> {
  let ahead = 0;
  const aws = await startLocalAws({ now: () => Date.now() + ahead, ...options });
  const given = subscription?.(aws);
  const lake = createSubscription(aws, given);
  const setting: Setting = {
    aws,
    lake,
    key: given?.kmsKey,
    subscriber: {
      line: 1,
      queue: lake.queueName,
      roleArn: lake.roleArn,
      externalId: lake.externalId,
      durationSeconds: 1_300,
    },
    surroundings: {
      base: provider(lake.userCredentials),
      admin: provider(aws.credentials),
      endpoint: aws.url,
      region: lake.region,
      watchFor: 20,
      poll: 0,
      patience,
    },
    manager: {},
    enabled: true,
    get ahead() {
      return ahead;
    },
    set ahead(milliseconds) {
      ahead = milliseconds;
    },
    put({ key, bytes } = object) {
      aws.putObject({ bucket: lake.bucket, key, body: bytes });
    },
    async verify({ admin = true, reveal = true } = {}) {
      const { subscriber, enabled } = setting;
      const schedule = { by: "interval", seconds: 600 } as never;
      const modules = [{ line: 1, enabled, runOnStart: true, skipOnError: false, schedule, subscribers: [subscriber] }];
      const manager = { file: "ossec.conf", settings: { modules }, issues: [], state: "/tmp", ...setting.manager };
      const { admin: administrator, ...surroundings } = setting.surroundings;
      const seen = createLake(subscriber, {
        manager,
        ...surroundings,
        ...(admin && administrator !== undefined && { admin: administrator }),
      });
      const results = await runChecks(checks({ receive: true }), seen, patientLimits);
      return reveal ? results.map((result) => mapResult(result, revealed(lake.externalId))) : results;
    },
    aws_cli: (command) => perform(aws, lake.region, command),
    [Symbol.asyncDispose]: () => aws.close(),
  };
  if (!empty) setting.put();
  return setting;
}

/** Messages are what they are; these stay texts although they look like JSON. */
const texts = new Set(["policy-document", "event-pattern", "policy"]);
const numbers = new Set(["max-session-duration"]);

export async function perform(aws: LocalAws, region: string, command: string): Promise<void> {
  const [program, service = "", operation = "", ...rest] = words(command);
  if (program !== "aws") throw new Error(`no command of the AWS CLI: ${command}`);
  const settings = { endpoint: aws.url, region, credentials: aws.credentials, forcePathStyle: true };
  const services: Readonly<
    Record<string, readonly [module: object, client: { send(command: never): Promise<unknown> }]>
  > = {
    iam: [iam, new iam.IAMClient(settings)],
    sqs: [sqs, new sqs.SQSClient(settings)],
    events: [events, new events.EventBridgeClient(settings)],
    s3api: [s3, new s3.S3Client(settings)],
    kms: [kms, new kms.KMSClient(settings)],
  };
  const [module, client] = services[service] ?? [];
  const Command = (module as Record<string, new (input: object) => never> | undefined)?.[`${pascal(operation)}Command`];
  if (Command === undefined || client === undefined) throw new Error(`the AWS CLI has no ${service} ${operation}`);
  const input: Record<string, unknown> = {};
  while (rest.length > 0) {
    const name = (rest.shift() ?? "").replace(/^--/, "");
    const flag = rest.length === 0 || rest[0]?.startsWith("--");
    if (flag) input[pascal(name)] = true;
    if (flag) continue;
    const value = rest.shift() ?? "";
    if (name === "region") {
      if (value !== region) throw new Error(`the lake is in ${region}: ${command}`);
      continue;
    }
    const json = /^[{[]/.test(value) && !texts.has(name);
    input[pascal(name)] = json ? JSON.parse(value) : numbers.has(name) ? Number(value) : value;
  }
  await client.send(new Command(input));
}

const pascal = (name: string) =>
  name
    .split("-")
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join("");

/** As a shell splits them, quotes taken off. */
export function words(command: string): string[] {
  return [...command.matchAll(/(?:'[^']*'|\\.|[^\s'\\])+/g)].map(([word]) =>
    word.replaceAll(/'([^']*)'|\\(.)/g, (_, quoted?: string, escaped?: string) => quoted ?? escaped ?? ""),
  );
}
