import { AuthError } from "@threatlockdown/aws-auth";
import { type Queue, QueueError, queueAddress, queueDepth } from "@threatlockdown/sqs-consumer";
import type { Check, Finding } from "../check.ts";
import type { Lake } from "../lake.ts";
import { allow } from "../policy.ts";

/** What the subscriber does with its queue. */
const actions = [
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
  needs: [],
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
    return {
      state: "could not check",
      seen: `queue ${opened.name} is there; its numbers are not shown to this role, which lacks sqs:GetQueueAttributes`,
      fix: "The subscriber does without; someone who may change the role can allow it",
      policy: allow(actions, await queueArn(lake, opened.url)),
    };
  }
  const { visible, inFlight, delayed } = depth;
  const waiting = `messages waiting: ${visible}, in work: ${inFlight}${delayed > 0 ? `, delayed: ${delayed}` : ""}`;
  const seen = `queue ${opened.name}: ${waiting}; ${settings(opened)}`;
  if (opened.visibilityTimeout >= shortVisibility) return { state: "ok", seen };
  return {
    state: "warning",
    seen,
    fix: `Set the visibility timeout of the queue to 300 s: with ${opened.visibilityTimeout} s messages may come twice`,
  };
}

function settings({ visibilityTimeout, retention, redrive }: Queue): string {
  const parts = [
    `visibility timeout ${visibilityTimeout} s`,
    ...(retention === undefined ? [] : [`messages are kept ${days(retention)}`]),
    redrive === undefined
      ? "no dead-letter queue"
      : `after ${redrive.maxReceiveCount} receives to ${redrive.deadLetterQueue}`,
  ];
  return parts.join(", ");
}

function days(seconds: number): string {
  return seconds % 86_400 === 0 ? `${seconds / 86_400} days` : `${seconds} s`;
}

async function refused(lake: Lake, error: unknown): Promise<Finding> {
  const link = [error, (error as Error).cause].find((candidate) => candidate instanceof AuthError);
  if (link !== undefined) {
    return { state: "failed", seen: lake.explain(link), fix: credentialFixes[link.code] ?? credentialFix };
  }
  if (!(error instanceof QueueError)) throw error;
  const { code, action, cause } = error;
  const denied = code === "QUEUE_DENIED";
  return {
    state: "failed",
    seen: lake.explain(cause ?? error, { resource: error.queue, ...(action !== undefined && { action }) }),
    fix: (denied && action === "sqs:GetQueueUrl" ? deniedByName : fixes[code]) ?? credentialFix,
    ...(denied && { policy: allow(actions, await queueArn(lake)) }),
  };
}

const compare = "Compare <sqs_name> with the subscription endpoint in Security Lake > My subscribers";
/** A role of Security Lake may look up its own queue only, so a wrong name is denied, not missing. */
const deniedByName = `${compare}; if it is right, someone who may change the role adds the statement below to its policy`;

const fixes: Readonly<Partial<Record<QueueError["code"], string>>> = {
  QUEUE_NAME: "Correct <sqs_name>: the name in the subscription endpoint of the Security Lake subscriber",
  QUEUE_FIFO: "Name the queue that Security Lake made for the subscriber in <sqs_name>",
  QUEUE_MISSING: `${compare}; give the queue by its ARN if it is in another account or region`,
  QUEUE_DENIED: "Someone who may change the role adds the statement below to its policy",
  QUEUE_UNREACHABLE: "Check network, proxy and endpoints from this machine to SQS",
};

const credentialFix = "Go through the causes that are named, in their order";
const credentialFixes: Readonly<Partial<Record<AuthError["code"], string>>> = {
  AUTH_REGION: "Give the queue by its ARN in <sqs_name>, or set a region in the profile",
};

/** What the queue's address leaves open is taken from the role, which Security Lake makes in the same account. */
async function queueArn(lake: Lake, url?: string): Promise<string> {
  const [, partition = "aws", owner = "<account>"] =
    /^arn:([a-z-]+):iam::(\d+):/.exec(lake.subscriber.roleArn ?? "") ?? [];
  const { name, account = owner, region = (await lake.clients()).region } = queueAddress(url ?? lake.subscriber.queue);
  return `arn:${partition}:sqs:${region}:${account}:${name}`;
}
