import type { S3Client } from "@aws-sdk/client-s3";
import { IndexerError } from "@threatlockdown/indexer-client";
import { type LostValues, open, ParquetError, rows, sumOfLosses } from "@threatlockdown/parquet-reader";
import { Fatal, type Handle, type Message } from "@threatlockdown/sqs-consumer";
import { documentColumns } from "./document.ts";
import { type ObjectFilter, unwanted } from "./filter.ts";
import { type AnnouncedObject, parseNotification } from "./notification.ts";
import { type Fault, PoisonNotification } from "./quarantine.ts";
import { nameOf, ObjectGone } from "./s3-error.ts";
import { createObjects, type ObjectsOptions } from "./s3-object.ts";
import type { Accepted, Sink } from "./sink.ts";

/** What happened to one announced object, for those who count. */
export type IngestEvent =
  | {
      readonly type: "object";
      readonly object: AnnouncedObject;
      readonly rows: number;
      readonly accepted: Accepted;
      /** By column, the values that have no JSON form: in the events they are null. */
      readonly lost: readonly LostValues[];
      /** Map entries that the events do not have, because their key came again in the same map. */
      readonly duplicateKeys: number;
    }
  | { readonly type: "nothing-to-do"; readonly reason: string };

export interface IngestOptions extends ObjectsOptions {
  /** Objects that are wanted; the others are nothing to do. */
  readonly only?: ObjectFilter;
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
 * can never succeed as {@link PoisonNotification}. Where the indexer cannot be used before somebody repairs something, the rejection
 * is {@link Fatal}.
 */
export function createIngest(s3: S3Client, sink: Sink, options: IngestOptions = {}): Handle {
  const on = options.on ?? (() => {});
  const objects = createObjects(s3, options);
  const columns = [...documentColumns, ...(options.columns ?? [])];
  const accepted = createMemory();

  return async function ingest(message, lease) {
    const notification = parseNotification(message.body);
    for (const reason of notification.nothingToDo) on({ type: "nothing-to-do", reason });
    const faults: Fault[] = notification.malformed.map((reason) => ({ reason }));
    const failures: unknown[] = [];
    const done = accepted.of(message.id);
    for (const announced of notification.objects) {
      if (done.has(identityOf(announced))) continue;
      const reason = unwanted(announced.key, options.only);
      try {
        on(reason === undefined ? await ingestObject(announced, lease.signal) : { type: "nothing-to-do", reason });
        done.add(identityOf(announced));
      } catch (error) {
        accepted.keep(message.id, done);
        lease.signal.throwIfAborted();
        if (error instanceof IndexerError) throw new Fatal(error.message, { cause: error });
        if (isPoison(error, message, options))
          faults.push({ reason: reasonOf(error as Error, announced), object: announced });
        else failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    accepted.forget(message.id);
    if (faults.length > 0) throw new PoisonNotification(faults);
  };

  async function ingestObject(announced: AnnouncedObject, signal: AbortSignal): Promise<IngestEvent> {
    using object = await objects.open(announced, signal);
    const accepted = { stored: 0, alreadyStored: 0, deadLettered: 0 };
    const add = (part: Accepted): void => {
      accepted.stored += part.stored;
      accepted.alreadyStored += part.alreadyStored;
      accepted.deadLettered += part.deadLettered;
    };
    let rowCount = 0;
    const losses = sumOfLosses();
    const writing: Promise<Accepted>[] = [];
    try {
      const file = await open(object.source);
      for await (const batch of rows(file, { ...bounds(options), columns, signal })) {
        rowCount += batch.rowCount;
        losses.add(batch);
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
    return { type: "object", object: announced, rows: rowCount, accepted, ...losses.sum() };
  }
}

function bounds({ maxRows, maxBytes }: IngestOptions): { maxRows?: number; maxBytes?: number } {
  return { ...(maxRows !== undefined && { maxRows }), ...(maxBytes !== undefined && { maxBytes }) };
}

function reasonOf(error: Error, object: AnnouncedObject): string {
  if (error instanceof ParquetError) return `${nameOf(object)} cannot be read as Parquet: ${error.message}`;
  return error.message.includes(nameOf(object)) ? error.message : `${nameOf(object)}: ${error.message}`;
}

/** Two deliveries that announce the same bytes have the same. */
function identityOf({ bucket, key, versionId, etag }: AnnouncedObject): string {
  return JSON.stringify([bucket, key, versionId ?? null, etag ?? null]);
}

interface Memory {
  /** The objects of a message that were accepted at its earlier deliveries. */
  of(messageId: string): Set<string>;
  keep(messageId: string, done: Set<string>): void;
  forget(messageId: string): void;
}

const mostRemembered = 1000;

/**
 * What was accepted of messages that come again because of their other objects, so that these are not read once more at
 * each try. Only this process remembers it, and only of the newest messages: reading an object again is harmless.
 */
function createMemory(): Memory {
  const messages = new Map<string, Set<string>>();
  return {
    of: (messageId) => messages.get(messageId) ?? new Set(),
    keep(messageId, done) {
      messages.delete(messageId);
      messages.set(messageId, done);
      if (messages.size > mostRemembered) messages.delete(messages.keys().next().value as string);
    },
    forget: (messageId) => void messages.delete(messageId),
  };
}

function isPoison(error: unknown, { firstReceivedAt }: Message, { patience = 12 * 3_600_000 }: IngestOptions): boolean {
  if (error instanceof ObjectGone || error instanceof ParquetError) return true;
  return firstReceivedAt !== undefined && Date.now() - firstReceivedAt.getTime() > patience;
}
