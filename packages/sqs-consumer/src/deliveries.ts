import { type ConsumeOptions, consume } from "./consume.ts";
import { pulse } from "./pulse.ts";
import type { Queue } from "./queue.ts";
import type { Message } from "./receive.ts";

/** A message with its lease, to be settled by one of the two functions; the first call counts. */
export interface Delivery {
  readonly message: Message;
  /** Aborted when the message is no longer ours. */
  readonly signal: AbortSignal;
  /** All work of the message is accepted for good: it is deleted. */
  accept(): void;
  /** As a handler rejects: with Poison, Fatal, or any other error to try again. */
  reject(error: unknown): void;
}

/**
 * The same as `consume`, pulled: each delivery is renewed until it is accepted or rejected. Leaving the loop gives back
 * what is neither; `concurrency` bounds the deliveries that are not settled.
 */
export async function* deliveries(
  queue: Queue,
  options: Omit<ConsumeOptions, "end">,
): AsyncGenerator<Delivery, void, undefined> {
  const ready: Delivery[] = [];
  const changed = pulse();
  const left = new AbortController();
  let open = true;
  const run = consume(
    queue,
    (message, { signal }) =>
      new Promise<void>((accept, reject) => {
        ready.push({ message, signal, accept, reject });
        changed.beat();
      }),
    { ...options, end: left.signal },
  ).finally(() => {
    open = false;
    changed.beat();
  });
  // Told to the caller below, after the last delivery.
  run.catch(() => undefined);
  try {
    while (open) {
      const delivery = ready.shift();
      if (delivery === undefined) await changed.wait();
      else if (!delivery.signal.aborted) yield delivery;
    }
  } finally {
    left.abort(new Error("the loop over the deliveries was left"));
    await run;
  }
}
