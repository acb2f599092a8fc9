import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "@opensearch-project/opensearch";
import { type AnsweredItem, answerFilter, failureOf, itemsOf, saysAllStored } from "./answer.ts";
import { addDocument, type Batch, createMemory, documentsOf, halves, isAbout, sizeOf } from "./batch.ts";
import { actionOf, type BulkBody, BulkBodyBuilder, sourceOf } from "./bulk-body.ts";
import { type Answered, backoff, createConcurrency } from "./concurrency.ts";
import { type DeadLetter, documentEntry } from "./dead-letter.ts";
import { IndexerError } from "./errors.ts";
import { createGathering, type Share } from "./gathering.ts";
import {
  deadLetterMessage,
  deniedMessage,
  notKeptMessage,
  smallerMessage,
  tooLargeReason,
  unindexedMessage,
  untrustedMessage,
  waitingMessage,
} from "./messages.ts";
import { withDataUnindexed } from "./unindexed.ts";
import { judgeItem, judgeRequest, type Refusal, type RequestFailure } from "./verdict.ts";

/** What became of the documents of one write; their sum is the count of the body. */
export interface Accepted {
  readonly stored: number;
  /** A document with the same id was there. */
  readonly alreadyStored: number;
  readonly deadLettered: number;
}

/** What a person may want to know; `message` is one line. */
export type IndexerEvent =
  /** A request was answered document by document. */
  | { readonly type: "answered"; readonly documents: number; readonly bytes: number; readonly milliseconds: number }
  /** Said once for each cause, until `resumed`: nothing is lost, writes stay open. */
  | { readonly type: "waiting"; readonly cause: string; readonly message: string }
  | { readonly type: "resumed"; readonly cause: string; readonly message: string }
  /** A document was refused for its mapping and goes again with its data unindexed. */
  | { readonly type: "unindexed"; readonly index: string; readonly id: string; readonly message: string }
  | { readonly type: "dead-letter"; readonly index: string; readonly id: string; readonly message: string }
  /** The indexer takes smaller requests than was thought. */
  | { readonly type: "smaller"; readonly maxBytes: number; readonly message: string };

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

interface Write {
  stored: number;
  alreadyStored: number;
  deadLettered: number;
  pending: number;
  settled: boolean;
  resolve(accepted: Accepted): void;
  reject(error: unknown): void;
}

interface Delivered {
  readonly again: Batch<Write>;
  /** How many documents found no room. */
  readonly refusedForRoom: number;
}

const nothingAgain: Delivered = { again: [], refusedForRoom: 0 };

function joined(one: Delivered, other: Delivered): Delivered {
  return { again: [...one.again, ...other.again], refusedForRoom: one.refusedForRoom + other.refusedForRoom };
}

type Answer = ItemsAnswer | { readonly failed: RequestFailure };

interface ItemsAnswer {
  /** In the order of the batch's documents; or all of them are stored. */
  readonly items: readonly AnsweredItem[] | "all stored";
  readonly answered: Answered;
}

/**
 * A writer that clocks itself: what arrives while all allowed requests are in flight gathers, and goes when one of them
 * returns. There is no flush interval, and no queue beyond the bodies whose promises are open.
 */
export function createBulkWriter(
  client: Pick<Client, "transport">,
  deadLetter: DeadLetter,
  options: BulkWriterOptions = {},
): BulkWriter {
  const bounds = { bytes: options.maxBytes ?? 5_000_000, documents: options.maxDocuments ?? 10_000 };
  const on = options.on ?? (() => {});
  const waitBefore = options.backoff ?? backoff;
  const concurrency = createConcurrency(options.inFlight ?? 4);
  const gathering = createGathering<Write>((write) => write.settled);
  const open = new Set<Write>();
  const requests = new Set<{ abort(): void }>();
  const waitingFor = new Set<string>();
  const ended = new AbortController();
  const memory = createMemory();
  let inFlight = 0;
  let acceptedBytes = 0;
  let failure: { readonly reason: unknown } | undefined;
  let whenDone: Promise<void> | undefined;
  let nothingOpen = (): void => {};

  function pump(): void {
    while (failure === undefined && inFlight < concurrency.limit && gathering.documents > 0) {
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
      fail(error);
    } finally {
      inFlight--;
      pump();
    }
  }

  async function requeueLater(shares: Batch<Write>): Promise<void> {
    const attempts = Math.max(...shares.map((share) => share.attempts));
    try {
      await pause(waitBefore(attempts), undefined, { signal: ended.signal });
    } catch {
      return;
    }
    for (const share of shares) gathering.add(share);
    pump();
  }

  async function deliver(batch: Batch<Write>): Promise<Delivered> {
    return take(batch, await send(batch));
  }

  async function send(batch: Batch<Write>): Promise<Answer> {
    const answer = await exchange(batch);
    // A password or key may have changed since it was asked for: asked again, once.
    return "failed" in answer && judgeRequest(answer.failed) === "denied" ? exchange(batch) : answer;
  }

  async function take(batch: Batch<Write>, answer: Answer): Promise<Delivered> {
    if (failure !== undefined) return nothingAgain;
    if ("items" in answer) return settle(batch, answer);
    const { failed } = answer;
    const verdict = judgeRequest(failed);
    switch (verdict) {
      case "split":
        return split(batch, failed);
      case "denied":
        throw new IndexerError("INDEXER_DENIED", deniedMessage(failed), { status: failed.status });
      case "untrusted":
        throw new IndexerError("INDEXER_UNTRUSTED", untrustedMessage(failed));
      default:
        return putOff(batch, verdict, failed);
    }
  }

  async function split(batch: Batch<Write>, failed: RequestFailure): Promise<Delivered> {
    const isTooLarge = failed.status === 413;
    const [first, second] = halves(batch);
    const [only] = first as [Share<Write>];
    if (second.length === 0) {
      await keep(only, only.from, {
        status: failed.status as number,
        type: failed.type ?? "",
        reason: isTooLarge ? tooLargeReason(sizeOf(batch)) : failed.reason,
      });
      return nothingAgain;
    }
    const [one, other] = [await send(first), await send(second)];
    // What is wrong with both alike is not a document.
    if (!isTooLarge && failAlike(one, other)) return putOff(batch, "blocked", failed);
    // The halves tell the limit; where one is refused too, it may be for one large document.
    if (isTooLarge && "items" in one && "items" in other) learnBound(sizeOf(batch));
    return joined(await take(first, one), await take(second, other));
  }

  function putOff(batch: Batch<Write>, verdict: "again" | "blocked", failed: RequestFailure): Delivered {
    concurrency.overloaded();
    say(verdict === "blocked" ? "blocked" : failed.status === 429 ? "busy" : "unreachable", failed);
    return {
      again: batch.map((share) => ({ ...share, attempts: share.attempts + 1 })),
      refusedForRoom: documentsOf(batch),
    };
  }

  async function exchange(batch: Batch<Write>): Promise<Answer> {
    const count = documentsOf(batch);
    const bulkBody = memory.assemble(batch);
    const full = inFlight >= concurrency.limit;
    const started = performance.now();
    const request = client.transport.request(
      { method: "POST", path: "/_bulk", querystring: answerFilter, bulkBody },
      { maxRetries: 0 },
    );
    requests.add(request);
    try {
      const { body, statusCode } = await request;
      const items = saysAllStored(body, batch) ? "all stored" : itemsOf(body, count);
      if (items === undefined || (items !== "all stored" && !isAbout(items, batch))) {
        return { failed: { reason: `the answer (HTTP ${statusCode}) is not about the ${count} documents sent` } };
      }
      memory.release(bulkBody);
      acceptedBytes = Math.max(acceptedBytes, bulkBody.length);
      const answered = { bytes: bulkBody.length, milliseconds: performance.now() - started };
      on({ type: "answered", documents: count, ...answered });
      return { items, answered: { ...answered, full } };
    } catch (error) {
      return { failed: failureOf(error) };
    } finally {
      requests.delete(request);
    }
  }

  function settle(batch: Batch<Write>, { items, answered }: ItemsAnswer): Delivered {
    if (items === "all stored") {
      concurrency.succeeded(answered);
      for (const { owner, body, from, to } of batch) {
        for (let document = from; document < to && waitingFor.size > 0; document++) resume(body, document);
        accept(owner, { stored: to - from, alreadyStored: 0, deadLettered: 0 });
      }
      return nothingAgain;
    }
    const again: Share<Write>[] = [];
    let refusedForRoom = 0;
    let allStored = true;
    let at = 0;
    for (const share of batch) {
      let stored = 0;
      let alreadyStored = 0;
      for (let document = share.from; document < share.to; document++) {
        const item = items[at++] as Refusal;
        const verdict = judgeItem(item, share.faults, share.original !== undefined);
        switch (verdict) {
          case "stored":
            stored++;
            if (waitingFor.size > 0) resume(share.body, document);
            break;
          case "already-stored":
            alreadyStored++;
            if (waitingFor.size > 0) resume(share.body, document);
            break;
          case "again":
            if (item.status === 429) refusedForRoom++;
            addDocument(again, share, document, 0);
            break;
          case "a-few-times":
            addDocument(again, share, document, 1);
            break;
          case "blocked":
            say(`blocked ${actionOf(share.body, document).index}`, item);
            addDocument(again, share, document, 0);
            break;
          case "unindexed": {
            const rewritten = unindexedOf(share, document, item);
            if (rewritten === undefined) void keep(share, document, item);
            else gathering.add(rewritten);
            break;
          }
          case "denied":
            throw new IndexerError("INDEXER_DENIED", deniedMessage(item), { status: item.status });
          default:
            void keep(share, document, item);
        }
      }
      allStored &&= stored === share.to - share.from;
      accept(share.owner, { stored, alreadyStored, deadLettered: 0 });
    }
    if (refusedForRoom > 0) concurrency.overloaded();
    // Documents that were refused, or there already, are answered faster than those that are written.
    else if (allStored) concurrency.succeeded(answered);
    if (refusedForRoom === at) say("busy", items[0] as Refusal);
    return { again, refusedForRoom };
  }

  function unindexedOf(share: Share<Write>, document: number, refusal: Refusal): Share<Write> | undefined {
    const source = withDataUnindexed(sourceOf(share.body, document), refusal.reason);
    if (source === undefined) return undefined;
    const { index, id } = actionOf(share.body, document);
    const builder = new BulkBodyBuilder(source.length + 512);
    builder.begin(index, id);
    builder.append(source);
    builder.end();
    on({
      type: "unindexed",
      index,
      id,
      message: unindexedMessage(id, index, refusal.reason),
    });
    return {
      owner: share.owner,
      body: builder.take(),
      from: 0,
      to: 1,
      attempts: 0,
      faults: 0,
      original: { body: share.body, document },
    };
  }

  async function keep(share: Share<Write>, document: number, { status, reason }: Refusal): Promise<void> {
    const { index, id } = actionOf(share.body, document);
    const whole = share.original ?? { body: share.body, document };
    const source = sourceOf(whole.body, whole.document);
    try {
      await deadLetter.keep(documentEntry({ status, reason, index, id, source }));
    } catch (cause) {
      close(share.owner);
      share.owner.reject(
        new IndexerError("INDEXER_DEAD_LETTER", notKeptMessage(id, index, status, cause), { status, cause }),
      );
      return;
    }
    on({
      type: "dead-letter",
      index,
      id,
      message: deadLetterMessage(id, index, status, reason),
    });
    accept(share.owner, { stored: 0, alreadyStored: 0, deadLettered: 1 });
  }

  function accept(write: Write, { stored, alreadyStored, deadLettered }: Accepted): void {
    write.stored += stored;
    write.alreadyStored += alreadyStored;
    write.deadLettered += deadLettered;
    write.pending -= stored + alreadyStored + deadLettered;
    if (write.pending > 0 || write.settled) return;
    close(write);
    write.resolve({
      stored: write.stored,
      alreadyStored: write.alreadyStored,
      deadLettered: write.deadLettered,
    });
  }

  function close(write: Write): void {
    write.settled = true;
    open.delete(write);
    if (open.size === 0) nothingOpen();
  }

  function fail(reason: unknown): void {
    if (failure !== undefined) return;
    failure = { reason };
    ended.abort(reason);
    gathering.clear();
    for (const request of requests) request.abort();
    for (const write of [...open]) {
      close(write);
      write.reject(reason);
    }
    options.signal?.removeEventListener("abort", onAbort);
  }

  /** What was taken is the limit: never less, however often a larger request is refused. */
  function learnBound(refusedBytes: number): void {
    if (acceptedBytes >= bounds.bytes) return;
    bounds.bytes = acceptedBytes;
    on({ type: "smaller", maxBytes: acceptedBytes, message: smallerMessage(refusedBytes, acceptedBytes) });
  }

  function say(cause: string, failed: RequestFailure): void {
    if (waitingFor.has(cause)) return;
    waitingFor.add(cause);
    on({ type: "waiting", cause, message: waitingMessage(cause, failed) });
  }

  function resume(body: BulkBody, document: number): void {
    const { index } = actionOf(body, document);
    for (const cause of ["busy", "unreachable", "blocked", `blocked ${index}`]) {
      if (waitingFor.delete(cause)) on({ type: "resumed", cause, message: `Indexer: documents are stored again` });
    }
  }

  function onAbort(): void {
    fail(options.signal?.reason);
  }
  if (options.signal?.aborted) onAbort();
  else options.signal?.addEventListener("abort", onAbort);

  return {
    write(body, { signal } = {}) {
      if (failure !== undefined) return Promise.reject(failure.reason);
      if (whenDone !== undefined) {
        return Promise.reject(new IndexerError("INDEXER_CLOSED", "The bulk writer is closed: it takes no documents"));
      }
      if (signal?.aborted) return Promise.reject(signal.reason);
      if (body.count === 0) return Promise.resolve({ stored: 0, alreadyStored: 0, deadLettered: 0 });
      const { promise, resolve, reject } = Promise.withResolvers<Accepted>();
      const write: Write = {
        stored: 0,
        alreadyStored: 0,
        deadLettered: 0,
        pending: body.count,
        settled: false,
        resolve,
        reject,
      };
      open.add(write);
      gathering.add({ owner: write, body, from: 0, to: body.count, attempts: 0, faults: 0 });
      pump();
      return signal === undefined
        ? promise
        : untilAborted(promise, signal, () => {
            close(write);
            reject(signal.reason);
          });
    },
    close() {
      whenDone ??= new Promise<void>((resolve) => {
        nothingOpen = resolve;
        if (open.size === 0) resolve();
      }).then(() => options.signal?.removeEventListener("abort", onAbort));
      return whenDone;
    },
  };
}

function failAlike(one: Answer, other: Answer): boolean {
  if (!("failed" in one && "failed" in other)) return false;
  const [a, b] = [one.failed, other.failed];
  return a.status === b.status && a.type === b.type && a.reason === b.reason;
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal, giveUp: () => void): Promise<T> {
  signal.addEventListener("abort", giveUp, { once: true });
  return promise.finally(() => signal.removeEventListener("abort", giveUp));
}
