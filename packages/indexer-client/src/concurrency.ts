/** How many requests may be in flight: additive increase, multiplicative decrease, between 1 and a cap. */
export interface Concurrency {
  readonly limit: number;
  /** A request was answered while all allowed ones were in flight. */
  succeeded(): void;
  /** The indexer had no room for it, or did not answer. */
  overloaded(): void;
}

export function createConcurrency(cap: number): Concurrency {
  let limit = cap;
  return {
    get limit() {
      return Math.floor(limit);
    },
    succeeded() {
      limit = Math.min(cap, limit + 1 / limit);
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
