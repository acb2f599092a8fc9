import type { Clock } from "./clock.ts";
import { type Queue, queueDepth } from "./queue.ts";
import { longestPoll } from "./receive.ts";

/** Knows when a queue counts as empty. */
export interface Emptiness {
  /** Seconds for which the next poll waits for a message. */
  wait(): number;
  /** Told of each poll: what came, and how long it waited. */
  polled(got: number, seconds: number): Promise<void>;
  /** Told of each message that this run gave back, to come again in so many seconds. */
  returned(seconds: number): void;
  /** No poll is needed now. */
  reached(): boolean;
}

/** For a run that never ends by itself: long polls, always. */
export const neverEmpty: Emptiness = {
  wait: () => longestPoll,
  polled: async () => undefined,
  returned: () => undefined,
  reached: () => false,
};

/**
 * Seconds; a poll that waits at all asks every server of the queue, one that does not asks a few of them, and may miss what
 * is there. Its depth alone is not gone by: SQS calls it approximate, and it lags behind what was sent within the last
 * minute. Together they leave a queue that is empty after this time; what comes later is the next run's.
 */
const shortPoll = 1;

/**
 * A queue is empty when a short poll brought nothing and its depth says zero, or when a poll of full length brought
 * nothing. Messages that others hold or that are delayed are not waited for; those that this run gave back are, if they
 * come again within one long poll.
 */
export function emptiness(queue: Queue, clock: Clock): Emptiness {
  let reached = false;
  let patience = shortPoll;
  let nextReturn = Number.NEGATIVE_INFINITY;
  const awaited = () => clock.now() < nextReturn;

  const saysZero = async () => {
    const depth = queue.attributes ? await queueDepth(queue, clock).catch(() => undefined) : undefined;
    return depth?.visible === 0;
  };

  return {
    wait() {
      const untilReturn = Math.ceil((nextReturn - clock.now()) / 1000) + 1;
      return awaited() ? Math.min(longestPoll, Math.max(shortPoll, untilReturn)) : patience;
    },
    async polled(got, seconds) {
      if (got > 0) {
        patience = shortPoll;
        reached = false;
        return;
      }
      if (awaited()) return;
      const zero = seconds >= longestPoll || (await saysZero());
      if (awaited()) return;
      reached = zero;
      if (!zero) patience = longestPoll;
    },
    returned(seconds) {
      if (seconds > longestPoll) return;
      nextReturn = Math.max(nextReturn, clock.now() + seconds * 1000);
      reached = false;
    },
    reached: () => reached,
  };
}
