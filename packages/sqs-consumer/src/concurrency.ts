import type { Clock } from "./clock.ts";

/** How many messages are in work at a time: as many as keep the process busy, and no more than it is allowed. */
export interface Concurrency {
  readonly limit: number;
  /** Told of each message that was worked on: how many were in work with it, and for how long it was held. */
  finished(running: number, heldMs: number): void;
  /** Leases cannot be renewed from now on. */
  bounded(): void;
}

/** Messages in work to begin with. With fewer, receives and deletions would be of fewer messages each, which costs more. */
const least = 32;

/**
 * The next limit by the share of the time in which the process had work to do while so many messages were in work. With
 * time to spare, its messages wait for answers, the longer the latency the more: it takes half as many again. Without any,
 * more of them would only take memory.
 */
export function adapted(limit: number, most: number, busy: number): number {
  if (busy < 0.9) return Math.min(most, Math.ceil(limit * 1.5));
  if (busy > 0.98) return Math.max(Math.min(least, most), Math.floor(limit * 0.9));
  return limit;
}

/**
 * How many messages to take into work where leases cannot be renewed: half when one took more than half of the timeout,
 * slowly more again while they finish within it.
 */
export function sustainable(limit: number, most: number, heldMs: number, timeoutMs: number): number {
  if (heldMs * 2 > timeoutMs) return Math.max(1, limit / 2);
  return Math.min(most, limit + 1 / limit);
}

/** Decides anew after as many messages as are in work at a time, if all of the limit was in use. */
export function adaptiveConcurrency(most: number, timeoutMs: number, clock: Clock): Concurrency {
  let limit = Math.min(least, most);
  let lasting = most;
  let bounded = false;
  let finished = 0;
  let full = false;
  let since = clock.now();
  let busySince = clock.busy();

  const decide = () => {
    const [now, busy] = [clock.now(), clock.busy()];
    if (full && now > since) limit = adapted(limit, most, (busy - busySince) / (now - since));
    [since, busySince, finished, full] = [now, busy, 0, false];
  };

  return {
    get limit() {
      return Math.min(limit, lasting);
    },
    finished(running, heldMs) {
      if (bounded) lasting = sustainable(lasting, most, heldMs, timeoutMs);
      full ||= running >= limit;
      if (++finished >= limit) decide();
    },
    bounded() {
      bounded = true;
    },
  };
}
