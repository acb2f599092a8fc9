import { AwsError, notImplemented } from "../aws-error.ts";
import { statusOf } from "../faults.ts";
import type { World } from "../world.ts";
import { queueOf, type SqsCall, useKey, useKeyToSend } from "./access.ts";
import {
  batchError,
  invalidParameter,
  missingParameter,
  notChangeable,
  overLimit,
  receiptHandleIsInvalid,
  sqsError,
} from "./errors.ts";
import { longPoll } from "./long-poll.ts";
import { attributesMd5, type Message, type MessageAttribute } from "./message.ts";
import {
  advance,
  changeVisibility,
  maxInFlight,
  type Queue,
  readReceipt,
  receiptHandle,
  receive,
  remove,
  send,
} from "./queue.ts";
import type { Operation } from "./queue-operations.ts";

type Entry = Readonly<Record<string, unknown>>;

export const messageOperations: Readonly<Record<string, Operation>> = {
  SendMessage(world, call) {
    const queue = standardQueue(world, call, "SendMessage");
    useKeyToSend(world, queue, call.caller, call.context);
    return sendOne(queue, call, call.intent.input as Entry);
  },

  SendMessageBatch(world, call) {
    const queue = standardQueue(world, call, "SendMessage");
    const entries = batchEntries(call);
    useKeyToSend(world, queue, call.caller, call.context);
    if (entries.reduce((size, entry) => size + messageSize(entry), 0) > 1_048_576) {
      throw batchError(
        "BatchRequestTooLong",
        "Batch requests cannot be longer than 1048576 bytes. You have sent more than that.",
      );
    }
    return batch(call, entries, (entry) => sendOne(queue, call, entry));
  },

  async ReceiveMessage(world, call) {
    const queue = standardQueue(world, call, "ReceiveMessage");
    useKey(world, queue, call.caller, call.context, "kms:Decrypt");
    const { settings } = queue;
    const input = call.intent.input as Entry;
    const max = parameter(input, "MaxNumberOfMessages", 1, 1, 10);
    const visibilityTimeout = parameter(input, "VisibilityTimeout", settings.visibilityTimeout, 0, 43_200);
    const seconds = parameter(input, "WaitTimeSeconds", settings.receiveWaitTime, 0, 20);
    const target = world.queues.get(settings.redrive?.targetArn ?? "");
    const receiving = {
      max,
      visibilityTimeout,
      duplicate: call.effect.duplicate,
      deadLetters: target?.deletedAt === undefined ? target : undefined,
    };
    const attempt = () => {
      if (queue.counts.inFlight >= maxInFlight) throw overLimit();
      return receive(queue, receiving, world.now());
    };
    const messages = await longPoll(queue, attempt, { seconds, now: world.now, gone: call.request.gone });
    return messages.length === 0 ? {} : { Messages: messages.map((message) => rendered(queue, message, input)) };
  },

  DeleteMessage(world, call) {
    const queue = standardQueue(world, call, "DeleteMessage");
    deleteOne(queue, call.intent.input as Entry, call.now);
  },

  DeleteMessageBatch(world, call) {
    const queue = standardQueue(world, call, "DeleteMessage");
    return batch(call, batchEntries(call), (entry) => {
      deleteOne(queue, entry, call.now);
      return undefined;
    });
  },

  ChangeMessageVisibility(world, call) {
    const queue = standardQueue(world, call, "ChangeMessageVisibility");
    changeOne(queue, call.intent.input as Entry, call.now);
  },

  ChangeMessageVisibilityBatch(world, call) {
    const queue = standardQueue(world, call, "ChangeMessageVisibility");
    return batch(call, batchEntries(call), (entry) => {
      changeOne(queue, entry, call.now);
      return undefined;
    });
  },
};

function standardQueue(world: World, call: SqsCall, action: string): Queue {
  const queue = queueOf(world, call, action);
  if (queue.settings.fifo) throw notImplemented(`${call.intent.operation} on FIFO queues`);
  return queue;
}

function parameter(input: Entry, name: string, otherwise: number, least: number, most: number): number {
  const value = input[name] ?? otherwise;
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
  throw invalidParameter(
    `Value ${value} for parameter ${name} is invalid. Reason: Must be between ${least} and ${most}, if provided.`,
  );
}

function text(entry: Entry, name: string): string {
  const value = entry[name];
  if (typeof value !== "string") throw missingParameter(name);
  return value;
}

function messageSize(entry: Entry): number {
  const attributes = (entry.MessageAttributes ?? {}) as Readonly<Record<string, MessageAttribute>>;
  return Object.entries(attributes).reduce(
    (size, [name, { DataType, StringValue = "", BinaryValue = "" }]) =>
      size + Buffer.byteLength(name + DataType + StringValue) + Buffer.byteLength(BinaryValue, "base64"),
    Buffer.byteLength(String(entry.MessageBody ?? "")),
  );
}

/** What XML 1.0 cannot carry. */
const forbidden = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

function sendOne(queue: Queue, call: SqsCall, entry: Entry) {
  const body = text(entry, "MessageBody");
  if (body === "") throw missingParameter("MessageBody");
  if (forbidden.test(body)) {
    throw sqsError("InvalidMessageContents", "Invalid characters were found in the message body.");
  }
  const limit = queue.settings.maximumMessageSize;
  if (messageSize(entry) > limit) {
    throw invalidParameter(`One or more parameters are invalid. Reason: Message must be shorter than ${limit} bytes.`);
  }
  const delay = entry.DelaySeconds === undefined ? undefined : parameter(entry, "DelaySeconds", 0, 0, 900);
  const system = (entry.MessageSystemAttributes ?? {}) as Readonly<Record<string, MessageAttribute>>;
  const message = send(
    queue,
    {
      body,
      attributes: (entry.MessageAttributes ?? {}) as Readonly<Record<string, MessageAttribute>>,
      traceHeader: system.AWSTraceHeader?.StringValue,
      senderId: call.caller.userId,
      delay,
    },
    call.now,
  );
  return {
    MessageId: message.id,
    MD5OfMessageBody: message.md5,
    ...(message.attributesMd5 !== undefined && { MD5OfMessageAttributes: message.attributesMd5 }),
  };
}

/** SQS counts a second deletion, and one by an older handle, as done; the latter leaves the message where it is. */
function deleteOne(queue: Queue, entry: Entry, now: number): void {
  const handle = text(entry, "ReceiptHandle");
  advance(queue, now);
  const receipt = readReceipt(queue, handle);
  if (receipt === undefined) throw receiptHandleIsInvalid(handle);
  if (receipt.message !== undefined && receipt.latest) remove(queue, receipt.message);
}

function changeOne(queue: Queue, entry: Entry, now: number): void {
  const handle = text(entry, "ReceiptHandle");
  if (entry.VisibilityTimeout === undefined) throw missingParameter("VisibilityTimeout");
  const seconds = parameter(entry, "VisibilityTimeout", 0, 0, 43_200);
  advance(queue, now);
  const receipt = readReceipt(queue, handle);
  if (receipt === undefined) throw receiptHandleIsInvalid(handle);
  const { message, latest } = receipt;
  if (message === undefined || !latest || message.state !== "in flight") throw notChangeable(handle);
  if (now + seconds * 1000 > message.receivedAt + 43_200_000) {
    throw invalidParameter(
      `Value ${seconds} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds].`,
    );
  }
  changeVisibility(queue, message, seconds, now);
}

/** @throws AwsError when it is no batch that SQS takes */
function batchEntries(call: SqsCall): readonly Entry[] {
  const entries = (call.intent.input?.Entries ?? []) as readonly Entry[];
  if (entries.length === 0) {
    throw batchError("EmptyBatchRequest", "There should be at least one entry in the request.");
  }
  if (entries.length > 10) {
    throw batchError(
      "TooManyEntriesInBatchRequest",
      `Maximum number of entries per request are 10. You have sent ${entries.length}.`,
    );
  }
  const ids = entries.map((entry) => String(entry.Id ?? ""));
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) throw batchError("BatchEntryIdsNotDistinct", `Id ${twice} repeated.`);
  if (!ids.every((id) => /^[\w-]{1,80}$/.test(id))) {
    throw batchError(
      "InvalidBatchEntryId",
      "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
    );
  }
  return entries;
}

function batch(call: SqsCall, entries: readonly Entry[], perform: (entry: Entry) => object | undefined) {
  const failing = call.effect.failEntries;
  const successful: object[] = [];
  const failed: object[] = [];
  for (const [index, entry] of entries.entries()) {
    try {
      if (failing !== undefined && index < (failing.count ?? Number.POSITIVE_INFINITY)) {
        throw new AwsError(statusOf(failing.code, "sqs"), failing.code, "A fault that a test asked for.");
      }
      successful.push({ Id: entry.Id, ...perform(entry) });
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      failed.push({
        Id: entry.Id,
        SenderFault: failing?.senderFault ?? error.status < 500,
        Code: error.detail.queryCode ?? error.code,
        Message: error.message,
      });
    }
  }
  return { Successful: successful, Failed: failed };
}

function rendered(queue: Queue, message: Message, input: Entry) {
  const names = [input.AttributeNames, input.MessageSystemAttributeNames].flat().map(String);
  const system: Readonly<Record<string, string | undefined>> = {
    SenderId: message.senderId,
    SentTimestamp: String(message.sentAt),
    ApproximateReceiveCount: String(message.receiveCount),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt),
    AWSTraceHeader: message.traceHeader,
    DeadLetterQueueSourceArn: message.deadLetterSource,
  };
  const chosen = Object.entries(system).filter(
    ([name, value]) => value !== undefined && (names.includes("All") || names.includes(name)),
  );
  const attributes = chosenAttributes(message, (input.MessageAttributeNames ?? []) as readonly string[]);
  return {
    MessageId: message.id,
    ReceiptHandle: receiptHandle(queue, message),
    MD5OfBody: message.md5,
    Body: message.body,
    ...(chosen.length > 0 && { Attributes: Object.fromEntries(chosen) }),
    ...attributes,
  };
}

function chosenAttributes(message: Message, names: readonly string[]): object {
  const wanted = (name: string) =>
    names.some((n) => n === "All" || n === ".*" || n === name || (n.endsWith(".*") && name.startsWith(n.slice(0, -2))));
  const chosen = Object.entries(message.attributes).filter(([name]) => wanted(name));
  if (chosen.length === 0) return {};
  const attributes = Object.fromEntries(chosen);
  return { MessageAttributes: attributes, MD5OfMessageAttributes: attributesMd5(attributes) };
}
