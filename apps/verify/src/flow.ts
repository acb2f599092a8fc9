import { DescribeRuleCommand, ListRuleNamesByTargetCommand, ListRulesCommand } from "@aws-sdk/client-eventbridge";
import {
  GetBucketEncryptionCommand,
  GetBucketNotificationConfigurationCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  type NotificationConfiguration,
} from "@aws-sdk/client-s3";
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
  /** ARN of a key of the customer's own. */
  readonly key?: string;
  /** aws/VPC_FLOW/, ext/okta/ */
  readonly sources: readonly string[];
}

export interface Rule {
  readonly name: string;
  readonly arn: string;
  readonly enabled: boolean;
  readonly pattern: Pattern;
}

export interface Pattern {
  readonly source?: readonly unknown[];
  readonly detail?: {
    readonly bucket?: { readonly name?: readonly unknown[] };
    readonly object?: { readonly key?: readonly unknown[] };
  };
}

/** Names of keys can be aliases and ids too, which policies do not name. */
export const isKeyArn = (name: string): boolean => /^arn:[^:]+:kms:[^:]*:\d+:key\//.test(name);

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
  const [notifications, key, aws, ext] = await Promise.all([
    s3.send(new GetBucketNotificationConfigurationCommand({ Bucket })),
    s3.send(new GetBucketEncryptionCommand({ Bucket })).then(
      ({ ServerSideEncryptionConfiguration: found }) =>
        found?.Rules?.[0]?.ApplyServerSideEncryptionByDefault?.KMSMasterKeyID,
      () => undefined,
    ),
    ...["aws/", "ext/"].map((Prefix) => s3.send(new ListObjectsV2Command({ Bucket, Prefix, Delimiter: "/" }))),
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
    ...(key !== undefined && isKeyArn(key) && { key }),
    sources: [aws, ext].flatMap((page) => (page?.CommonPrefixes ?? []).flatMap(({ Prefix }) => Prefix ?? [])),
  };
}

async function readRules({ events }: Admin, queueArn: string): Promise<Pick<Flow, "rules" | "otherRules">> {
  const [leading, listed] = await Promise.all([
    allPages((next) => events.send(new ListRuleNamesByTargetCommand({ TargetArn: queueArn, ...next }))),
    allPages((next) => events.send(new ListRulesCommand(next))),
  ]);
  const names = leading.flatMap(({ RuleNames = [] }) => RuleNames);
  const all = listed.flatMap(({ Rules = [] }) => Rules);
  const read = ({ Name, Arn, State, EventPattern }: (typeof all)[number]): Rule => ({
    name: Name ?? "",
    arn: Arn ?? "",
    enabled: State !== "DISABLED",
    pattern: JSON.parse(EventPattern ?? "{}") as Pattern,
  });
  const rules = await Promise.all(names.map((Name) => events.send(new DescribeRuleCommand({ Name }))));
  return { rules: rules.map(read), otherRules: all.filter(({ Name = "" }) => !names.includes(Name)).map(read) };
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
    ? flow.rules.filter((rule) => rule.enabled && concernsBucket(rule, bucket.name))
    : [];
  return [
    ...rules.map(
      (rule): Route => ({
        service: "events.amazonaws.com",
        sourceArn: rule.arn,
        name: `EventBridge rule ${rule.name}`,
        announces: (folder) => mayMatch(rule.pattern.detail?.object?.key, folder),
      }),
    ),
    ...native.map(({ Filter }): Route => {
      const prefix = Filter?.Key?.FilterRules?.find(({ Name }) => Name?.toLowerCase() === "prefix")?.Value ?? "";
      return {
        service: "s3.amazonaws.com",
        sourceArn: bucket.arn,
        name: "event notification of the bucket",
        announces: (folder) => prefix.startsWith(folder) || folder.startsWith(prefix),
      };
    }),
  ];
}

export function concernsBucket({ pattern }: Rule, bucket: string): boolean {
  const source = pattern.source;
  return (source === undefined || source.includes("aws.s3")) && mayMatch(pattern.detail?.bucket?.name, bucket, true);
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
