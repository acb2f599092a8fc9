import { exitCode } from "./exit-code.ts";
import type { Log } from "./log.ts";

/** Milliseconds in which messages are given back after the second signal. */
const lastGrace = 5_000;

/** The first SIGTERM or SIGINT stops receiving and lets what runs finish; the second one ends at once. */
export interface Signals {
  readonly stop: AbortSignal;
  readonly end: AbortSignal;
  readonly signal: () => NodeJS.Signals | undefined;
}

export function watchSignals(process: NodeJS.Process, log: Log): Signals {
  const stop = new AbortController();
  const end = new AbortController();
  let first: NodeJS.Signals | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (first === undefined) {
      first = signal;
      log.info(
        `${signal} received: no more messages are taken, what is running is finished; a second signal ends at once.`,
      );
      stop.abort(signal);
    } else {
      log.warning(`${signal} received again: ending now. Unfinished messages stay in the queue.`);
      end.abort(signal);
      // What does not listen to the signal (a start-up that waits for an answer) is not waited for.
      setTimeout(() => process.exit(exitCode.usage), lastGrace).unref();
    }
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  return { stop: stop.signal, end: end.signal, signal: () => first };
}
