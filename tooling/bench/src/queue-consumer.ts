import { S3Client } from "@aws-sdk/client-s3";
import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { lakeCredentials } from "@threatlockdown/aws-auth";
import { createIngest, type Sink } from "@threatlockdown/pipeline";
import { consume, openQueue } from "@threatlockdown/sqs-consumer";
import { peakMemory } from "./peak-memory.ts";

/**
 * The process that `queue.ts` measures: takes everything out of a queue, into a sink that accepts at once. Told what to
 * do by its first argument, as JSON; says how it went on stdout, as JSON.
 */
export interface Order {
  /** `ours`: many in flight. `serial`: receive, and one object after the other. */
  readonly mode: "ours" | "serial";
  readonly url: string;
  readonly queue: string;
  readonly region: string;
  readonly roleArn: string;
  readonly externalId: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly objects: number;
  readonly concurrency: number;
}

export interface Outcome {
  /** Until the last message was deleted. */
  readonly seconds: number;
  readonly rows: number;
  /** CPU seconds of this process. */
  readonly cpu: number;
  /** Bytes. */
  readonly peakMemory: number;
}

const order = JSON.parse(process.argv[2] as string) as Order;
const { url, region, concurrency, objects } = order;
const credentials = lakeCredentials({
  roleArn: order.roleArn,
  externalId: order.externalId,
  region,
  stsEndpoint: url,
  base: async () => ({ accessKeyId: order.accessKeyId, secretAccessKey: order.secretAccessKey }),
});
const requestHandler = { httpAgent: { keepAlive: true, maxSockets: 2 * concurrency } };
const sqs = new SQSClient({ region, endpoint: url, credentials, requestHandler });
const s3 = new S3Client({ region, endpoint: url, credentials, requestHandler, forcePathStyle: true });
// As the wodle does.
for (const { middlewareStack } of [sqs, s3]) middlewareStack.remove("loggerMiddleware");

let rows = 0;
const sink: Sink = {
  write: async (batch) => {
    rows += batch.rowCount;
    return { stored: batch.rowCount, alreadyStored: 0, deadLettered: 0 };
  },
};
const ingest = createIngest(s3, sink);

let ended = 0;
let deleted = 0;
function oneDeleted(): boolean {
  deleted += 1;
  ended = performance.now();
  return deleted === objects;
}

const refuse = async (_message: unknown, reason: Error) => {
  throw reason;
};

async function many(): Promise<void> {
  const stop = new AbortController();
  await consume(await openQueue(sqs, order.queue), ingest, {
    mode: "forever",
    stop: stop.signal,
    concurrency,
    quarantine: refuse,
    on(event) {
      if (event.type === "deleted" && oneDeleted()) stop.abort();
    },
  });
}

/** As a subscriber without concurrency works: ten messages a receive, each to its end. */
async function serial(): Promise<void> {
  const { url: QueueUrl } = await openQueue(sqs, order.queue);
  const { signal } = new AbortController();
  while (deleted < objects) {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
    for (const { MessageId = "", Body = "", ReceiptHandle = "" } of Messages) {
      const message = { id: MessageId, body: Body, receiptHandle: ReceiptHandle, receiveCount: 1, attributes: {} };
      await ingest(message, { signal });
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      oneDeleted();
    }
  }
}

const started = performance.now();
const before = process.cpuUsage();
await (order.mode === "ours" ? many() : serial());
const { user, system } = process.cpuUsage(before);
const outcome: Outcome = {
  seconds: (ended - started) / 1_000,
  rows,
  cpu: (user + system) / 1e6,
  peakMemory: peakMemory(),
};
process.stdout.write(JSON.stringify(outcome));
