import { S3Client } from "@aws-sdk/client-s3";
import { createIngest, type Sink } from "@threatlockdown/pipeline";
import { notification } from "@threatlockdown/tooling-lake";
import { peakMemory } from "./peak-memory.ts";

/**
 * The process that `large.ts` measures: ingests one object into a sink that accepts at once. Told what to do by its first
 * argument, as JSON; says how it went on stdout, as JSON.
 */
export interface Order {
  readonly url: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly object: { readonly bucket: string; readonly key: string; readonly size: number; readonly etag: string };
  /** Bytes; absent: as by default. */
  readonly readAhead?: number | undefined;
}

export interface Outcome {
  readonly seconds: number;
  readonly rows: number;
  /** Bytes. */
  readonly peakMemory: number;
}

const { url, region, credentials, object, readAhead } = JSON.parse(process.argv[2] as string) as Order;
const s3 = new S3Client({ region, endpoint: url, credentials, forcePathStyle: true });
let rows = 0;
const sink: Sink = {
  async write({ rowCount }) {
    rows += rowCount;
    return { stored: rowCount, alreadyStored: 0, deadLettered: 0 };
  },
};
const ingest = createIngest(s3, sink, readAhead === undefined ? {} : { readAhead });
const message = {
  ...{ id: "m", receiptHandle: "r", receiveCount: 1, attributes: {} },
  body: notification(object, "s3-records"),
};
const started = performance.now();
await ingest(message, { signal: new AbortController().signal });
const outcome: Outcome = {
  seconds: (performance.now() - started) / 1_000,
  rows,
  peakMemory: peakMemory(),
};
process.stdout.write(JSON.stringify(outcome));
