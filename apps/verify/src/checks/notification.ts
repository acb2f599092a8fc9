import { createHash } from "node:crypto";
import { asAdministrator } from "../administrator.ts";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import { awsCommand, type Command } from "../command.ts";
import type { Pattern } from "../event-pattern.ts";
import type { Bucket, Flow, Rule } from "../flow.ts";
import { concernsBucket, foldersOf, type Route, routesOf, topicOf } from "../route.ts";
import { flowRights, lakeAccount } from "./buckets.ts";

export const notification: Check = {
  id: "notification",
  title: "New objects are announced in the queue",
  explain:
    "The bucket tells EventBridge, whose rule tells the queue; or the bucket tells the queue itself. Otherwise objects arrive and no message does.",
  needs: ["buckets", "queue-name"],
  run: (lake) =>
    asAdministrator(lake, flowRights, lakeAccount(lake), async () => {
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
  if (routes.length > 0) return throughRoutes(bucket, routes);
  const topic = topicOf(bucket);
  if (topic !== undefined) return throughTopic(bucket, topic, queueArn);
  const asleep = flow.rules.find((one) => concernsBucket(one, bucket) !== false);
  if (asleep !== undefined) return { ...noWay(bucket), ...awake(bucket, asleep) };
  const astray = flow.rules.filter((one) => isOfOthers(one, bucket));
  const widened = astray.find((one) => whyLeft(one) === undefined);
  if (widened !== undefined) return { ...noWay(bucket), ...widen(bucket, widened) };
  const elsewhere = flow.otherRules.find((one) => mayLeadHereToo(one, bucket));
  if (elsewhere !== undefined) return { ...noWay(bucket), ...aimHereToo(bucket, elsewhere, queueArn) };
  return { ...noWay(bucket), ...ruleOfItsOwn(flow, bucket, astray[0], queueArn) };
}

/** A subscriber has chosen its sources: that others are not announced is told, and no fault. */
function throughRoutes(bucket: Bucket, routes: readonly Route[]): Finding {
  const names = routes.map(({ name }) => name).join(", ");
  const folders = foldersOf(bucket);
  const left = folders.filter((folder) => !routes.some((route) => route.announces(folder)));
  const open = folders.filter(
    (folder) => !left.includes(folder) && !routes.some((route) => route.surelyAnnounces(folder)),
  );
  // Of a bucket without objects the keys are not known.
  if (open.length > 0 && bucket.sources.length > 0) {
    return couldNotCheck({
      because: `whether ${names} of ${bucket.name} announces all new objects of ${open.join(", ")} depends on more than their source`,
      how: "Go by the checks messages and newest-object; if they find no message, look at the filters of the rule or notification",
    });
  }
  return {
    state: "ok",
    seen: `${bucket.name}: ${names}${left.length === 0 ? "" : `; not announced: ${left.join(", ")}`}`,
  };
}

function throughTopic(bucket: Bucket, topic: string, queueArn: string): Finding {
  return {
    ...couldNotCheck({
      because: `${bucket.name} goes to the SNS topic ${topic}; whether that leads to the queue ${lastOf(queueArn)} is not known here`,
      rights: ["sns:ListSubscriptionsByTopic"],
      how: `look whether the queue is among the subscriptions of ${topic}`,
    }),
    console: `SNS > Topics > ${lastOf(topic)} > Subscriptions`,
  };
}

const lastOf = (arn: string): string => arn.slice(arn.lastIndexOf(":") + 1);

const noWay = ({ name }: Bucket): Pick<Finding, "state"> & { readonly console: string } => ({
  state: "failed",
  console: `S3 > Buckets > ${name} > Properties > Event notifications`,
});

/** What is wrong, and what is done about it. */
type Cure = Pick<Finding, "fix" | "policy" | "console" | "commands"> & { readonly seen: string };

const who = "Someone who may change bucket and rules";

function awake(bucket: Bucket, { name, enabled, otherTargets }: Rule): Cure {
  const off = !bucket.notifications.EventBridgeConfiguration;
  const others = otherTargets === 0 ? "" : ", which counts for any other target of it too";
  return {
    seen: [
      ...(off ? [`${bucket.name} does not tell EventBridge of its objects`] : []),
      ...(enabled ? [] : [`the EventBridge rule ${name} is disabled`]),
    ].join(", and "),
    fix: `${who} ${[
      ...(off ? [`lets the bucket ${bucket.name} send notifications to EventBridge`] : []),
      ...(enabled ? [] : [`enables the rule ${name}${others}`]),
    ].join(" and ")}`,
    console: [
      ...(off ? [noWay(bucket).console] : []),
      ...(enabled ? [] : [`EventBridge > Rules > ${name} > Enable`]),
    ].join("; "),
    commands: [...tellEventBridge(bucket), ...(enabled ? [] : [awsCommand(["events", "enable-rule"], { name })])],
  };
}

/** The whole configuration is replaced: what is there stays in it. */
function tellEventBridge({ name, notifications }: Bucket): Command[] {
  if (notifications.EventBridgeConfiguration) return [];
  const configuration = { ...notifications, EventBridgeConfiguration: {} };
  return [
    awsCommand(["s3api", "put-bucket-notification-configuration"], {
      bucket: name,
      "notification-configuration": configuration,
    }),
  ];
}

/** A rule of something else than other buckets' new objects is left as it is. */
function isOfOthers(rule: Rule, bucket: Bucket): boolean {
  const { pattern } = rule;
  if (pattern.source === undefined || namesIn(pattern) === undefined) return false;
  return concernsBucket({ ...rule, pattern: withBucket(pattern, bucket.name) }, bucket) !== false;
}

/** Why a rule that leads to the queue is given no other pattern. */
function whyLeft({ enabled, managedBy, otherTargets }: Rule): string | undefined {
  if (managedBy !== undefined) return `is managed by ${managedBy}`;
  if (!enabled) return "is disabled";
  if (otherTargets === undefined) return "may have other targets, which would get these events too";
  return otherTargets > 0 ? "has other targets, which would get these events too" : undefined;
}

/** What the rule brings from other buckets, it goes on to bring. */
function widen(bucket: Bucket, { name, pattern: before, kept }: Rule): Cure {
  const pattern = withBucket(before, bucket.name);
  return {
    seen: leadsFromOthers(name, bucket),
    fix: `${who} gives the rule ${name} the event pattern below`,
    policy: pattern,
    console: `EventBridge > Rules > ${name} > Event pattern > Edit`,
    commands: [
      ...tellEventBridge(bucket),
      awsCommand(["events", "put-rule"], { name, "event-pattern": pattern, ...kept }),
    ],
  };
}

const leadsFromOthers = (rule: string, bucket: Bucket): string =>
  `the EventBridge rule ${rule} leads to the queue, and not from ${bucket.name}`;

function withBucket(pattern: Pattern, bucket: string): Pattern {
  const detail = partOf(pattern, "detail");
  const name = [...(namesIn(pattern) ?? []), bucket];
  return { ...pattern, detail: { ...detail, bucket: { ...partOf(detail, "bucket"), name } } };
}

function namesIn(pattern: Pattern): readonly unknown[] | undefined {
  const names = partOf(partOf(pattern, "detail"), "bucket")?.name;
  return Array.isArray(names) ? names : undefined;
}

function partOf(pattern: Pattern | undefined, name: string): Pattern | undefined {
  const part = pattern?.[name];
  return part === undefined || Array.isArray(part) ? undefined : (part as Pattern);
}

/** A rule that is disabled is so for its other targets, perhaps; one that is managed takes no target from others. */
function mayLeadHereToo(rule: Rule, bucket: Bucket): boolean {
  const { enabled, managedBy, pattern } = rule;
  return enabled && managedBy === undefined && pattern.detail !== undefined && concernsBucket(rule, bucket) === true;
}

function aimHereToo(bucket: Bucket, { name }: Rule, queueArn: string): Cure {
  return {
    seen: `the EventBridge rule ${name} leads from ${bucket.name} to other targets, not to the queue ${lastOf(queueArn)}`,
    fix: `${who} adds the queue to the targets of the rule ${name}`,
    commands: [...tellEventBridge(bucket), putTarget(name, queueArn)],
  };
}

function putTarget(rule: string, queueArn: string): Command {
  const targets = [{ Id: `ThreatLockDown-${markOf(queueArn)}`, Arn: queueArn }];
  return awsCommand(["events", "put-targets"], { rule, targets });
}

/** So that nothing of somebody else's has the same name: put-rule and put-targets replace what has it. */
function markOf(...arns: readonly string[]): string {
  return createHash("sha256").update(arns.join(" ")).digest("hex").slice(0, 16);
}

function ruleOfItsOwn({ rules }: Flow, bucket: Bucket, astray: Rule | undefined, queueArn: string): Cure {
  const queue = lastOf(queueArn);
  const idle =
    rules.length === 0
      ? ""
      : `; the patterns of the rules that lead there take none of its new objects: ${rules.map(({ name }) => name).join(", ")}`;
  const name = `ThreatLockDown-${markOf(bucket.arn, queueArn)}`;
  const stays = astray && `; the rule ${astray.name} stays as it is, since it ${whyLeft(astray)}`;
  return {
    seen:
      astray === undefined
        ? `no EventBridge rule and no event notification leads from ${bucket.name} to the queue ${queue}${idle}`
        : leadsFromOthers(astray.name, bucket),
    fix: `${who} makes a rule that leads from the bucket ${bucket.name} to the queue ${queue}${stays ?? ""}`,
    commands: [
      ...tellEventBridge(bucket),
      awsCommand(["events", "put-rule"], { name, "event-pattern": patternOf(bucket.name) }),
      putTarget(name, queueArn),
    ],
  };
}

function patternOf(bucket: string): object {
  return { source: ["aws.s3"], "detail-type": ["Object Created"], detail: { bucket: { name: [bucket] } } };
}
