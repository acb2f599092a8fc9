import type { Event, QueueConfiguration } from "@aws-sdk/client-s3";
import { type Answer, anything, every, hasPieces, type Partly, type Sample, some, takes } from "./event-pattern.ts";
import { type Bucket, type Flow, newestVersions, type Rule, type TargetByRole } from "./flow.ts";

/** What lets events of a bucket through to the queue. */
export interface Route {
  readonly service: "events.amazonaws.com" | "s3.amazonaws.com";
  /** Of the rule, or of the bucket. */
  readonly sourceArn: string;
  readonly name: string;
  /** The rule sends as a role, not as EventBridge. */
  readonly byRole?: TargetByRole;
  /** Whether an object below this folder is announced, as far as is known. */
  announces(folder: string): boolean;
  /** Whether it is for certain. */
  surelyAnnounces(folder: string): boolean;
}

export function routesOf(flow: Flow, bucket: Bucket, queueArn: string): Route[] {
  const native = (bucket.notifications.QueueConfigurations ?? []).filter(({ QueueArn }) => QueueArn === queueArn);
  const rules = bucket.notifications.EventBridgeConfiguration ? flow.rules.filter(({ enabled }) => enabled) : [];
  return [...rules.map((rule) => byRule(rule, bucket)), ...native.map((one) => byItself(one, bucket))].filter((route) =>
    foldersOf(bucket).some((folder) => route.announces(folder)),
  );
}

function byRule(rule: Rule, bucket: Bucket): Route {
  return {
    service: "events.amazonaws.com",
    sourceArn: rule.arn,
    name: `EventBridge rule ${rule.name}`,
    ...(rule.byRole && { byRole: rule.byRole }),
    announces: (folder) => announcedBy(rule, bucket, folder) !== false,
    surelyAnnounces: (folder) => announcedBy(rule, bucket, folder) === true,
  };
}

function byItself(notification: QueueConfiguration, bucket: Bucket): Route {
  return {
    service: "s3.amazonaws.com",
    sourceArn: bucket.arn,
    name: "event notification of the bucket",
    announces: (folder) => notified(notification, folder) !== false,
    surelyAnnounces: (folder) => notified(notification, folder) === true,
  };
}

/** Where there is no source yet, none is known. */
export const foldersOf = ({ sources }: Bucket): readonly string[] =>
  sources.length === 0 ? [""] : newestVersions(sources);

/** Whether a rule, were it enabled, takes what is written into a bucket; undefined where that depends on the object. */
export function concernsBucket(rule: Rule, bucket: Bucket): Answer {
  return some(foldersOf(bucket).map((folder) => announcedBy(rule, bucket, folder)));
}

/** Objects of the lake are put whole or in parts. */
const ways = ["PutObject", "CompleteMultipartUpload"] as const;

function announcedBy({ pattern, arn }: Rule, bucket: Bucket, folder: string): Answer {
  return alike(ways.map((reason) => takes(pattern, objectCreated(bucket, arn, folder, reason))));
}

function notified({ Events = [], Filter }: QueueConfiguration, folder: string): Answer {
  const filter = (name: string) =>
    Filter?.Key?.FilterRules?.find(({ Name }) => Name?.toLowerCase() === name)?.Value ?? "";
  const created = alike(
    [":Put", ":CompleteMultipartUpload"].map((way) =>
      [":*", way].some((one) => Events.includes(`s3:ObjectCreated${one}` as Event)),
    ),
  );
  return every([created, hasPieces([filter("prefix"), filter("suffix")], keyBelow(folder))]);
}

/** What holds for all of several, or for none of them. */
const alike = (answers: readonly Answer[]): Answer => (new Set(answers).size === 1 ? answers[0] : undefined);

/** Of a custom source only what ends so is read. */
const keyBelow = (folder: string): Partly => ({
  begins: folder,
  ends: folder.startsWith("aws/") ? ".gz.parquet" : ".parquet",
});

/** Source: S3 User Guide, "EventBridge event message structure". A rule has events of its own account and Region only. */
function objectCreated({ name, arn }: Bucket, ruleArn: string, folder: string, reason: string): Sample {
  const [, , , region = "", account = ""] = ruleArn.split(":");
  return {
    version: "0",
    id: anything,
    "detail-type": "Object Created",
    source: "aws.s3",
    account,
    time: anything,
    region,
    resources: [arn],
    detail: {
      version: "0",
      bucket: { name },
      object: {
        key: keyBelow(folder),
        size: anything,
        etag: anything,
        "version-id": anything,
        sequencer: anything,
      },
      "request-id": anything,
      requester: anything,
      "source-ip-address": anything,
      reason,
    },
  };
}

/** The topic that a bucket tells of new objects: it may lead to the queue. */
export function topicOf({ notifications }: Bucket): string | undefined {
  return notifications.TopicConfigurations?.find(({ Events = [] }) =>
    Events.some((event) => event.startsWith("s3:ObjectCreated:")),
  )?.TopicArn;
}

/** Whether anything brings, or may bring, a bucket's events to the queue, be it out of order. */
export function leadsTo(flow: Flow, bucket: Bucket, queueArn: string): boolean {
  return (
    routesOf(flow, bucket, queueArn).length > 0 ||
    flow.rules.some((rule) => concernsBucket(rule, bucket) !== false) ||
    topicOf(bucket) !== undefined
  );
}
