import {
  ChangeMessageVisibilityBatchCommand,
  ChangeMessageVisibilityCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  type ReceiveMessageCommandInput,
  SendMessageBatchCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { LocalAws } from "../src/index.ts";
import { type Clients, clientsOf, createClock, failure, refusal, startLocalAws, until } from "./clients.ts";

const clock = createClock();
let aws: LocalAws;
let clients: Clients;
let queue: string;
let count = 0;

beforeAll(async () => {
  aws = await startLocalAws({ now: clock.now, clockSkew: Number.POSITIVE_INFINITY });
  clients = clientsOf(aws);
});
afterAll(() => aws.close());
beforeEach(() => {
  queue = aws.createQueue({ name: `queue-${count++}` }).url;
});

const sendTo = (QueueUrl: string, MessageBody: string) =>
  clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));

async function receive(input: Partial<ReceiveMessageCommandInput> = {}): Promise<Message[]> {
  const { Messages = [] } = await clients.sqs.send(
    new ReceiveMessageCommand({
      QueueUrl: queue,
      MaxNumberOfMessages: 10,
      MessageSystemAttributeNames: ["All"],
      ...input,
    }),
  );
  return Messages;
}

async function receiveOne(): Promise<Message & { ReceiptHandle: string }> {
  const [message] = await receive();
  if (message === undefined) throw new Error("no message");
  return message as Message & { ReceiptHandle: string };
}

const change = (ReceiptHandle: string, VisibilityTimeout: number) =>
  clients.sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl: queue, ReceiptHandle, VisibilityTimeout }));
const remove = (ReceiptHandle: string) =>
  clients.sqs.send(new DeleteMessageCommand({ QueueUrl: queue, ReceiptHandle }));

describe("sending", () => {
  it("gives body, digests and attributes back as they were sent", async () => {
    const attributes = {
      text: { DataType: "String", StringValue: "é" },
      number: { DataType: "Number", StringValue: "7" },
      bytes: { DataType: "Binary", BinaryValue: Uint8Array.of(0, 255) },
    };
    const sent = await clients.sqs.send(
      new SendMessageCommand({ QueueUrl: queue, MessageBody: "a <b> & é", MessageAttributes: attributes }),
    );
    const [message] = await receive({ MessageAttributeNames: ["All"] });
    expect(message?.Body).toBe("a <b> & é");
    expect(message?.MessageId).toBe(sent.MessageId);
    expect(message?.MD5OfMessageAttributes).toBe(sent.MD5OfMessageAttributes);
    expect(message?.MessageAttributes?.bytes?.BinaryValue).toEqual(Uint8Array.of(0, 255));
    expect(message?.Attributes?.SenderId).toMatch(/^AIDA/);
  });

  it("takes 1 MiB, and not a byte more", async () => {
    await sendTo(queue, "x".repeat(1_048_576));
    expect(await refusal(sendTo(queue, "x".repeat(1_048_577)))).toMatch(/InvalidParameterValue/);
  });

  it("refuses characters that XML has not", async () => {
    expect(await refusal(sendTo(queue, "a\u0000b"))).toBe("InvalidMessageContents");
  });

  it("holds delayed messages back", async () => {
    await clients.sqs.send(new SendMessageCommand({ QueueUrl: queue, MessageBody: "later", DelaySeconds: 60 }));
    expect(await receive()).toHaveLength(0);
    clock.pass(60);
    expect(await receive()).toHaveLength(1);
  });

  it("drops messages that are older than the retention period", async () => {
    const kept = aws.createQueue({ name: `kept-${count}`, attributes: { MessageRetentionPeriod: "60" } });
    await sendTo(kept.url, "old");
    clock.pass(60);
    expect(await receive({ QueueUrl: kept.url })).toHaveLength(0);
    expect(aws.messages(kept.name)).toHaveLength(0);
  });
});

describe("visibility", () => {
  it("hides a received message for the timeout, then delivers it again with a higher count", async () => {
    await sendTo(queue, "x");
    const first = await receiveOne();
    expect(await receive()).toHaveLength(0);
    clock.pass(29);
    expect(await receive()).toHaveLength(0);
    clock.pass(1);
    const second = await receiveOne();
    expect(second.Attributes?.ApproximateReceiveCount).toBe("2");
    expect(second.Attributes?.ApproximateFirstReceiveTimestamp).toBe(
      first.Attributes?.ApproximateFirstReceiveTimestamp,
    );
    expect(second.ReceiptHandle).not.toBe(first.ReceiptHandle);
  });

  it("is extended from now by ChangeMessageVisibility", async () => {
    await sendTo(queue, "x");
    const { ReceiptHandle } = await receiveOne();
    clock.pass(20);
    await change(ReceiptHandle, 30);
    clock.pass(29);
    expect(await receive()).toHaveLength(0);
    clock.pass(1);
    expect(await receive()).toHaveLength(1);
  });

  it("ends at once with a timeout of 0", async () => {
    await sendTo(queue, "x");
    await change((await receiveOne()).ReceiptHandle, 0);
    expect(await receive()).toHaveLength(1);
  });

  it("cannot be changed once it ran out, nor for a deleted message", async () => {
    await sendTo(queue, "x");
    const { ReceiptHandle } = await receiveOne();
    clock.pass(30);
    expect((await failure(change(ReceiptHandle, 10))).message).toContain("not available for visibility timeout change");
    await remove((await receiveOne()).ReceiptHandle);
    expect(await refusal(change(ReceiptHandle, 10))).toMatch(/InvalidParameterValue/);
  });

  it("lasts at most 12 hours from the receipt", async () => {
    await sendTo(queue, "x");
    const { ReceiptHandle } = await receiveOne();
    await change(ReceiptHandle, 43_200);
    clock.pass(60);
    expect((await failure(change(ReceiptHandle, 43_200))).message).toContain("beyond the limit [43200 seconds]");
    await change(ReceiptHandle, 43_140);
  });

  it("is changed in batches, entry by entry", async () => {
    await sendTo(queue, "a");
    const { ReceiptHandle } = await receiveOne();
    const { Successful, Failed } = await clients.sqs.send(
      new ChangeMessageVisibilityBatchCommand({
        QueueUrl: queue,
        Entries: [
          { Id: "good", ReceiptHandle, VisibilityTimeout: 0 },
          { Id: "bad", ReceiptHandle: "bogus", VisibilityTimeout: 0 },
        ],
      }),
    );
    expect(Successful?.map(({ Id }) => Id)).toEqual(["good"]);
    expect(Failed?.map(({ Id, Code, SenderFault }) => [Id, Code, SenderFault])).toEqual([
      ["bad", "ReceiptHandleIsInvalid", true],
    ]);
  });

  it("counts visible, in-flight and delayed messages apart", async () => {
    await sendTo(queue, "a");
    await sendTo(queue, "b");
    await clients.sqs.send(new SendMessageCommand({ QueueUrl: queue, MessageBody: "c", DelaySeconds: 10 }));
    await receive({ MaxNumberOfMessages: 1 });
    const counts = async () => {
      const { Attributes } = await clients.sqs.send(
        new GetQueueAttributesCommand({ QueueUrl: queue, AttributeNames: ["All"] }),
      );
      return [
        Attributes?.ApproximateNumberOfMessages,
        Attributes?.ApproximateNumberOfMessagesNotVisible,
        Attributes?.ApproximateNumberOfMessagesDelayed,
      ];
    };
    expect(await counts()).toEqual(["1", "1", "1"]);
    clock.pass(30);
    expect(await counts()).toEqual(["3", "0", "0"]);
  });
});

describe("deleting", () => {
  it("is done twice without complaint", async () => {
    await sendTo(queue, "x");
    const { ReceiptHandle } = await receiveOne();
    await remove(ReceiptHandle);
    await remove(ReceiptHandle);
    expect(aws.messages(queue)).toHaveLength(0);
  });

  it("works by the latest handle though the timeout ran out, and not by an older one", async () => {
    await sendTo(queue, "x");
    const old = await receiveOne();
    clock.pass(30);
    const latest = await receiveOne();
    clock.pass(30);
    await remove(old.ReceiptHandle);
    expect(aws.messages(queue)).toHaveLength(1);
    await remove(latest.ReceiptHandle);
    expect(aws.messages(queue)).toHaveLength(0);
  });

  it("refuses what is no receipt handle, and handles of other queues", async () => {
    const other = aws.createQueue({ name: `other-${count}` });
    await sendTo(other.url, "x");
    const [message] = await receive({ QueueUrl: other.url });
    expect(await refusal(remove("bogus"))).toBe("ReceiptHandleIsInvalid");
    expect(await refusal(remove(message?.ReceiptHandle ?? ""))).toBe("ReceiptHandleIsInvalid");
  });

  it("checks the shape of batches", async () => {
    const batch = (ids: readonly string[]) =>
      refusal(
        clients.sqs.send(
          new DeleteMessageBatchCommand({ QueueUrl: queue, Entries: ids.map((Id) => ({ Id, ReceiptHandle: "h" })) }),
        ),
      );
    expect(await batch([])).toBe("EmptyBatchRequest");
    expect(await batch([..."abcdefghijk"])).toBe("TooManyEntriesInBatchRequest");
    expect(await batch(["a", "a"])).toBe("BatchEntryIdsNotDistinct");
    expect(await batch(["a b"])).toBe("InvalidBatchEntryId");
  });
});

describe("long polls", () => {
  it("return when a message comes", async () => {
    const polled = receive({ WaitTimeSeconds: 20 });
    await sendTo(queue, "x");
    expect(await polled).toHaveLength(1);
  });

  it("return when a message becomes visible again", async () => {
    await sendTo(queue, "x");
    await receiveOne();
    const polled = receive({ WaitTimeSeconds: 20 });
    clock.pass(30);
    expect(await polled).toHaveLength(1);
  });

  it("end empty after their time by the injected clock", async () => {
    const started = performance.now();
    const polled = receive({ WaitTimeSeconds: 20 });
    const ticking = setInterval(() => clock.pass(5), 20);
    expect(await polled).toHaveLength(0);
    clearInterval(ticking);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it("end empty after their time by this machine's clock when the injected one stands still", async () => {
    const started = performance.now();
    expect(await receive({ WaitTimeSeconds: 1 })).toHaveLength(0);
    expect(performance.now() - started).toBeGreaterThan(950);
  });

  it("hand nothing to a client that is gone", async () => {
    const leaving = new AbortController();
    let arrived = false;
    const watching = aws.faults.add({
      operation(name) {
        arrived ||= name === "ReceiveMessage";
        return false;
      },
    });
    const polled = refusal(
      clients.sqs.send(new ReceiveMessageCommand({ QueueUrl: queue, WaitTimeSeconds: 20 }), {
        abortSignal: leaving.signal,
      }),
    );
    const name = queue.split("/").at(-1) as string;
    await until(() => arrived);
    watching();
    leaving.abort();
    expect(await polled).toBe("AbortError");
    await until(() => aws.requests.count({ operation: "ReceiveMessage", queue: name }) === 1);
    await sendTo(queue, "x");
    expect(await receive()).toHaveLength(1);
  });

  it("hand nothing to a client that left while its call was held up", async () => {
    const name = queue.split("/").at(-1) as string;
    const remove = aws.faults.add({ operation: "ReceiveMessage", queue: name, latency: 200 });
    aws.sendMessage(queue, "x");
    const command = new ReceiveMessageCommand({ QueueUrl: queue });
    expect(await refusal(clients.sqs.send(command, { abortSignal: AbortSignal.timeout(50) }))).toBe("AbortError");
    await until(() => aws.requests.count({ operation: "ReceiveMessage", queue: name }) === 1);
    remove();
    expect(aws.messages(queue)).toMatchObject([{ state: "visible", receiveCount: 0 }]);
  });

  it("share messages among those who wait", async () => {
    const polls = [1, 2, 3].map(() => receive({ WaitTimeSeconds: 20, MaxNumberOfMessages: 1 }));
    await clients.sqs.send(
      new SendMessageBatchCommand({
        QueueUrl: queue,
        Entries: ["a", "b", "c"].map((Id) => ({ Id, MessageBody: Id })),
      }),
    );
    const bodies = (await Promise.all(polls)).flat().map(({ Body }) => Body);
    expect(bodies.sort()).toEqual(["a", "b", "c"]);
  });
});

it("holds ten thousand messages and gives out each once", async () => {
  for (let i = 0; i < 10_000; i++) aws.sendMessage(queue, `m${i}`);
  const bodies = new Set<string | undefined>();
  await Promise.all(
    [1, 2, 3, 4].map(async () => {
      for (;;) {
        const messages = await receive();
        if (messages.length === 0) return;
        for (const { Body } of messages) bodies.add(Body);
      }
    }),
  );
  expect(bodies.size).toBe(10_000);
});
