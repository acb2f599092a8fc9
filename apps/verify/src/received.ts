import { ChangeMessageVisibilityCommand, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { parseNotification } from "@threatlockdown/pipeline";
import { isDenied } from "./administrator.ts";
import { nameOf } from "./arn.ts";
import { couldNotCheck, type Finding } from "./check.ts";
import { compareQueue, queueInstead, writeQueue } from "./checks/queue-name.ts";
import { counted } from "./count.ts";
import type { Announced, Lake } from "./lake.ts";
import { notAws } from "./not-aws.ts";
import { deniedToRole } from "./role-denied.ts";

/** Seconds that the message stays hidden when it cannot be given back at once. */
const probeVisibility = 30;
/** A queue with fewer receives before its dead-letter queue is not touched: one of them would be ours. */
export const leastReceives = 5;

/** What a message of the queue has announced. */
export interface Received extends Announced {
  readonly remark?: string;
}

/** One message, which is given back at once; or what is to be told in its place. */
export async function receiveOne(lake: Lake, signal: AbortSignal): Promise<Received | Finding> {
  const [{ sqs }, { url, redrive }] = await Promise.all([lake.clients(), lake.queue()]);
  if (redrive !== undefined && redrive.maxReceiveCount < leastReceives) {
    return couldNotCheck({
      because: `the queue moves messages away after ${counted(redrive.maxReceiveCount, "receive")}, and this would be one`,
      how: `Set maxReceiveCount of the queue's redrive policy to ${leastReceives} or more`,
    });
  }
  const receive = new ReceiveMessageCommand({
    QueueUrl: url,
    MaxNumberOfMessages: 1,
    WaitTimeSeconds: lake.poll,
    VisibilityTimeout: probeVisibility,
  });
  const answer = await sqs.send(receive, { abortSignal: signal }).catch((error: unknown) => ({ error }));
  if ("error" in answer) {
    const { error } = answer;
    if (notAws(error) !== undefined) throw error;
    const seen = lake.explain(error, { action: "sqs:ReceiveMessage", resource: url });
    const fix = letReceive(lake, error, url);
    if (fix === undefined) {
      const how = "Run it again; if it stays so, look at the way from this machine to SQS";
      return couldNotCheck({ because: seen, how });
    }
    const own = await queueInstead(lake);
    return { state: "failed", seen, ...(own === undefined ? { fix } : await writeQueue(lake, own)) };
  }
  const [message] = answer.Messages ?? [];
  if (message === undefined) {
    return couldNotCheck(
      {
        because: `no message came within ${lake.poll} s`,
        how: "Run it again when Security Lake has written an object; it does so every few minutes",
      },
      { awaited: true },
    );
  }
  const remark = await giveBack(lake, url, message.ReceiptHandle as string);
  const { objects, nothingToDo, malformed } = parseNotification(message.Body ?? "");
  const [object] = objects;
  if (object !== undefined) {
    return { object, form: formOf(message.Body ?? ""), ...(remark !== undefined && { remark }) };
  }
  const [reason = ""] = [...malformed, ...nothingToDo];
  if (malformed.length === 0) {
    return couldNotCheck(
      { because: `the message received announces no object: ${reason}`, how: "Run it again" },
      { awaited: true },
    );
  }
  return {
    state: "warning",
    seen: `the message received is none of Security Lake: ${reason}`,
    fix: "Find out who else sends to this queue; the subscriber quarantines such messages",
  };
}

/** Which of the forms that S3 objects are announced in. */
function formOf(body: string): string {
  const event = JSON.parse(body) as Readonly<Record<string, unknown>>;
  if (event.Type === "Notification") return "SNS";
  if (Array.isArray(event.Records)) return "an event notification of S3";
  return event["detail-type"] === undefined ? "Security Lake" : "EventBridge";
}

/** What to do about an error that stays until someone does it; undefined for what may pass by itself. */
function letReceive(lake: Lake, error: unknown, url: string): string | undefined {
  const { name } = error as Error;
  if (/QueueDoesNotExist|NonExistentQueue/.test(name)) return compareQueue(lake);
  if (/^kms\.?NotFound/i.test(name)) {
    return "The queue's key does not exist: someone who may change the queue lets SQS encrypt it itself (SSE-SQS), or by a key of your own";
  }
  if (/^kms\.?(Disabled|InvalidState)/i.test(name)) {
    return "Someone who may change the queue's key enables it, or cancels its deletion";
  }
  if (!isDenied(error) && !/^kms(?!\.?thrott)/i.test(name)) return undefined;
  const [action, resource] = /kms/i.test(`${name} ${(error as Error).message}`)
    ? ["kms:Decrypt", "queue's key"]
    : ["sqs:ReceiveMessage", `queue ${nameOf(url)}`];
  return (
    deniedToRole(lake, error, action, resource) ??
    "Someone who may change the role or the queue allows sqs:ReceiveMessage, and kms:Decrypt on the queue's key"
  );
}

/** Makes the message visible again; tells when it cannot. */
async function giveBack(lake: Lake, url: string, receiptHandle: string): Promise<string | undefined> {
  const { sqs } = await lake.clients();
  const command = new ChangeMessageVisibilityCommand({
    QueueUrl: url,
    ReceiptHandle: receiptHandle,
    VisibilityTimeout: 0,
  });
  try {
    // No signal: a message that was taken is given back, however late it is.
    await sqs.send(command);
    return undefined;
  } catch (error) {
    const why = lake.explain(error, { action: "sqs:ChangeMessageVisibility", resource: url });
    return `the message received comes back by itself within ${probeVisibility} s, since it could not be given back: ${why}`;
  }
}
