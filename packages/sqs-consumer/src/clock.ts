import { setTimeout as after } from "node:timers/promises";

/** Where time comes from; a test brings its own. */
export interface Clock {
  /** Milliseconds on a scale that never goes back. */
  now(): number;
  /** Milliseconds of that scale in which the process had work to do. */
  busy(): number;
  /** Resolves after `ms` milliseconds, or as soon as `signal` is aborted; it never rejects. `Infinity` waits for the signal alone. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** Node clamps longer timers to one millisecond. */
const longestTimer = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  busy: () => performance.eventLoopUtilization().active,
  sleep: async (ms, signal) => {
    if (signal.aborted) return;
    await after(Math.min(Math.max(0, ms), longestTimer), undefined, { signal }).catch(() => undefined);
  },
};

/**
 * Runs `work` with a deadline: its signal is aborted when `ms` have passed or the outer signal is aborted, and then it is
 * not waited for any longer. A connection that went silent must not hold a message, or the whole run, for ever; nor may
 * credentials that never come, during which the SDK listens to no signal.
 */
export async function within<T>(
  clock: Clock,
  ms: number,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const call = new AbortController();
  const finished = new AbortController();
  const left = Promise.withResolvers<never>();
  const abort = () => {
    call.abort(outer?.reason);
    left.reject(call.signal.reason);
  };
  if (outer?.aborted) abort();
  outer?.addEventListener("abort", abort, { once: true });
  let late = false;
  void clock.sleep(ms, finished.signal).then(() => {
    if (finished.signal.aborted) return;
    late = true;
    abort();
  });
  try {
    return await Promise.race([work(call.signal), left.promise]);
  } catch (error) {
    if (!late) throw error;
    throw Object.assign(new Error(`no answer within ${ms / 1000} s`, { cause: error }), { name: "TimeoutError" });
  } finally {
    finished.abort();
    outer?.removeEventListener("abort", abort);
  }
}

/** Milliseconds before a failed call to SQS is made again; the SDK has tried some times before. */
export function callBackoff(failures: number): number {
  return Math.min(20_000, 500 * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2);
}
