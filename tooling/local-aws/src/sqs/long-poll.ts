import { performance } from "node:perf_hooks";
import type { Queue } from "./queue.ts";

export interface LongPoll {
  readonly seconds: number;
  readonly now: () => number;
  /** The client is gone: nothing may be handed out to it any more. */
  readonly gone: AbortSignal;
}

/** How often a waiting poll looks at a clock that may not be this machine's. ms */
const glance = 50;

/**
 * Tries until there is something, the time is over or the client is gone. Time is over when either clock says so: the
 * injected one may run faster, or stand still.
 */
export function longPoll<T>(queue: Queue, attempt: () => readonly T[], poll: LongPoll): Promise<readonly T[]> {
  if (poll.gone.aborted) return Promise.resolve([]);
  const first = attempt();
  if (first.length > 0 || poll.seconds === 0) return Promise.resolve(first);
  return new Promise((resolve, reject) => {
    const end = poll.now() + poll.seconds * 1000;
    const realEnd = performance.now() + poll.seconds * 1000;
    let timer: NodeJS.Timeout;
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      queue.waiting.delete(wake);
      poll.gone.removeEventListener("abort", leave);
      settle();
    };
    const leave = () => finish(() => resolve([]));
    /** Called by whoever makes a message visible, who is not to hear of this poll's troubles. */
    const wake = () => {
      try {
        const found = attempt();
        if (found.length > 0) finish(() => resolve(found));
      } catch (error) {
        finish(() => reject(error));
      }
    };
    const look = () => {
      const left = Math.min(end - poll.now(), realEnd - performance.now());
      wake();
      if (!queue.waiting.has(wake)) return;
      if (left <= 0) return leave();
      const due = (queue.schedule.next() ?? Number.POSITIVE_INFINITY) - poll.now();
      timer = setTimeout(look, Math.max(1, Math.min(glance, due, left)));
    };
    queue.waiting.add(wake);
    poll.gone.addEventListener("abort", leave);
    look();
  });
}
