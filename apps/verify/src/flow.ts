import {
  DescribeRuleCommand,
  type DescribeRuleResponse,
  ListRuleNamesByTargetCommand,
  ListRulesCommand,
  ListTargetsByRuleCommand,
} from "@aws-sdk/client-eventbridge";
import {
  GetBucketEncryptionCommand,
  GetBucketNotificationConfigurationCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  type NotificationConfiguration,
  type QueueConfiguration,
  type S3Client,
} from "@aws-sdk/client-s3";
import { isDenied } from "./administrator.ts";
import type { Admin } from "./lake.ts";
import { listOf } from "./policy.ts";

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
}

export interface Pattern {
  readonly source?: readonly unknown[];
  readonly "detail-type"?: readonly unknown[];
  readonly detail?: {
    readonly bucket?: { readonly name?: readonly unknown[] };
    readonly object?: { readonly key?: readonly unknown[] };
  };
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

async function foldersIn(s3: S3Client, Bucket: string, Prefix: string): Promise<readonly string[]> {
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
    const [found, otherTargets] = await Promise.all([
      events.send(new DescribeRuleCommand({ Name })),
      otherTargetsOf(events, Name, queueArn),
    ]);
    return { ...ruleOf(found), kept: keptOf(found), ...(otherTargets !== undefined && { otherTargets }) };
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
    pattern: JSON.parse(EventPattern ?? "{}") as Pattern,
    ...(ManagedBy !== undefined && { managedBy: ManagedBy }),
  };
}

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
async function otherTargetsOf(events: Admin["events"], Rule: string, queueArn: string): Promise<number | undefined> {
  try {
    const pages = await allPages((next) => events.send(new ListTargetsByRuleCommand({ Rule, ...next })));
    return pages.flatMap(({ Targets = [] }) => Targets).filter(({ Arn }) => Arn !== queueArn).length;
  } catch (error) {
    if (isDenied(error)) return undefined;
    throw error;
  }
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

/** What lets events of a bucket through to the queue. */
export interface Route {
  readonly service: "events.amazonaws.com" | "s3.amazonaws.com";
  /** Of the rule, or of the bucket. */
  readonly sourceArn: string;
  readonly name: string;
  /** Whether an object below this folder is announced. */
  announces(folder: string): boolean;
}

export function routesOf(flow: Flow, bucket: Bucket, queueArn: string): Route[] {
  const native = (bucket.notifications.QueueConfigurations ?? []).filter(
    ({ QueueArn, Events = [] }) =>
      QueueArn === queueArn && Events.some((event) => event.startsWith("s3:ObjectCreated:")),
  );
  const rules = bucket.notifications.EventBridgeConfiguration
    ? flow.rules.filter((rule) => rule.enabled && concernsBucket(rule, bucket))
    : [];
  return [
    ...rules.map(
      (rule): Route => ({
        service: "events.amazonaws.com",
        sourceArn: rule.arn,
        name: `EventBridge rule ${rule.name}`,
        announces: (folder) => announcedBy(rule, folder),
      }),
    ),
    ...native.map(nativeRoute(bucket)).filter(({ announces }) => hasSuch(bucket, announces)),
  ];
}

function nativeRoute({ arn: sourceArn }: Bucket) {
  return ({ Filter }: QueueConfiguration): Route => {
    const filter = (name: string) =>
      Filter?.Key?.FilterRules?.find(({ Name }) => Name?.toLowerCase() === name)?.Value ?? "";
    const [prefix, suffix] = [filter("prefix"), filter("suffix")];
    const ofParquet = suffix.endsWith(".parquet") || ".gz.parquet".endsWith(suffix);
    return {
      service: "s3.amazonaws.com",
      sourceArn,
      name: "event notification of the bucket",
      announces: (folder) => ofParquet && (prefix.startsWith(folder) || folder.startsWith(prefix)),
    };
  };
}

/** A bucket without a source yet says nothing of what will be announced. */
function hasSuch({ sources }: Bucket, announces: (folder: string) => boolean): boolean {
  return sources.length === 0 || sources.some(announces);
}

function announcedBy({ pattern }: Rule, folder: string): boolean {
  return mayMatch(pattern.detail?.object?.key, folder);
}

/** Whether it is about new objects of a bucket's sources. */
export function concernsBucket(rule: Rule, bucket: Bucket): boolean {
  return (
    concernsObjects(rule) &&
    mayMatch(rule.pattern.detail?.bucket?.name, bucket.name, true) &&
    hasSuch(bucket, (folder) => announcedBy(rule, folder))
  );
}

export function concernsObjects({ pattern: { source, "detail-type": type } }: Rule): boolean {
  return mayMatch(source, "aws.s3", true) && mayMatch(type, "Object Created", true);
}

/** Whether a text, or one that begins with it, can be what a pattern of EventBridge asks for. */
function mayMatch(wanted: readonly unknown[] | undefined, text: string, whole = false): boolean {
  if (wanted === undefined) return true;
  return listOf(wanted).some((want) => {
    if (typeof want === "string") return whole ? want === text : want.startsWith(text);
    const prefix = (want as { readonly prefix?: unknown } | null)?.prefix;
    // Other filters are not judged: they count as letting through.
    if (typeof prefix !== "string") return true;
    return text.startsWith(prefix) || (!whole && prefix.startsWith(text));
  });
}
