/** How many requests may be in flight: additive increase, multiplicative decrease, between 1 and a cap. */
export interface Concurrency {
  readonly limit: number;
  succeeded(answered: Answered): void;
  /** The indexer had no room for a request, or did not answer it. */
  overloaded(): void;
}

export interface Answered {
  readonly bytes: number;
  readonly milliseconds: number;
  /** Whether as many requests were in flight as were allowed: only then does an answer say that more may be. */
  readonly full: boolean;
}

/** Bytes that cost the indexer as much as a request without documents; makes small and large requests comparable. */
const fixedCost = 256 * 1024;

/** After so many answers the unhindered pace is looked for anew, with half the limit: the indexer may have become slower. */
const remembered = 200;

/**
 * Requests beyond what the indexer works on in parallel only wait there: their pace falls while as many bytes are taken.
 * So the limit grows while fewer than two of the requests in flight seem to wait, and falls when more than three do
 * (the idea of TCP Vegas); when the indexer says that it is full, it is halved.
 */
export function createConcurrency(cap: number): Concurrency {
  let limit = Math.min(2, cap);
  let unhindered = Number.POSITIVE_INFINITY;
  let answers = 0;
  return {
    get limit() {
      return Math.floor(limit);
    },
    succeeded({ bytes, milliseconds, full }) {
      const pace = milliseconds / (bytes + fixedCost);
      if (++answers % remembered === 0) {
        unhindered = Number.POSITIVE_INFINITY;
        limit = Math.max(1, limit / 2);
      }
      unhindered = Math.min(unhindered, pace);
      const waiting = limit * (1 - unhindered / pace);
      if (waiting > 3) limit = Math.max(1, limit - 1 / limit);
      else if (full && waiting < 2) limit = Math.min(cap, limit + 1 / limit);
    },
    overloaded() {
      limit = Math.max(1, limit / 2);
    },
  };
}

/** Milliseconds to wait before a try: doubling from 100 ms to 10 s, and between half and all of it, so that writers spread. */
export function backoff(attempt: number): number {
  return Math.min(10_000, 100 * 2 ** Math.min(attempt - 1, 10)) * (0.5 + Math.random() / 2);
}
