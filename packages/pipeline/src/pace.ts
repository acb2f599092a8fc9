import { setTimeout as delay } from "node:timers/promises";

/** Where requests wait while S3 asks for fewer of them. Shared by all objects below a prefix, since S3 counts so. */
export interface Pace {
  /** Resolves when a request below the prefix may go. Rejects with the signal's reason. */
  wait(prefix: string, signal: AbortSignal | undefined): Promise<void>;
  /** Told of each answer: whether S3 asked to slow down. */
  answered(prefix: string, slowDown: boolean): void;
}

interface Pause {
  /** Milliseconds that the last one took. */
  length: number;
  /** When it is over, on the clock of `performance`. */
  until: number;
}

const longestPause = 20_000;

/**
 * A prefix whose requests are refused rests for `firstPause` ms, doubled at each refusal after a rest up to 20 s; an answer
 * halves it. Refusals of requests that were on their way when the rest began count once.
 */
export function createPace(firstPause: number): Pace {
  const pauses = new Map<string, Pause>();
  return {
    async wait(prefix, signal) {
      for (let pause = pauses.get(prefix); pause !== undefined; pause = pauses.get(prefix)) {
        const rest = pause.until - performance.now();
        if (rest <= 0) return;
        // Spread, so that they do not all come at once.
        await delay(rest + (Math.random() * pause.length) / 2, undefined, signal && { signal });
      }
    },
    answered(prefix, slowDown) {
      const pause = pauses.get(prefix);
      const now = performance.now();
      if (pause !== undefined && now < pause.until) return;
      if (slowDown) {
        const length = Math.min(longestPause, pause === undefined ? firstPause : pause.length * 2);
        pauses.set(prefix, { length, until: now + length });
      } else if (pause !== undefined) {
        pause.length /= 2;
        if (pause.length < firstPause) pauses.delete(prefix);
      }
    },
  };
}
