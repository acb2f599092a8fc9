import { setTimeout as delay } from "node:timers/promises";
import { AnalysisdError } from "./errors.ts";
import type { Stats } from "./stats.ts";

/** Decides how fast events are sent, and knows what became of them. */
export interface Pace {
  /** How many events may be sent before asking again; resolves when it is at least one. */
  credit(signal?: AbortSignal): Promise<number>;
  /** Is told of each event that was sent. */
  sent(): void;
  /**
   * Called before the first event of a batch. What it gives, called after the last, resolves when the engine has taken
   * all that was sent by then.
   * @throws {AnalysisdError} `EVENTS_DROPPED` when the engine has lost any in the meantime, whosever; `QUEUE_FULL`
   */
  begin(): (signal?: AbortSignal) => Promise<void>;
}

export interface PaceOptions {
  /** Milliseconds for which an engine that handles nothing at all is waited for. Default 30,000. */
  readonly patience?: number;
}

/** A share of each queue that is left to the other senders of the manager. */
const shareOfOthers = 1 / 4;

/**
 * Keeps fewer events in the engine than the smallest of its queues holds. The socket is no back pressure: the engine
 * reads whatever comes and throws away what does not fit. All that is in the queues now, and the credit, would fit even
 * if it met in one of them.
 *
 * Events of the stock `aws-s3` module count as ours: the engine does not tell them apart.
 */
export function pacedBy(stats: () => Promise<Stats>, { patience = 30_000 }: PaceOptions = {}): Pace {
  let sent = 0;
  /** What was handled and sent when the counting began: with the first answer, and when the engine was started anew. */
  let from: { readonly handled: number; readonly sent: number } | undefined;
  let last: Stats | undefined;
  let losses = 0;
  let loss = "";

  const ask = async (): Promise<Stats> => {
    const now = await stats();
    if (last !== undefined && handled(now) < handled(last)) {
      losses++;
      loss = "it was started anew, which empties its queues";
      from = { handled: handled(now) + (now.queues[0]?.used ?? 0), sent };
    } else if (last !== undefined && now.dropped > last.dropped) {
      losses++;
      loss = `it dropped ${now.dropped - last.dropped}, because others filled its queue`;
    }
    from ??= { handled: handled(now), sent };
    last = now;
    return now;
  };

  /** Asks until the answer will do, ever less often, and gives up when the engine stands still. */
  const until = async <T>(signal: AbortSignal | undefined, enough: (now: Stats) => T | undefined): Promise<T> => {
    let moved = performance.now();
    for (let wait = 1; ; wait = Math.min(wait * 2, 100)) {
      const before = last === undefined ? -1 : handled(last);
      const now = await ask();
      const answer = enough(now);
      if (answer !== undefined) return answer;
      if (handled(now) !== before) moved = performance.now();
      else if (performance.now() - moved >= patience) throw standsStill(patience);
      await delay(wait, undefined, signal && { signal });
    }
  };

  return {
    credit: (signal) => until(signal, (now) => room(now) || undefined),
    sent() {
      sent++;
    },
    begin() {
      const lossesBefore = losses;
      return async (signal) => {
        const goal = sent;
        await until(signal, (now) => {
          if (losses > lossesBefore) throw lost(loss);
          const { handled: handledBefore, sent: sentBefore } = from as NonNullable<typeof from>;
          return handled(now) - handledBefore >= goal - sentBefore || undefined;
        });
      };
    },
  };
}

/** Events that fit into the engine, as it is now. */
export function room({ queues }: Pick<Stats, "queues">): number {
  const smallest = Math.min(...queues.map(({ size }) => size));
  const used = queues.reduce((sum, queue) => sum + queue.used, 0);
  return Math.max(0, Math.floor(smallest * (1 - shareOfOthers) - used));
}

/**
 * So many events a second, for an engine that does not say how full it is; what becomes of them is not known. Two busy
 * cores keep up with about 6,000.
 */
export function steadyPace(perSecond: number): Pace {
  const batch = Math.max(1, Math.floor(perSecond / 10));
  let next = 0;
  return {
    async credit(signal) {
      const now = performance.now();
      const start = Math.max(now, next);
      next = start + (batch / perSecond) * 1000;
      if (start > now) await delay(start - now, undefined, signal && { signal });
      return batch;
    },
    sent() {},
    begin: () => async () => {},
  };
}

function handled({ decoded, dropped }: Stats): number {
  return decoded + dropped;
}

function lost(why: string): AnalysisdError {
  return new AnalysisdError("EVENTS_DROPPED", `the analysis engine lost events: ${why}. They have to be sent again`);
}

function standsStill(patience: number): AnalysisdError {
  const message = `the analysis engine has handled no event for ${patience / 1000} s: check wazuh-analysisd`;
  return new AnalysisdError("QUEUE_FULL", message);
}
