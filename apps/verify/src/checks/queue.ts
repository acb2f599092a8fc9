import { AuthError } from "@threatlockdown/aws-auth";
import { type Queue, QueueError, queueAddress, queueDepth } from "@threatlockdown/sqs-consumer";
import { needsProfile } from "../administrator.ts";
import { accountOf, nameOf } from "../arn.ts";
import { lookAtCause } from "../causes.ts";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import { awsCommand, type Command } from "../command.ts";
import { counted } from "../count.ts";
import { deniedBy } from "../denied-by.ts";
import type { Lake } from "../lake.ts";
import { notAws } from "../not-aws.ts";
import { allow } from "../policy.ts";
import { leastReceives } from "../received.ts";
import { putPolicy } from "../repair.ts";
import { giveRegion, settingName } from "../setting.ts";
import { compareQueue, queueInstead, queueOfRole, writeQueue } from "./queue-name.ts";

/** What the subscriber does with its queue. */
export const queueActions = [
  "sqs:ReceiveMessage",
  "sqs:DeleteMessage",
  "sqs:ChangeMessageVisibility",
  "sqs:GetQueueUrl",
  "sqs:GetQueueAttributes",
];

/** Below this a message comes back while it is still in work, unless its lease is renewed in time. */
const shortVisibility = 60;

export const queue: Check = {
  id: "queue",
  title: "The queue answers",
  explain:
    "Security Lake announces each object in the queue. A queue that cannot be found or read means that no event arrives.",
  needs: ["queue-name", "assume-role"],
  async run(lake) {
    try {
      return await judge(lake, await lake.queue());
    } catch (error) {
      return refused(lake, error);
    }
  },
};

async function judge(lake: Lake, opened: Queue): Promise<Finding> {
  const depth = await queueDepth(opened);
  if (depth === undefined) {
    return couldNotCheck(
      {
        because: unseen(lake, opened.name),
        how: "Someone who may change the role allows it, by the policy below; the subscriber does without",
      },
      { policy: allow(queueActions, await lake.queueArn()) },
    );
  }
  const { visible, inFlight, delayed } = depth;
  const waiting = `messages waiting: ${visible}, in work: ${inFlight}${delayed > 0 ? `, delayed: ${delayed}` : ""}`;
  const seen = `queue ${opened.name}: ${waiting}; ${settings(opened)}`;
  const short = shortcomings(
    opened,
    Number((await lake.queueAttributes())?.VisibilityTimeout ?? opened.visibilityTimeout),
  );
  const [first] = short;
  if (first === undefined) return { state: "ok", seen };
  const [attribute, , told] = first;
  return {
    state: "warning",
    seen,
    fix: `Set the ${told} (${attribute})`,
    console: `SQS > Queues > ${opened.name} > Edit`,
    commands: [setAttributes(opened.url, Object.fromEntries(short.map(([name, value]) => [name, value])))],
  };
}

/** A name was looked up; an address is taken as it is, and AWS denies what is not there as well. */
function unseen({ subscriber }: Lake, name: string): string {
  return queueAddress(subscriber.queue).url === undefined
    ? `queue ${name} is there, but its numbers are not shown to this role, which lacks sqs:GetQueueAttributes`
    : `whether queue ${name} is there is not shown to this role, which lacks sqs:GetQueueAttributes on it`;
}

type Shortcoming = readonly [attribute: string, value: string, told: string];

function shortcomings({ retention, redrive }: Queue, visibility: number): Shortcoming[] {
  return [
    ...(visibility >= shortVisibility
      ? []
      : [
          [
            "VisibilityTimeout",
            "300",
            `visibility timeout of the queue to 300 s: with ${visibility} s messages may come twice`,
          ] as const,
        ]),
    ...(retention === undefined || retention >= shortRetention
      ? []
      : [
          [
            "MessageRetentionPeriod",
            "345600",
            `retention of the queue to 4 days: after ${retention} s messages are lost, whether they were read or not`,
          ] as const,
        ]),
    ...(redrive === undefined || redrive.maxReceiveCount >= leastReceives
      ? []
      : [
          [
            "RedrivePolicy",
            JSON.stringify({ deadLetterTargetArn: redrive.deadLetterQueue, maxReceiveCount: 10 }),
            `receives before the dead-letter queue to 10: an outage of an hour takes ${redrive.maxReceiveCount}, and then a message is put away`,
          ] as const,
        ]),
  ];
}

/** Below this, a manager that is down over night loses events. */
const shortRetention = 86_400;

export function setAttributes(url: string, changed: Readonly<Record<string, string>>): Command {
  return awsCommand(["sqs", "set-queue-attributes"], { "queue-url": url, attributes: changed });
}

function settings({ visibilityTimeout, retention, redrive }: Queue): string {
  const parts = [
    `visibility timeout ${visibilityTimeout} s`,
    ...(retention === undefined ? [] : [`messages are kept ${days(retention)}`]),
    redrive === undefined
      ? "no dead-letter queue"
      : `after ${counted(redrive.maxReceiveCount, "receive")} to ${redrive.deadLetterQueue}`,
  ];
  return parts.join(", ");
}

function days(seconds: number): string {
  return seconds % 86_400 === 0 ? counted(seconds / 86_400, "day") : `${seconds} s`;
}

async function refused(lake: Lake, error: unknown): Promise<Finding> {
  if (notAws(error) !== undefined) throw error;
  const link = [error, (error as Error).cause].find((candidate) => candidate instanceof AuthError);
  if (link !== undefined) {
    return {
      state: "failed",
      seen: lake.explain(link),
      fix: link.code === "AUTH_REGION" ? giveRegion(lake) : lookAtCause(lake.explain(link)),
    };
  }
  if (!(error instanceof QueueError)) throw error;
  const { code, action, cause } = error;
  const denied = code === "QUEUE_DENIED";
  const seen = lake.explain(cause ?? error, { resource: error.queue, ...(action !== undefined && { action }) });
  if (denied || code === "QUEUE_MISSING") {
    const own = await queueInstead(lake);
    if (own !== undefined) return { state: "failed", seen, ...(await writeQueue(lake, own)) };
  }
  if (denied) {
    const blamed = await byWhat(lake, error);
    return { state: "failed", seen, ...(blamed ?? (await deniedTo(lake, action === "sqs:GetQueueUrl"))) };
  }
  return { state: "failed", seen, fix: fixes(lake)[code] ?? lookAtCause(lake.explain(cause ?? error)) };
}

/** Where AWS blames another policy than that of role or user for a refusal; undefined where it does not, or does not tell. */
async function byWhat(lake: Lake, error: QueueError): Promise<Pick<Finding, "fix"> | undefined> {
  const { kind, name } = await whoAsks(lake);
  const denied = {
    who: `${kind} ${name}`,
    action: error.action ?? "sqs:GetQueueUrl",
    resource: `queue ${error.queue}`,
  };
  const blamed = deniedBy(error, denied);
  if (blamed === undefined) return undefined;
  const { policy, forbids, fix } = blamed;
  if (policy === "identity-based policy" && !forbids) return undefined;
  // Of a queue that is not there in another account AWS says the same; and Security Lake lets its role use no other queue.
  const own = queueOfRole(lake.subscriber.roleArn);
  const wrong = own !== undefined && own !== queueAddress(lake.subscriber.queue).name;
  if (!wrong && (policy !== "resource-based policy" || forbids)) return { fix };
  return { fix: `${compareQueue(lake)}; if it is right, ${fix.charAt(0).toLowerCase()}${fix.slice(1)}` };
}

interface Asker {
  readonly account: string | undefined;
  readonly kind: "user" | "role";
  readonly name: string;
}

async function whoAsks(lake: Lake): Promise<Asker> {
  const { roleArn } = lake.subscriber;
  const { arn, account } = roleArn === undefined ? await lake.caller() : { arn: roleArn, account: accountOf(roleArn) };
  const name = arn.includes(":assumed-role/") ? (arn.split("/")[1] ?? "") : nameOf(arn);
  return { account, kind: arn.includes(":user/") ? "user" : "role", name };
}

/** A role of Security Lake may look up its own queue only: a wrong name, or Region, is denied like a missing right. */
async function deniedTo(
  lake: Lake,
  byName: boolean,
): Promise<Pick<Finding, "fix" | "policy" | "console" | "commands">> {
  const { roleArn, queue: named } = lake.subscriber;
  const { account, kind, name } = await whoAsks(lake);
  const others = `omeone who may change ${kind} ${name} adds the policy below to it`;
  const own = queueOfRole(roleArn) === queueAddress(named).name;
  const region = `Compare the Region, ${await lake.region()}, with that of the subscription endpoint in Security Lake > My subscribers`;
  const first =
    roleArn === undefined
      ? `Give the subscriber's role in ${settingName(lake, "role")}; if it has none to assume, s`
      : !byName || (own && lake.admin !== undefined)
        ? "S"
        : `${own ? region : compareQueue(lake)}; if it is right, s`;
  // Without a role, a queue is looked up in the caller's own account.
  const policy = allow(queueActions, (await lake.queueArn()).replace("<account>", account ?? "<account>"));
  return {
    fix: `${first}${others}`,
    policy,
    console: `IAM > ${kind === "user" ? "Users" : "Roles"} > ${name} > Permissions`,
    // An administrator's view has what is missing, as a command, beside what is there.
    ...(own &&
      roleArn !== undefined &&
      lake.admin === undefined && {
        commands: [
          { ...putPolicy("role", roleArn, "Queue", policy), ...(byName && { where: "the queue is in this Region" }) },
        ],
      }),
  };
}

const fixes = (lake: Lake): Readonly<Partial<Record<QueueError["code"], string>>> => ({
  QUEUE_NAME: `Correct ${settingName(lake, "queue")}: the name in the subscription endpoint of the Security Lake subscriber`,
  QUEUE_FIFO: `Name the queue that Security Lake made for the subscriber in ${settingName(lake, "queue")}`,
  QUEUE_MISSING: `${compareQueue(lake)}; give the queue by its ARN if it is in another account or region`,
  QUEUE_UNREACHABLE: "Check network, proxy and endpoints from this machine to SQS",
});

/** Of what goes by the attributes. */
export const hidden: Finding = couldNotCheck({
  because: "the role may not see the queue's attributes",
  rights: ["sqs:GetQueueAttributes"],
  how: needsProfile,
});
