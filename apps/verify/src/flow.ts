import {
  DescribeRuleCommand,
  type DescribeRuleResponse,
  ListRuleNamesByTargetCommand,
  ListRulesCommand,
  ListTargetsByRuleCommand,
  type Target,
} from "@aws-sdk/client-eventbridge";
import {
  GetBucketEncryptionCommand,
  GetBucketNotificationConfigurationCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  type NotificationConfiguration,
  type S3Client,
} from "@aws-sdk/client-s3";
import { isDenied } from "./administrator.ts";
import type { Pattern } from "./event-pattern.ts";
import type { Admin } from "./lake.ts";

/** The lake's buckets, and what brings their events to the queue. */
export interface Flow {
  /** Of the queue's Region. */
  readonly buckets: readonly Bucket[];
  /** Of other Regions, which a roll-up Region gathers. */
  readonly elsewhere: readonly string[];
  /** Rules that have the queue as a target. */
  readonly rules: readonly Rule[];
  /** Rules without it. */
  readonly otherRules: readonly Rule[];
}

export interface Bucket {
  readonly name: string;
  readonly arn: string;
  readonly notifications: Pick<
    NotificationConfiguration,
    "QueueConfigurations" | "EventBridgeConfiguration" | "TopicConfigurations" | "LambdaFunctionConfigurations"
  >;
  /** Of objects that come; absent where it may not be looked at. */
  readonly encryption?: Encryption;
  /** With their versions, where they have some: aws/VPC_FLOW/2.0/, ext/okta/ */
  readonly sources: readonly string[];
}

export interface Encryption {
  /** ARN, id or alias, of the key; absent where a service encrypts by itself. */
  readonly key?: string;
}

export interface Rule {
  readonly name: string;
  readonly arn: string;
  readonly enabled: boolean;
  readonly pattern: Pattern;
  /** The service of AWS that has made it and lets nobody else change it. */
  readonly managedBy?: string;
  /** What put-rule takes away unless it is told again: options of the AWS CLI. Known of rules that lead to the queue. */
  readonly kept?: Readonly<Record<string, string>>;
  /** Beside the queue; undefined: they may not be looked at, or the rule does not lead to the queue. */
  readonly otherTargets?: number;
  /** How it sends to the queue, where that is as a role. */
  readonly byRole?: TargetByRole;
}

/** A target to which a rule sends as a role, and what else the target has. */
export interface TargetByRole {
  readonly rule: string;
  readonly target: Target & { readonly RoleArn: string };
}

export const bucketPrefix = "aws-security-data-lake-";

/** @throws the SDK's errors */
export async function readFlow(admin: Admin, queueArn: string, named: readonly string[] = []): Promise<Flow> {
  const region = queueArn.split(":")[3] ?? admin.region;
  const [names, rules] = await Promise.all([named.length > 0 ? named : bucketsOf(admin), readRules(admin, queueArn)]);
  const here = names.filter((name) => named.includes(name) || name.startsWith(`${bucketPrefix}${region}-`));
  return {
    buckets: await Promise.all(here.map((name) => readBucket(admin, queueArn, name))),
    elsewhere: names.filter((name) => !here.includes(name)),
    ...rules,
  };
}

async function bucketsOf({ s3 }: Admin): Promise<string[]> {
  const { Buckets = [] } = await s3.send(new ListBucketsCommand({}));
  return Buckets.flatMap(({ Name: name = "" }) => (name.startsWith(bucketPrefix) ? [name] : []));
}

async function readBucket({ s3 }: Admin, queueArn: string, name: string): Promise<Bucket> {
  const Bucket = name;
  const [notifications, encryption, aws, ext] = await Promise.all([
    s3.send(new GetBucketNotificationConfigurationCommand({ Bucket })),
    encryptionOf(s3, Bucket),
    ...["aws/", "ext/"].map((prefix) => sourcesBelow(s3, name, prefix)),
  ]);
  const { QueueConfigurations, EventBridgeConfiguration, TopicConfigurations, LambdaFunctionConfigurations } =
    notifications;
  return {
    name,
    arn: `arn:${queueArn.split(":")[1]}:s3:::${name}`,
    notifications: {
      ...(QueueConfigurations && { QueueConfigurations }),
      ...(EventBridgeConfiguration && { EventBridgeConfiguration }),
      ...(TopicConfigurations && { TopicConfigurations }),
      ...(LambdaFunctionConfigurations && { LambdaFunctionConfigurations }),
    },
    ...(encryption && { encryption }),
    sources: [aws, ext].flatMap((found) => found ?? []),
  };
}

async function encryptionOf(s3: S3Client, Bucket: string): Promise<Encryption | undefined> {
  try {
    const { ServerSideEncryptionConfiguration: found } = await s3.send(new GetBucketEncryptionCommand({ Bucket }));
    const { SSEAlgorithm, KMSMasterKeyID } = found?.Rules?.[0]?.ApplyServerSideEncryptionByDefault ?? {};
    // Where no key is named, it is that of S3.
    return SSEAlgorithm?.startsWith("aws:kms") ? { key: KMSMasterKeyID ?? "alias/aws/s3" } : {};
  } catch (error) {
    if ((error as Error).name === "ServerSideEncryptionConfigurationNotFoundError") return {};
    if (isDenied(error)) return undefined;
    throw error;
  }
}

/** Security Lake lets a role read a version of a source, not the source. */
async function sourcesBelow(s3: S3Client, bucket: string, prefix: string): Promise<readonly string[]> {
  const sources = await foldersIn(s3, bucket, prefix);
  const found = await Promise.all(
    sources.map(async (source) => {
      const versions = (await foldersIn(s3, bucket, source)).filter((folder) => version.test(folder));
      return versions.length > 0 ? versions : [source];
    }),
  );
  return found.flat();
}

export async function foldersIn(s3: S3Client, Bucket: string, Prefix: string): Promise<readonly string[]> {
  const { CommonPrefixes = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix, Delimiter: "/" }));
  return CommonPrefixes.flatMap(({ Prefix: folder }) => folder ?? []);
}

const version = /\/(\d+\.\d+)\/$/;

/** Of several versions of a source the newest: what is below an older one is old, perhaps, and announced no more. */
export function newestVersions(sources: readonly string[]): readonly string[] {
  const numberOf = (source: string) => Number(version.exec(source)?.[1] ?? 0);
  const nameOf = (source: string) => source.replace(version, "/");
  return sources.filter(
    (source) => !sources.some((other) => nameOf(other) === nameOf(source) && numberOf(other) > numberOf(source)),
  );
}

async function readRules({ events }: Admin, queueArn: string): Promise<Pick<Flow, "rules" | "otherRules">> {
  const [leading, listed] = await Promise.all([
    allPages((next) => events.send(new ListRuleNamesByTargetCommand({ TargetArn: queueArn, ...next }))),
    allPages((next) => events.send(new ListRulesCommand(next))),
  ]);
  const names = leading.flatMap(({ RuleNames = [] }) => RuleNames);
  const all = listed.flatMap(({ Rules = [] }) => Rules);
  const rules = names.map(async (Name): Promise<Rule> => {
    const [found, targets] = await Promise.all([
      events.send(new DescribeRuleCommand({ Name })),
      targetsOf(events, Name),
    ]);
    return { ...ruleOf(found), kept: keptOf(found), ...(targets && aimed(Name, targets, queueArn)) };
  });
  return {
    rules: await Promise.all(rules),
    otherRules: all.filter(({ Name = "" }) => !names.includes(Name)).map(ruleOf),
  };
}

function ruleOf({ Name, Arn, State, EventPattern, ManagedBy }: DescribeRuleResponse): Rule {
  return {
    name: Name ?? "",
    arn: Arn ?? "",
    enabled: State !== "DISABLED",
    pattern: EventPattern === undefined ? ofNothing : (JSON.parse(EventPattern) as Pattern),
    ...(ManagedBy !== undefined && { managedBy: ManagedBy }),
  };
}

/** A rule that goes by the clock has no pattern. */
const ofNothing: Pattern = { source: [] };

function keptOf(rule: DescribeRuleResponse): Readonly<Record<string, string>> {
  const options = {
    state: rule.State,
    description: rule.Description,
    "role-arn": rule.RoleArn,
    "schedule-expression": rule.ScheduleExpression,
    "event-bus-name": rule.EventBusName,
  };
  return Object.fromEntries(Object.entries(options).flatMap(([name, value]) => (value ? [[name, value]] : [])));
}

/** Who may not look at them can see the rules all the same. */
async function targetsOf(events: Admin["events"], Rule: string): Promise<readonly Target[] | undefined> {
  try {
    const pages = await allPages((next) => events.send(new ListTargetsByRuleCommand({ Rule, ...next })));
    return pages.flatMap(({ Targets = [] }) => Targets);
  } catch (error) {
    if (isDenied(error)) return undefined;
    throw error;
  }
}

function aimed(rule: string, targets: readonly Target[], queueArn: string): Pick<Rule, "otherTargets" | "byRole"> {
  const here = targets.filter(({ Arn }) => Arn === queueArn);
  const [target] = here.filter((one): one is TargetByRole["target"] => one.RoleArn !== undefined);
  // One that sends as EventBridge itself is enough.
  const byRole = here.every(({ RoleArn }) => RoleArn !== undefined) && target;
  return { otherTargets: targets.length - here.length, ...(byRole && { byRole: { rule, target: byRole } }) };
}

/** The SDK has no paginator for EventBridge. */
async function allPages<T extends { readonly NextToken?: string | undefined }>(
  send: (next: { readonly NextToken?: string }) => Promise<T>,
): Promise<T[]> {
  const pages: T[] = [];
  for (let next: string | undefined; pages.length === 0 || next !== undefined; next = pages.at(-1)?.NextToken) {
    pages.push(await send(next === undefined ? {} : { NextToken: next }));
  }
  return pages;
}
