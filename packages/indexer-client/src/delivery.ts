import { type Batch, documentsOf, halves, sizeOf } from "./batch.ts";
import type { Concurrency } from "./concurrency.ts";
import { IndexerError } from "./errors.ts";
import type { Answer, Exchange } from "./exchange.ts";
import type { Share } from "./gathering.ts";
import type { LearntBounds } from "./learnt-bounds.ts";
import { deniedMessage, tooLargeReason, untrustedMessage } from "./messages.ts";
import type { Write } from "./open-writes.ts";
import { type Delivered, nothingAgain, type Settlement } from "./settlement.ts";
import { judgeRequest, type RequestFailure } from "./verdict.ts";
import type { Waiting } from "./waiting.ts";

export interface DeliveryParts {
  readonly exchange: Exchange;
  readonly settlement: Settlement;
  readonly bounds: LearntBounds;
  readonly concurrency: Concurrency;
  readonly waiting: Waiting;
  readonly ended: AbortSignal;
}

/**
 * The way of one batch: sent, and settled document by document, or done with by the verdict on the whole request.
 *
 * @throws IndexerError where nothing can be written any more
 */
export function createDelivery(parts: DeliveryParts): (batch: Batch<Write>) => Promise<Delivered> {
  const { exchange, settlement, bounds, concurrency, waiting, ended } = parts;

  async function take(batch: Batch<Write>, answer: Answer): Promise<Delivered> {
    if (ended.aborted) return nothingAgain;
    if ("items" in answer) return settlement.settle(batch, answer);
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
      await settlement.keep(only, only.from, {
        status: failed.status as number,
        type: failed.type ?? "",
        reason: isTooLarge ? tooLargeReason(sizeOf(batch)) : failed.reason,
      });
      return nothingAgain;
    }
    const [one, other] = [await exchange(first), await exchange(second)];
    // What is wrong with both alike is not a document.
    if (!isTooLarge && failAlike(one, other)) return putOff(batch, "blocked", failed);
    // The halves tell the limit; where one is refused too, it may be for one large document.
    if (isTooLarge && "items" in one && "items" in other) {
      bounds.refused(sizeOf(batch), Math.max(sizeOf(first), sizeOf(second)));
    }
    return joined(await take(first, one), await take(second, other));
  }

  function putOff(batch: Batch<Write>, verdict: "again" | "blocked", failed: RequestFailure): Delivered {
    concurrency.overloaded();
    waiting.say(verdict === "blocked" ? "blocked" : failed.status === 429 ? "busy" : "unreachable", failed);
    return {
      again: batch.map((share) => ({ ...share, attempts: share.attempts + 1 })),
      refusedForRoom: documentsOf(batch),
    };
  }

  return async (batch) => take(batch, await exchange(batch));
}

function joined(one: Delivered, other: Delivered): Delivered {
  return { again: [...one.again, ...other.again], refusedForRoom: one.refusedForRoom + other.refusedForRoom };
}

function failAlike(one: Answer, other: Answer): boolean {
  if (!("failed" in one && "failed" in other)) return false;
  const [a, b] = [one.failed, other.failed];
  return a.status === b.status && a.type === b.type && a.reason === b.reason;
}
