import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../src/clock.ts";

interface Sleeper {
  readonly due: number;
  readonly wake: () => void;
}

export interface VirtualClock extends Clock {
  /** Has the process busy for this share of the time from now on; it is idle at first. */
  load(share: number): void;
  /** Sleeps without a signal. */
  pass(ms: number): Promise<void>;
}

/** Time that jumps to the next sleeper as soon as nothing else is left to do: hours pass in milliseconds, always in the same order. */
export function virtualClock(): VirtualClock {
  let time = 0;
  let driving = false;
  const sleepers = new Set<Sleeper>();

  const drive = async () => {
    driving = true;
    while (sleepers.size > 0) {
      for (let turns = 0; turns < 3; turns++) await turn();
      const next = [...sleepers].reduce<Sleeper | undefined>(
        (first, sleeper) => (first === undefined || sleeper.due < first.due ? sleeper : first),
        undefined,
      );
      if (next === undefined || next.due === Number.POSITIVE_INFINITY) break;
      time = Math.max(time, next.due);
      next.wake();
    }
    driving = false;
  };

  const sleep = (ms: number, signal?: AbortSignal) =>
    new Promise<void>((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = () => {
        sleepers.delete(sleeper);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const sleeper = { due: time + Math.max(0, ms), wake };
      sleepers.add(sleeper);
      signal?.addEventListener("abort", wake, { once: true });
      if (!driving) void drive();
    });

  /** The share of the time, since when, and what was before. */
  let load = { share: 0, since: 0, before: 0 };
  const busy = () => load.before + (time - load.since) * load.share;
  return {
    now: () => time,
    busy,
    load(share) {
      load = { share, since: time, before: busy() };
    },
    sleep,
    pass: (ms) => sleep(ms),
  };
}
