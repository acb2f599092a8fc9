import { setTimeout as pause } from "node:timers/promises";
import type { Transport } from "./ask.ts";
import { type Batch, documentsOf } from "./batch.ts";
import type { BulkBody } from "./bulk-body.ts";
import { backoff, createConcurrency } from "./concurrency.ts";
import type { DeadLetter } from "./dead-letter.ts";
import { createDelivery } from "./delivery.ts";
import { IndexerError } from "./errors.ts";
import type { IndexerEvent } from "./events.ts";
import { createExchange } from "./exchange.ts";
import { createGathering } from "./gathering.ts";
import { createLearntBounds } from "./learnt-bounds.ts";
import { type Accepted, createOpenWrites, type Write } from "./open-writes.ts";
import { createSettlement } from "./settlement.ts";
import { createWaiting } from "./waiting.ts";

export interface BulkWriterOptions {
  /** The most requests in flight at a time. Default 4. */
  readonly inFlight?: number;
  /** The most bytes of a request, before compression; below the indexer's `http.max_content_length`. Default 5 MB. */
  readonly maxBytes?: number;
  /** The most documents of a request. Default 10,000. */
  readonly maxDocuments?: number;
  /** Ends everything now: requests are cut off, open writes reject with its reason. */
  readonly signal?: AbortSignal;
  readonly on?: (event: IndexerEvent) => void;
  /** Milliseconds before the n-th try (n from 1). Default: doubling from 0.1 s to 10 s, jittered. */
  readonly backoff?: (attempt: number) => number;
}

export interface BulkWriter {
  /**
   * Resolves when each document is accepted: stored, stored before, or kept in the dead letter. Rejects with an
   * `IndexerError` when the indexer cannot be used, with the signal's reason when that gave up; then any of the
   * documents may have been stored, and writing them again is harmless.
   */
  write(body: BulkBody, options?: { readonly signal?: AbortSignal }): Promise<Accepted>;
  /** Resolves when all open writes are settled; there are no new ones. */
  close(): Promise<void>;
}

/**
 * A writer that clocks itself: what arrives while all allowed requests are in flight gathers, and goes when one of them
 * returns. There is no flush interval, and no queue beyond the bodies whose promises are open.
 *
 * @throws RangeError where a limit would let nothing through
 */
export function createBulkWriter(
  client: Transport,
  deadLetter: DeadLetter,
  options: BulkWriterOptions = {},
): BulkWriter {
  const { inFlight: mostInFlight = 4, maxBytes = 5_000_000, maxDocuments = 10_000 } = options;
  for (const [name, limit] of Object.entries({ inFlight: mostInFlight, maxBytes, maxDocuments })) {
    if (!(limit >= 1)) throw new RangeError(`${name} is ${limit}; it is a number from 1 on`);
  }
  const on = options.on ?? (() => {});
  const waitBefore = options.backoff ?? backoff;
  const bounds = createLearntBounds({ bytes: maxBytes, documents: maxDocuments }, on);
  const concurrency = createConcurrency(mostInFlight);
  const writes = createOpenWrites();
  const gathering = createGathering<Write>((write) => write.settled);
  const waiting = createWaiting(on);
  const ending = new AbortController();
  const ended = ending.signal;
  const exchange = createExchange(client, bounds, () => inFlight >= concurrency.limit, on, ended);
  const settlement = createSettlement({ deadLetter, writes, gathering, concurrency, waiting, on });
  const deliver = createDelivery({ exchange, settlement, bounds, concurrency, waiting, ended });
  let inFlight = 0;
  let whenDone: Promise<void> | undefined;

  function pump(): void {
    while (!ended.aborted && inFlight < concurrency.limit && gathering.documents > 0) {
      const batch = gathering.take(bounds);
      if (batch.length === 0) return;
      inFlight++;
      void run(batch);
    }
  }

  /** Sends one batch; while the indexer has no room for anything, its place in flight stays taken. */
  async function run(batch: Batch<Write>): Promise<void> {
    try {
      const { again, refusedForRoom } = await deliver(batch);
      if (again.length > 0) {
        const later = requeueLater(again);
        if (refusedForRoom === documentsOf(batch)) await later;
      }
    } catch (error) {
      end(error);
    } finally {
      inFlight--;
      pump();
    }
  }

  async function requeueLater(shares: Batch<Write>): Promise<void> {
    const attempts = Math.max(...shares.map((share) => share.attempts));
    try {
      await pause(waitBefore(attempts), undefined, { signal: ended });
    } catch {
      return;
    }
    for (const share of shares) gathering.add(share);
    pump();
  }

  function end(reason: unknown): void {
    if (ended.aborted) return;
    ending.abort(reason);
    gathering.clear();
    writes.rejectAll(reason);
    options.signal?.removeEventListener("abort", onAbort);
  }

  function onAbort(): void {
    end(options.signal?.reason);
  }
  if (options.signal?.aborted) onAbort();
  else options.signal?.addEventListener("abort", onAbort);

  return {
    write(body, { signal } = {}) {
      if (ended.aborted) return Promise.reject(ended.reason);
      if (whenDone !== undefined) {
        return Promise.reject(new IndexerError("INDEXER_CLOSED", "The bulk writer is closed: it takes no documents"));
      }
      if (signal?.aborted) return Promise.reject(signal.reason);
      if (body.count === 0) return Promise.resolve({ stored: 0, alreadyStored: 0, deadLettered: 0 });
      const { write, accepted } = writes.begin(body.count);
      gathering.add({ owner: write, body, from: 0, to: body.count, attempts: 0, faults: 0 });
      pump();
      return signal === undefined
        ? accepted
        : untilAborted(accepted, signal, () => writes.reject(write, signal.reason));
    },
    close() {
      whenDone ??= writes.whenNone().then(() => options.signal?.removeEventListener("abort", onAbort));
      return whenDone;
    },
  };
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal, giveUp: () => void): Promise<T> {
  signal.addEventListener("abort", giveUp, { once: true });
  return promise.finally(() => signal.removeEventListener("abort", giveUp));
}
