import { createHash } from "node:crypto";
import { paginateListAccounts } from "@aws-sdk/client-organizations";
import { asAdministrator, isDenied } from "../administrator.ts";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import { awsCommand, type Command } from "../command.ts";
import {
  type Bucket,
  bucketPrefix,
  concernsBucket,
  concernsObjects,
  type Flow,
  type Pattern,
  type Rule,
  routesOf,
} from "../flow.ts";
import type { Admin, Lake } from "../lake.ts";
import { type Arrival, arrivals } from "../newest.ts";

const rights = ["s3:ListAllMyBuckets", "s3:ListBucket", "s3:GetBucketNotification", "events:ListRules"] as const;

const lakeAccount = ({ subscriber }: Lake): string | undefined => subscriber.roleArn?.split(":")[4];

export const buckets: Check = {
  id: "buckets",
  title: "The lake has a bucket in the queue's Region",
  explain: "Security Lake keeps each Region's events in a bucket there, or in that of the roll-up Region.",
  needs: ["region"],
  run: (lake) =>
    asAdministrator(lake, rights, lakeAccount(lake), async ({ account, region }) => {
      const { buckets: here, elsewhere } = await lake.flow();
      const others = elsewhere.length === 0 ? "" : `; in other Regions: ${elsewhere.join(", ")}`;
      if (here.length > 0) return { state: "ok", seen: `${here.map(({ name }) => name).join(", ")}${others}` };
      return {
        state: "failed",
        seen: `account ${account} has no bucket ${bucketPrefix}${region}-…${others}`,
        fix: `Enable Security Lake in ${region}, or make the subscriber in a Region where it is enabled`,
        console: "Security Lake > Settings > Regions",
      };
    }),
};

export const notification: Check = {
  id: "notification",
  title: "New objects are announced in the queue",
  explain:
    "The bucket tells EventBridge, whose rule tells the queue; or the bucket tells the queue itself. Otherwise objects arrive and no message does.",
  needs: ["buckets", "queue-name"],
  run: (lake) =>
    asAdministrator(lake, rights, lakeAccount(lake), async () => {
      const [flow, queueArn] = await Promise.all([lake.flow(), lake.queueArn()]);
      const findings = flow.buckets.map((bucket) => judgeBucket(flow, bucket, queueArn));
      const worst = (["failed", "could not check"] as const).flatMap((bad) =>
        findings.filter(({ state }) => state === bad),
      );
      return worst[0] ?? { state: "ok", seen: findings.map(({ seen }) => seen).join("; ") };
    }),
};

export function judgeBucket(flow: Flow, bucket: Bucket, queueArn: string): Finding {
  const routes = routesOf(flow, bucket, queueArn);
  if (routes.length > 0) return { state: "ok", seen: `${bucket.name}: ${routes.map(({ name }) => name).join(", ")}` };
  const queue = queueArn.slice(queueArn.lastIndexOf(":") + 1);
  const base = {
    state: "failed" as const,
    console: `S3 > Buckets > ${bucket.name} > Properties > Event notifications`,
  };
  const topic = topicOf(bucket);
  if (topic !== undefined) {
    return {
      ...couldNotCheck({
        because: `${bucket.name} goes to the SNS topic ${topic}; whether that leads to the queue ${queue} is not known here`,
        rights: ["sns:ListSubscriptionsByTopic"],
        how: `look whether the queue is among the subscriptions of ${topic}`,
      }),
      console: `SNS > Topics > ${topic.slice(topic.lastIndexOf(":") + 1)} > Subscriptions`,
    };
  }
  const who = "Someone who may change bucket and rules";
  const rule = flow.rules.find((one) => concernsBucket(one, bucket));
  if (rule !== undefined) {
    const off = !bucket.notifications.EventBridgeConfiguration;
    return {
      ...base,
      seen: [
        ...(off ? [`${bucket.name} does not tell EventBridge of its objects`] : []),
        ...(rule.enabled ? [] : [`the EventBridge rule ${rule.name} is disabled`]),
      ].join(", and "),
      fix: `${who} ${[
        ...(off ? [`lets the bucket ${bucket.name} tell EventBridge`] : []),
        ...(rule.enabled ? [] : [`enables the rule ${rule.name}`]),
      ].join(" and ")}`,
      console: [
        ...(off ? [base.console] : []),
        ...(rule.enabled ? [] : [`EventBridge > Rules > ${rule.name} > Enable`]),
      ].join("; "),
      commands: [...(off ? [tellEventBridge(bucket)] : []), ...(rule.enabled ? [] : [enable(rule.name)])],
    };
  }
  const astray = flow.rules.find((one) => isOfOthers(one, bucket));
  if (astray !== undefined) {
    const pattern = withBucket(astray.pattern, bucket.name);
    return {
      ...base,
      seen: `the EventBridge rule ${astray.name} leads to the queue, and not from ${bucket.name}`,
      fix: `${who} gives the rule ${astray.name} the event pattern below`,
      policy: pattern,
      console: `EventBridge > Rules > ${astray.name} > Event pattern > Edit`,
      commands: [
        ...(bucket.notifications.EventBridgeConfiguration ? [] : [tellEventBridge(bucket)]),
        awsCommand(["events", "put-rule"], { name: astray.name, "event-pattern": pattern }),
      ],
    };
  }
  const elsewhere = flow.otherRules.find((one) => one.pattern.detail !== undefined && concernsBucket(one, bucket));
  const name = elsewhere?.name ?? `ThreatLockDown-${markOf(bucket.arn, queueArn)}`;
  return {
    ...base,
    seen:
      elsewhere === undefined
        ? `no EventBridge rule and no event notification leads from ${bucket.name} to the queue ${queue}`
        : `the EventBridge rule ${elsewhere.name} leads from ${bucket.name} to other targets, not to the queue ${queue}`,
    fix:
      elsewhere === undefined
        ? `${who} makes a rule that leads from the bucket ${bucket.name} to the queue ${queue}`
        : `${who} adds the queue to the targets of the rule ${elsewhere.name}`,
    commands: [
      ...(bucket.notifications.EventBridgeConfiguration ? [] : [tellEventBridge(bucket)]),
      ...(elsewhere === undefined
        ? [awsCommand(["events", "put-rule"], { name, "event-pattern": patternOf(bucket.name) })]
        : []),
      ...(elsewhere?.enabled === false ? [enable(name)] : []),
      awsCommand(["events", "put-targets"], {
        rule: name,
        targets: [{ Id: `ThreatLockDown-${markOf(queueArn)}`, Arn: queueArn }],
      }),
    ],
  };
}

const enable = (name: string): Command => awsCommand(["events", "enable-rule"], { name });

/** The whole configuration is replaced: what is there stays in it. */
function tellEventBridge({ name, notifications }: Bucket): Command {
  return awsCommand(["s3api", "put-bucket-notification-configuration"], {
    bucket: name,
    "notification-configuration": { ...notifications, EventBridgeConfiguration: {} },
  });
}

function patternOf(bucket: string): object {
  return { source: ["aws.s3"], "detail-type": ["Object Created"], detail: { bucket: { name: [bucket] } } };
}

/** A rule of something else than other buckets' new objects is left as it is. */
function isOfOthers(rule: Rule, { name }: Bucket): boolean {
  const { source, detail } = rule.pattern;
  const names = detail?.bucket?.name;
  return source !== undefined && concernsObjects(rule) && names !== undefined && !names.includes(name);
}

/** What the rule brings from other buckets, it goes on to bring. */
function withBucket(pattern: Pattern, bucket: string): Pattern {
  const { detail } = pattern;
  const names = [...(detail?.bucket?.name ?? []), bucket];
  return { ...pattern, detail: { ...detail, bucket: { ...detail?.bucket, name: names } } };
}

/** The topic that the bucket tells of new objects. */
function topicOf({ notifications }: Bucket): string | undefined {
  return notifications.TopicConfigurations?.find(({ Events = [] }) =>
    Events.some((event) => event.startsWith("s3:ObjectCreated:")),
  )?.TopicArn;
}

/** So that nothing of somebody else's has the same name: put-rule and put-targets replace what has it. */
function markOf(...arns: readonly string[]): string {
  return createHash("sha256").update(arns.join(" ")).digest("hex").slice(0, 16);
}

export const arriving: Check = {
  id: "arriving",
  title: "Objects arrive from each source and account",
  explain: "A source that has stopped, or an account that never began, sends nothing, and the manager cannot miss it.",
  needs: ["buckets"],
  run: (lake, signal) =>
    asAdministrator(lake, [...rights, "organizations:ListAccounts"], lakeAccount(lake), async (admin) => {
      const [{ buckets: here }, expected] = await Promise.all([lake.flow(), expectedAccounts(lake, admin)]);
      const looked = await Promise.all(here.map(({ name }) => arrivals(admin.s3, name, signal)));
      const found = looked.flatMap((one) => one.found);
      const leftOut = looked.reduce((sum, one) => sum + one.leftOut, 0);
      if (found.length === 0 && leftOut === 0) {
        return {
          state: "warning",
          seen: `no Parquet file is in ${here.map(({ name }) => name).join(", ")} yet`,
          fix: "Check in Security Lake > Sources that sources are enabled for this Region; the first objects take some minutes",
          console: "Security Lake > Sources",
          awaited: true,
        };
      }
      const missing = expected.accounts.filter((account) => !looked.some(({ accounts }) => accounts.has(account)));
      const silent = found.filter((one) => hoursSince(one) >= lake.staleHours && !hasSuccessor(one, found, lake));
      const seen = [
        ...missing.map((account) => `of account ${account} there is no Parquet file`),
        ...(silent.length > 0 ? [`nothing has come for ${lake.staleHours} h or more: ${told(silent)}`] : []),
        ...(silent.length < found.length ? [told(found.filter((one) => !silent.includes(one)))] : []),
        ...(leftOut > 0
          ? [`of ${leftOut} more sources of accounts and Regions it was not looked at how old they are`]
          : []),
        ...(expected.accounts.length === 0 ? [] : [`${expected.accounts.length} accounts expected, ${expected.from}`]),
      ].join("; ");
      if (missing.length > 0) {
        return {
          // An organization can have accounts that Security Lake was never enabled for.
          state: expected.certain ? "failed" : "warning",
          seen,
          fix: `Enable the sources for account ${missing.join(", ")} in Security Lake, as its delegated administrator${expected.certain ? "" : "; where that is not wanted, name the accounts that are by --accounts"}`,
          console: "Security Lake > Accounts",
        };
      }
      if (silent.length === 0) return { state: "ok", seen };
      return {
        state: "warning",
        seen,
        fix: `Check in Security Lake > Sources that ${[...new Set(silent.map(({ source, account }) => `${source} of ${account}`))].join(", ")} is still enabled, and Security Lake > Issues; a source that is seldom heard of is given more time by --stale HOURS`,
        console: "Security Lake > Sources",
      };
    }),
};

interface Expected {
  readonly accounts: readonly string[];
  /** Whether a person has named them. */
  readonly certain: boolean;
  readonly from: string;
}

async function expectedAccounts(lake: Lake, { organizations: client }: Admin): Promise<Expected> {
  if (lake.accounts !== undefined) return { accounts: lake.accounts, certain: true, from: "as --accounts says" };
  const accounts: string[] = [];
  try {
    for await (const page of paginateListAccounts({ client }, {})) {
      accounts.push(...(page.Accounts ?? []).flatMap(({ Id, Status }) => (Id && Status !== "SUSPENDED" ? [Id] : [])));
    }
  } catch (error) {
    // Only the organization's management account and its delegates may ask.
    if (!isDenied(error) && (error as Error).name !== "AWSOrganizationsNotInUseException") throw error;
    return { accounts: [], certain: false, from: "" };
  }
  return { accounts, certain: false, from: "as the organization says" };
}

const hoursSince = ({ modified }: Arrival): number => (Date.now() - modified.getTime()) / 3_600_000;

/** A source whose next version is heard of has not stopped. */
function hasSuccessor(old: Arrival, found: readonly Arrival[], { staleHours }: Lake): boolean {
  const name = ({ source }: Arrival) => source.split("/").slice(0, 2).join("/");
  return found.some(
    (one) =>
      name(one) === name(old) &&
      one.source !== old.source &&
      one.account === old.account &&
      one.region === old.region &&
      hoursSince(one) < staleHours,
  );
}

/** The oldest first: those are the ones that may have stopped. */
function told(found: readonly Arrival[]): string {
  const sorted = [...found].sort((a, b) => a.modified.getTime() - b.modified.getTime());
  const shown = sorted.slice(0, 8).map((one) => {
    const hours = hoursSince(one);
    const age = hours < 2 ? `${Math.max(0, Math.round(hours * 60))} min` : `${Math.round(hours)} h`;
    return `${one.source} of ${one.account} in ${one.region}: ${age} ago`;
  });
  return `${shown.join("; ")}${sorted.length > shown.length ? `; and ${sorted.length - shown.length} more` : ""}`;
}
