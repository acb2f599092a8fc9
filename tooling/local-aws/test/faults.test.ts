import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { DeleteMessageBatchCommand, ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createFaults } from "../src/faults.ts";
import type { LocalAws } from "../src/index.ts";
import { type Clients, clientsOf, failure, refusal, startLocalAws } from "./clients.ts";

const Bucket = "faulty-bucket";
let aws: LocalAws;
let clients: Clients;
let queue: string;

beforeAll(async () => {
  aws = await startLocalAws();
  clients = clientsOf(aws);
  aws.createBucket({ name: Bucket });
  for (const key of ["a", "b"]) aws.putObject({ bucket: Bucket, key, body: `body of ${key}` });
  queue = aws.createQueue({ name: "faulty-queue" }).url;
});
afterEach(() => aws.faults.clear());
afterAll(() => aws.close());

const get = async (Key: string) => {
  const { Body } = await clients.s3.send(new GetObjectCommand({ Bucket, Key }));
  return Body?.transformToString();
};
const identify = () => clients.sts.send(new GetCallerIdentityCommand({}));
const send = (MessageBody: string) => clients.sqs.send(new SendMessageCommand({ QueueUrl: queue, MessageBody }));
const receive = async () => {
  const input = { QueueUrl: queue, MaxNumberOfMessages: 10 };
  return (await clients.sqs.send(new ReceiveMessageCommand(input))).Messages ?? [];
};

describe("which calls are hit", () => {
  it("those of an operation and a key, until the fault is taken away", async () => {
    const remove = aws.faults.add({ operation: "GetObject", key: "a", error: "SlowDown" });
    expect(await refusal(get("a"))).toBe("SlowDown");
    expect(await get("b")).toBe("body of b");
    remove();
    expect(await get("a")).toBe("body of a");
  });

  it("so many of them, after so many", async () => {
    aws.faults.add({ service: "s3", key: /^a$/, after: 1, times: 2, error: "InternalError" });
    const outcomes = [];
    for (let i = 0; i < 4; i++) outcomes.push(await get("a").catch((error: Error) => error.name));
    expect(outcomes).toEqual(["body of a", "InternalError", "InternalError", "body of a"]);
  });

  it("a share of them, the same for the same seed", () => {
    const draw = (seed: number) => {
      const faults = createFaults();
      faults.add({ probability: 0.05, seed, reset: "before" });
      const subject = { service: "s3", operation: "GetObject" } as const;
      return Array.from({ length: 10_000 }, () => faults.strike(subject).reset !== undefined);
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    const hits = draw(7).filter(Boolean).length;
    expect(hits).toBeGreaterThan(400);
    expect(hits).toBeLessThan(600);
  });
});

describe("what goes wrong", () => {
  it("errors, with the status that AWS sends with them and in each service's form", async () => {
    aws.faults.add({ service: "s3", error: "SlowDown", message: "Please reduce your request rate." });
    aws.faults.add({ service: "sts", error: "Throttling" });
    aws.faults.add({ service: "sqs", error: "RequestThrottled", status: 403 });
    expect(await failure(get("a"))).toMatchObject({
      name: "SlowDown",
      message: "Please reduce your request rate.",
      $metadata: { httpStatusCode: 503 },
    });
    expect(await failure(identify())).toMatchObject({ name: "Throttling", $metadata: { httpStatusCode: 400 } });
    expect(await failure(send("x"))).toMatchObject({ name: "RequestThrottled", $metadata: { httpStatusCode: 403 } });
  });

  it("the first of several errors, with its own status", async () => {
    aws.faults.add({ key: "a", error: "InternalError" });
    aws.faults.add({ key: "a", error: "SlowDown", status: 503, message: "later" });
    expect(await failure(get("a"))).toMatchObject({
      name: "InternalError",
      message: "A fault that a test asked for.",
      $metadata: { httpStatusCode: 500 },
    });
  });

  it("latencies, added up", async () => {
    aws.faults.add({ service: "s3", latency: 60 });
    aws.faults.add({ key: "a", latency: 60 });
    const started = performance.now();
    await get("a");
    expect(performance.now() - started).toBeGreaterThanOrEqual(115);
  });

  it("no answer at all, until the client gives up", async () => {
    aws.faults.add({ key: "a", latency: Number.POSITIVE_INFINITY });
    const command = new GetObjectCommand({ Bucket, Key: "a" });
    const call = clients.s3.send(command, { abortSignal: AbortSignal.timeout(100) });
    expect(await refusal(call)).toBe("AbortError");
  });

  it("connections that are reset before the call is worked on, or when it was", async () => {
    aws.faults.add({ operation: "SendMessage", times: 1, reset: "before" });
    expect(await failure(send("lost"))).toMatchObject({ code: "ECONNRESET" });
    expect(aws.messages(queue)).toHaveLength(0);
    aws.faults.add({ operation: "SendMessage", times: 1, reset: "after" });
    expect(await failure(send("sent"))).toMatchObject({ code: "ECONNRESET" });
    expect(aws.messages(queue)).toMatchObject([{ body: "sent" }]);
    expect((await receive()).length).toBe(1);
  });

  it.each([0, 4])("bodies that end after %i bytes of what was promised", async (truncate) => {
    aws.faults.add({ key: "a", truncate });
    const { ContentLength, Body } = await clients.s3.send(new GetObjectCommand({ Bucket, Key: "a" }));
    expect(ContentLength).toBe(9);
    let received = 0;
    const reading = (async () => {
      for await (const chunk of Body as AsyncIterable<Uint8Array>) received += chunk.length;
    })();
    expect((await failure(reading)).message).toMatch(/aborted|terminated|ECONNRESET/);
    expect(received).toBe(truncate);
  });

  it("bodies with a wrong byte, which a checksum tells", async () => {
    aws.faults.add({ key: "a", corrupt: true });
    expect((await failure(get("a"))).message).toMatch(/[Cc]hecksum mismatch/);
  });

  it("objects as they were, or as if they were not there yet", async () => {
    await clients.s3.send(new PutObjectCommand({ Bucket, Key: "b", Body: "newer" }));
    aws.faults.add({ key: "b", times: 1, stale: "previous" });
    expect(await get("b")).toBe("body of b");
    expect(await get("b")).toBe("newer");
    aws.faults.add({ key: "b", times: 1, stale: "missing" });
    expect(await refusal(get("b"))).toBe("NoSuchKey");
  });

  it("messages that are delivered twice", async () => {
    const { url } = aws.createQueue({ name: "twice" });
    aws.sendMessage(url, "x");
    aws.faults.add({ queue: "twice", times: 1, duplicate: true });
    const input = new ReceiveMessageCommand({ QueueUrl: url });
    const first = await clients.sqs.send(input);
    const second = await clients.sqs.send(input);
    expect(first.Messages?.[0]?.MessageId).toBe(second.Messages?.[0]?.MessageId);
    expect((await clients.sqs.send(input)).Messages).toBeUndefined();
  });

  it("entries of batches", async () => {
    const { url } = aws.createQueue({ name: "batches" });
    for (const body of ["a", "b"]) aws.sendMessage(url, body);
    const input = { QueueUrl: url, MaxNumberOfMessages: 10 };
    const { Messages = [] } = await clients.sqs.send(new ReceiveMessageCommand(input));
    aws.faults.add({ operation: "DeleteMessageBatch", failEntries: { code: "InternalError", count: 1 } });
    const { Successful, Failed } = await clients.sqs.send(
      new DeleteMessageBatchCommand({
        QueueUrl: url,
        Entries: Messages.map(({ ReceiptHandle }, index) => ({ Id: `${index}`, ReceiptHandle })),
      }),
    );
    expect(Successful?.map(({ Id }) => Id)).toEqual(["1"]);
    expect(Failed).toMatchObject([{ Id: "0", Code: "InternalError", SenderFault: false }]);
    expect(aws.messages("batches")).toHaveLength(1);
  });
});

describe("the request log", () => {
  it("tells each call with who, what, on what, and how it ended", async () => {
    aws.requests.clear();
    await get("a");
    await refusal(
      clientsOf(aws, { accessKeyId: "nobody", secretAccessKey: "x" }).s3.send(
        new GetObjectCommand({ Bucket, Key: "a", Range: "bytes=0-1" }),
      ),
    );
    const [good, bad] = aws.requests.list({ operation: "GetObject" });
    expect(good).toMatchObject({
      service: "s3",
      bucket: Bucket,
      key: "a",
      status: 200,
      principal: "arn:aws:iam::123456789012:user/admin",
      region: "us-east-1",
    });
    expect(bad).toMatchObject({ status: 403, code: "InvalidAccessKeyId", range: "bytes=0-1", principal: undefined });
    expect(aws.requests.count({ key: "a", status: 200 })).toBe(1);
  });
});
