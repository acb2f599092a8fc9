import type { S3Client } from "@aws-sdk/client-s3";
import { IndexerError } from "@threatlockdown/indexer-client";
import { open, ParquetError, rows } from "@threatlockdown/parquet-reader";
import { Fatal, type Handle, type Message, Poison } from "@threatlockdown/sqs-consumer";
import { documentColumns } from "./document.ts";
import { type AnnouncedObject, parseNotification } from "./notification.ts";
import { ObjectGone } from "./s3-error.ts";
import { createObjects, type ObjectsOptions } from "./s3-object.ts";
import type { Accepted, Sink } from "./sink.ts";

/** What happened to one announced object, for those who count. */
export type IngestEvent =
  | { readonly type: "object"; readonly object: AnnouncedObject; readonly rows: number; readonly accepted: Accepted }
  | { readonly type: "nothing-to-do"; readonly reason: string };

export interface IngestOptions extends ObjectsOptions {
  /** Bounds of a row batch, and so of a worker's memory. Defaults of the Parquet reader. */
  readonly maxRows?: number;
  readonly maxBytes?: number;
  /** Columns that the sink needs beside those of every document. */
  readonly columns?: readonly string[];
  /**
   * Milliseconds since its first receive after which a message that still fails, whatever the reason, is kept in the
   * quarantine. Default 12 hours: long enough to repair a policy or an endpoint, well below the 4 days after which SQS
   * itself drops a message without a word.
   */
  readonly patience?: number;
  readonly on?: (event: IngestEvent) => void;
}

/**
 * The straight way of one message. When the promise resolves, each event of each object that the message announces is
 * accepted, and the message may be deleted; nothing else may delete it.
 *
 * One odd object holds up none of its neighbours. When all are done: what is worth another try is rejected as it is; what
 * can never succeed as {@link Poison}. Where the indexer cannot be used before somebody repairs something, the rejection
 * is {@link Fatal}.
 */
export function createIngest(s3: S3Client, sink: Sink, options: IngestOptions = {}): Handle {
  const on = options.on ?? (() => {});
  const objects = createObjects(s3, options);
  const columns = [...documentColumns, ...(options.columns ?? [])];

  return async function ingest(message, lease) {
    const notification = parseNotification(message.body);
    for (const reason of notification.nothingToDo) on({ type: "nothing-to-do", reason });
    const poison = [...notification.malformed];
    const failures: unknown[] = [];
    for (const announced of notification.objects) {
      try {
        on(await ingestObject(announced, lease.signal));
      } catch (error) {
        lease.signal.throwIfAborted();
        if (error instanceof IndexerError) throw new Fatal(error.message, { cause: error });
        if (isPoison(error, message, options)) poison.push(reasonOf(error as Error, announced));
        else failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    if (poison.length > 0) throw new Poison(poison.join("; "));
  };

  async function ingestObject(announced: AnnouncedObject, signal: AbortSignal): Promise<IngestEvent> {
    const object = await objects.open(announced, signal);
    const accepted = { stored: 0, alreadyStored: 0, deadLettered: 0 };
    const add = (part: Accepted): void => {
      accepted.stored += part.stored;
      accepted.alreadyStored += part.alreadyStored;
      accepted.deadLettered += part.deadLettered;
    };
    let rowCount = 0;
    const writing: Promise<Accepted>[] = [];
    try {
      const file = await open(object.source);
      for await (const batch of rows(file, { ...bounds(options), columns, signal })) {
        rowCount += batch.rowCount;
        const write = sink.write(batch, object, signal);
        write.catch(() => {}); // It is awaited one batch later: reading goes on while the sink works.
        writing.push(write);
        if (writing.length === 2) add(await (writing.shift() as Promise<Accepted>));
      }
    } finally {
      // What was read is accepted, or refused, before anything else may decide on the message.
      await Promise.allSettled(writing);
      for (const part of await Promise.all(writing)) add(part);
    }
    return { type: "object", object: announced, rows: rowCount, accepted };
  }
}

function bounds({ maxRows, maxBytes }: IngestOptions): { maxRows?: number; maxBytes?: number } {
  return { ...(maxRows !== undefined && { maxRows }), ...(maxBytes !== undefined && { maxBytes }) };
}

function reasonOf(error: Error, { bucket, key }: AnnouncedObject): string {
  return error instanceof ParquetError
    ? `s3://${bucket}/${key} cannot be read as Parquet: ${error.message}`
    : error.message;
}

function isPoison(error: unknown, { firstReceivedAt }: Message, { patience = 12 * 3_600_000 }: IngestOptions): boolean {
  if (error instanceof ObjectGone || error instanceof ParquetError) return true;
  return firstReceivedAt !== undefined && Date.now() - firstReceivedAt.getTime() > patience;
}
