import { type Clock, systemClock } from "./clock.ts";
import { adaptiveConcurrency } from "./concurrency.ts";
import { emptiness, neverEmpty } from "./drain.ts";
import { Fatal, Poison } from "./errors.ts";
import type { ConsumerEvent, Emit } from "./event.ts";
import { takeIn } from "./intake.ts";
import { keepLeases, type Lease } from "./lease.ts";
import { pulse } from "./pulse.ts";
import type { Queue } from "./queue.ts";
import type { Message } from "./receive.ts";
import { retryDelay, settleOn } from "./settle.ts";

/**
 * Does the work that a message asks for. Resolves when all of it is accepted for good: the message is then deleted.
 * Rejects with {@link Poison} when it can never succeed, with {@link Fatal} when no message can, with anything else when
 * it is to be tried again.
 */
export type Handle = (
  message: Message,
  lease: {
    /** Aborted when the message is no longer ours (another consumer may have it), or the run ends now: give the work up. */
    readonly signal: AbortSignal;
  },
) => Promise<void>;

export interface ConsumeOptions {
  /** Messages in work at the same time at most; 32 by default. Of more, those beyond 32 only while the process has time to spare. */
  readonly concurrency?: number;
  /** `drain` ends when the queue is empty, `forever` when `stop` is aborted. */
  readonly mode: "drain" | "forever";
  /** No more receives; what runs finishes. */
  readonly stop: AbortSignal;
  /** Everything ends now: what runs is given up, and goes back to the queue at once. */
  readonly end?: AbortSignal;
  /** Seconds that running work has after `stop`; 30 by default. Then the run ends as with `end`. */
  readonly grace?: number;
  /** Keeps a message that can never succeed, with the reason; resolves when it is safe. Only then is the message deleted. */
  quarantine(message: Message, reason: Error): Promise<void>;
  /** What becomes of poison where the queue has a redrive policy: the quarantine (default), or back until SQS moves it. */
  readonly poison?: "quarantine" | "redrive";
  /** Told of everything that happens, for logs and metrics. */
  readonly on?: Emit;
  readonly clock?: Clock;
}

/** Counts of one run. */
export interface Summary {
  /** Deliveries; a message that comes twice counts twice. */
  readonly received: number;
  /** Messages deleted, those in the quarantine included. */
  readonly deleted: number;
  /** Times that a message was given back. */
  readonly returned: number;
  readonly quarantined: number;
  /** Leases lost to another consumer or to time. */
  readonly lost: number;
  /** Messages given back or lost by a drain and not settled before its end. They wait in the queue. */
  readonly left: number;
}

const defaultConcurrency = 32;
const defaultGrace = 30;
/** Messages per worker that are held at most, those included whose deletion is under way. */
const heldPerWorker = 4;
/** Milliseconds that open polls have after `stop` to bring what is on its way. Cut at once, SQS would hide it for the whole timeout. */
const lastMessages = 500;
/** Milliseconds for which a drain asks a queue that does not answer. */
const drainPatience = 60_000;

/**
 * Takes messages from the queue and hands each to `handle`, many at a time, keeping their leases. Delivery is at least
 * once: a message is deleted only after its handler has resolved, or the quarantine has it.
 * @throws {QueueError} when the queue cannot be used; work under way is finished before
 * @throws {Fatal} when a handler says so; work under way is given back before
 */
export async function consume(queue: Queue, handle: Handle, options: ConsumeOptions): Promise<Summary> {
  const clock = options.clock ?? systemClock;
  const most = Math.max(1, options.concurrency ?? defaultConcurrency);
  const concurrency = adaptiveConcurrency(most, queue.visibilityTimeout * 1000, clock);
  const changed = pulse();
  const empty = options.mode === "drain" ? emptiness(queue, clock) : neverEmpty;
  const tally = counting(options.mode === "drain");
  const emit: Emit = (event) => {
    tally.add(event);
    if (event.type === "returned") empty.returned(event.seconds);
    try {
      options.on?.(event);
    } catch (error) {
      fail(error, "after what runs");
    }
  };
  const leases = keepLeases(queue, clock, emit);
  const settle = settleOn(queue, leases, clock, emit);

  /** No new polls. */
  const intake = new AbortController();
  /** The open ones are left. */
  const cut = new AbortController();
  const over = new AbortController();
  const working = new Set<Promise<void>>();
  const settling = new Map<Lease, Promise<void>>();
  let running = 0;
  let end: { readonly reason: unknown } | undefined;
  let failure: { readonly error: unknown } | undefined;

  const serve = async (message: Message) => {
    const lease = leases.hold(message);
    if (lease === undefined) return;
    if (intake.signal.aborted) return abandon(lease, end?.reason ?? new Error("no more messages are taken"));
    running += 1;
    const outcome = await attempt(handle, message, lease);
    if (leases.denied) concurrency.bounded();
    concurrency.finished(running, clock.now() - lease.heldSince);
    running -= 1;
    changed.beat();
    await judge(lease, outcome);
  };

  /** What becomes of a message after its handler. A lease that is gone leaves nothing to decide. */
  const judge = async (lease: Lease, outcome: unknown): Promise<void> => {
    if (lease.signal.aborted) return;
    if (outcome === accepted) return settled(lease, settle.remove(lease));
    if (outcome instanceof Fatal) return fail(outcome, "now");
    const { message } = lease;
    if (outcome instanceof Poison && (options.poison !== "redrive" || queue.redrive === undefined)) {
      const refused = await attempt((poison) => options.quarantine(poison, outcome), message, lease);
      if (refused !== accepted) return judge(lease, refused instanceof Poison ? new Error(refused.message) : refused);
      emit({ type: "quarantined", message, reason: outcome });
      return judge(lease, accepted);
    }
    const receives = outcome instanceof Poison ? undefined : queue.redrive?.maxReceiveCount;
    const delay = retryDelay(message.receiveCount, receives);
    return settled(lease, settle.giveBack(lease, delay, outcome));
  };

  const settled = async (lease: Lease, work: Promise<void>) => {
    settling.set(lease, work);
    await work.catch((error) => fail(error, "after what runs"));
    settling.delete(lease);
    leases.release(lease);
    changed.beat();
  };

  const fail = (error: unknown, when: "now" | "after what runs") => {
    failure ??= { error };
    if (when === "now") endNow(error);
    else stop();
  };

  const stop = () => {
    if (intake.signal.aborted) return;
    intake.abort();
    changed.beat();
    void clock.sleep(lastMessages, over.signal).then(() => cut.abort());
    void clock.sleep((options.grace ?? defaultGrace) * 1000, over.signal).then(() => {
      if (!over.signal.aborted) endNow(new Error("the time to finish is over"));
    });
  };

  const endNow = (reason: unknown) => {
    if (end !== undefined) return;
    end = { reason };
    stop();
    cut.abort();
    for (const lease of leases.all()) abandon(lease, reason);
    changed.beat();
  };

  const abandon = (lease: Lease, reason: unknown) => {
    leases.drop(lease, reason);
    if (!settling.has(lease)) void settled(lease, settle.giveBack(lease, 0, reason));
  };

  const deliver = (messages: readonly Message[]) => {
    for (const message of messages) {
      const work = serve(message).finally(() => {
        working.delete(work);
        changed.beat();
      });
      working.add(work);
    }
  };

  const unlisten = [listen(options.stop, stop), listen(options.end, () => endNow(options.end?.reason))];
  try {
    const demand = {
      room: () => Math.min(concurrency.limit - running, most * heldPerWorker - leases.size),
      wait: () => empty.wait(),
      quiet: () => empty.reached(),
      over: () => empty.reached() && working.size === 0,
      deliver,
      polled: (got: number, seconds: number) => empty.polled(got, seconds),
      fail: (error: unknown) => fail(error, "after what runs"),
      patience: options.mode === "drain" ? drainPatience : Number.POSITIVE_INFINITY,
    };
    await takeIn(queue, demand, { clock, emit, changed, stop: intake.signal, cut: cut.signal });
    // Handlers that outlive the end are not waited for; what they hold has gone back.
    while (settling.size > 0 || (working.size > 0 && end === undefined)) await changed.wait();
  } finally {
    over.abort();
    for (const stopListening of unlisten) stopListening();
  }
  if (failure !== undefined) throw failure.error;
  return tally.summary();
}

const accepted = Symbol("accepted");

/** Runs user code; a value for either outcome, so that deciding on it is one function. */
async function attempt(handle: Handle, message: Message, lease: Lease): Promise<unknown> {
  try {
    await handle(message, { signal: lease.signal });
    return accepted;
  } catch (error) {
    return error;
  }
}

function listen(signal: AbortSignal | undefined, then: () => void): () => void {
  if (signal?.aborted) then();
  signal?.addEventListener("abort", then, { once: true });
  return () => signal?.removeEventListener("abort", then);
}

interface Tally {
  add(event: ConsumerEvent): void;
  summary(): Summary;
}

/** The counts of a run are a sum over its events. Which messages are left is followed in a drain only, which is bounded. */
function counting(followLeft: boolean): Tally {
  const count = { received: 0, deleted: 0, returned: 0, quarantined: 0, lost: 0 };
  const left = new Set<string>();
  return {
    add(event) {
      if (event.type === "received") count.received += event.messages.length;
      else if (event.type !== "trouble" && event.type !== "renewal-denied") count[event.type] += 1;
      if (!followLeft) return;
      if (event.type === "deleted") left.delete(event.message.id);
      if (event.type === "returned" || event.type === "lost") left.add(event.message.id);
    },
    summary: () => ({ ...count, left: left.size }),
  };
}
