import { Agent } from "node:http";
import { S3Client } from "@aws-sdk/client-s3";
import { SQSClient } from "@aws-sdk/client-sqs";
import type { lakeCredentials } from "@threatlockdown/aws-auth";
import {
  type ConsumerEvent,
  consume,
  openQueue,
  type Queue,
  type QueueOptions,
  type Summary,
} from "@threatlockdown/sqs-consumer";
import {
  createSubscription,
  type LocalAws,
  type LocalAwsOptions,
  type Subscription,
  startLocalAws,
} from "@threatlockdown/tooling-local-aws";
import { createIngest, type IngestEvent, type IngestOptions, type Sink } from "../src/index.ts";

/** A lake with its queue, and who reads it. */
export interface Lake {
  readonly aws: LocalAws;
  readonly subscription: Subscription;
  readonly sqs: SQSClient;
  readonly s3: S3Client;
  close(): Promise<void>;
}

export async function startLake(
  options: LocalAwsOptions = {},
  credentials?: (aws: LocalAws, subscription: Subscription) => ReturnType<typeof lakeCredentials>,
): Promise<Lake> {
  const aws = await startLocalAws(options);
  const subscription = createSubscription(aws);
  const agent = new Agent({ keepAlive: true, maxSockets: 100 });
  const settings = {
    region: aws.region,
    endpoint: aws.url,
    credentials: credentials?.(aws, subscription) ?? aws.issueSession(subscription.roleArn),
    requestHandler: { httpAgent: agent },
  };
  const sqs = new SQSClient(settings);
  const s3 = new S3Client({ ...settings, forcePathStyle: true });
  return {
    aws,
    subscription,
    sqs,
    s3,
    async close() {
      sqs.destroy();
      s3.destroy();
      await aws.close();
    },
  };
}

/** What a sink that accepts at once has taken: how often it has seen each row, by its object and number. */
export function acceptingSink(): Sink & { readonly rows: Map<string, number> } {
  const rows = new Map<string, number>();
  return {
    rows,
    async write(batch, { key, etag }) {
      for (let row = 0; row < batch.rowCount; row++) {
        const id = `${key} ${etag} ${batch.firstRow + row}`;
        rows.set(id, (rows.get(id) ?? 0) + 1);
      }
      return { stored: batch.rowCount, alreadyStored: 0, deadLettered: 0 };
    },
  };
}

export interface Reading extends IngestOptions {
  readonly sink: Sink;
  readonly quarantine?: (id: string, reason: Error) => Promise<void>;
  readonly stop?: AbortController;
  readonly onConsumer?: (event: ConsumerEvent) => void;
  readonly onIngest?: (event: IngestEvent) => void;
  readonly mode?: "drain" | "forever";
  readonly concurrency?: number;
  readonly poison?: "redrive";
  /** Seconds; the queue's own by default. */
  readonly visibilityTimeout?: number;
  /** Opened before faults were set; otherwise it is opened now. */
  readonly queue?: Queue;
}

export const openLakeQueue = ({ sqs, subscription }: Lake, options: QueueOptions = {}): Promise<Queue> =>
  openQueue(sqs, subscription.queueUrl, options);

/** Reads the queue as the product does. */
export async function readQueue(lake: Lake, reading: Reading): Promise<Summary> {
  const { sink, quarantine, stop = new AbortController(), onConsumer, onIngest, ...others } = reading;
  const { mode = "drain", concurrency, poison, visibilityTimeout, queue: opened, ...options } = others;
  const queue = opened ?? (await openLakeQueue(lake, { ...(visibilityTimeout && { visibilityTimeout }) }));
  const ingest = createIngest(lake.s3, sink, { ...options, ...(onIngest && { on: onIngest }) });
  return consume(queue, ingest, {
    mode,
    stop: stop.signal,
    ...(concurrency !== undefined && { concurrency }),
    ...(poison !== undefined && { poison }),
    quarantine: (message, reason) => quarantine?.(message.id, reason) ?? Promise.resolve(),
    ...(onConsumer && { on: onConsumer }),
  });
}
