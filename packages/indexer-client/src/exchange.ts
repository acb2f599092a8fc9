import { type AnsweredItem, answerFilter, failureOf, itemsOf, saysAllStored } from "./answer.ts";
import type { Transport } from "./ask.ts";
import { type Batch, createMemory, documentsOf, isAbout } from "./batch.ts";
import type { Answered } from "./concurrency.ts";
import type { IndexerEvent } from "./events.ts";
import type { LearntBounds } from "./learnt-bounds.ts";
import { judgeRequest, type RequestFailure } from "./verdict.ts";

export type Answer = ItemsAnswer | { readonly failed: RequestFailure };

export interface ItemsAnswer {
  /** In the order of the batch's documents; or all of them are stored. */
  readonly items: readonly AnsweredItem[] | "all stored";
  readonly answered: Answered;
}

/** Sends the documents of a batch as one request. Resolves with its answer, or with what came in place of one. */
export type Exchange = (batch: Batch<unknown>) => Promise<Answer>;

/**
 * @param isFull whether as many requests are in flight as are allowed
 * @param ended cuts requests off
 */
export function createExchange(
  client: Transport,
  bounds: LearntBounds,
  isFull: () => boolean,
  on: (event: IndexerEvent) => void,
  ended: AbortSignal,
): Exchange {
  const memory = createMemory();
  const requests = new Set<{ abort(): void }>();
  ended.addEventListener("abort", () => {
    for (const request of requests) request.abort();
  });

  async function exchange(batch: Batch<unknown>): Promise<Answer> {
    if (ended.aborted) return { failed: { reason: "the writer has ended" } };
    const count = documentsOf(batch);
    const bulkBody = memory.assemble(batch);
    const full = isFull();
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
      bounds.taken(bulkBody.length);
      const answered = { bytes: bulkBody.length, milliseconds: performance.now() - started };
      on({ type: "answered", documents: count, ...answered });
      return { items, answered: { ...answered, full } };
    } catch (error) {
      return { failed: failureOf(error) };
    } finally {
      requests.delete(request);
    }
  }

  return async (batch) => {
    const answer = await exchange(batch);
    // A password or key may have changed since it was asked for: asked again, once.
    return "failed" in answer && judgeRequest(answer.failed) === "denied" ? exchange(batch) : answer;
  };
}
