import { type Message as Received, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { type Clock, within } from "./clock.ts";
import type { Queue } from "./queue.ts";

export interface Message {
  readonly id: string;
  readonly body: string;
  readonly receiptHandle: string;
  /** 1 for a message that nobody has received before. */
  readonly receiveCount: number;
  readonly sentAt?: Date;
  readonly firstReceivedAt?: Date;
  /** The sender's attributes that are text or numbers. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** SQS hands out ten messages a request at most. */
export const mostPerReceive = 10;
/** Seconds; the longest poll that SQS offers. */
export const longestPoll = 20;
/** Seconds beyond the poll after which an answer is no longer expected. */
const grace = 10;

/** One ReceiveMessage: up to `most` messages, waiting up to `seconds` for the first. Rejects with the SDK's error. */
export async function receive(
  queue: Queue,
  most: number,
  seconds: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly Message[]> {
  const command = new ReceiveMessageCommand({
    QueueUrl: queue.url,
    MaxNumberOfMessages: Math.min(most, mostPerReceive),
    WaitTimeSeconds: seconds,
    MessageSystemAttributeNames: ["ApproximateReceiveCount", "SentTimestamp", "ApproximateFirstReceiveTimestamp"],
    MessageAttributeNames: ["All"],
    ...(queue.askForVisibility ? { VisibilityTimeout: queue.visibilityTimeout } : {}),
  });
  const answer = await within(clock, (seconds + grace) * 1000, signal, (call) =>
    queue.sqs.send(command, { abortSignal: call }),
  );
  return (answer.Messages ?? []).map(toMessage);
}

function toMessage(received: Received): Message {
  const system = received.Attributes ?? {};
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(received.MessageAttributes ?? {}))
    if (value.StringValue !== undefined) attributes[name] = value.StringValue;
  return {
    id: received.MessageId as string,
    body: received.Body ?? "",
    receiptHandle: received.ReceiptHandle as string,
    receiveCount: Number(system.ApproximateReceiveCount ?? 1),
    attributes,
    ...(system.SentTimestamp === undefined ? {} : { sentAt: new Date(Number(system.SentTimestamp)) }),
    ...(system.ApproximateFirstReceiveTimestamp === undefined
      ? {}
      : { firstReceivedAt: new Date(Number(system.ApproximateFirstReceiveTimestamp)) }),
  };
}
