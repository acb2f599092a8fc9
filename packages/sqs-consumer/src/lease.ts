import { ChangeMessageVisibilityBatchCommand } from "@aws-sdk/client-sqs";
import { batches } from "./batch.ts";
import { type Clock, within } from "./clock.ts";
import { meaning } from "./errors.ts";
import type { Emit } from "./event.ts";
import type { Queue } from "./queue.ts";
import type { Message } from "./receive.ts";

/** A message that this consumer holds; others do not see it. */
export interface Lease {
  readonly message: Message;
  /** The newest one: SQS may hand out the same message again. */
  readonly receiptHandle: string;
  /** Aborted when the message is no longer ours. */
  readonly signal: AbortSignal;
  /** When others may see it again, unless it is renewed before; by the consumer's clock. */
  readonly expiresAt: number;
  readonly heldSince: number;
  /** Set while a deletion is under way: that the receipt handle is no longer valid is no news then. */
  deleting: boolean;
}

interface Held extends Lease {
  receiptHandle: string;
  expiresAt: number;
  receivedAt: number;
  renewAt: number;
  readonly controller: AbortController;
}

export interface Leases {
  /** Holds a message from now on. `undefined` when it is held already: the running work goes on under the newer receipt handle. */
  hold(message: Message): Lease | undefined;
  /** Ends a lease that is settled. */
  release(lease: Lease): void;
  /** Ends a lease that another consumer or time has taken. */
  lose(lease: Lease, reason: unknown): void;
  /** Ends a lease and tells its holder. */
  drop(lease: Lease, reason: unknown): void;
  /** Makes a message visible again in so many seconds. Rejects with the SDK's error. */
  hide(lease: Lease, seconds: number): Promise<void>;
  all(): readonly Lease[];
  readonly size: number;
  /** Whether AWS refuses to renew; leases then last one visibility timeout. */
  readonly denied: boolean;
}

/** Seconds for which SQS lets a message be held, from its receipt on, however often it is renewed (SQS Developer Guide, "Visibility timeout"). */
const longestHold = 43_200;
/** SQS counts from before the message reaches us. */
const margin = 5;
const requestSeconds = 10;

/** Seconds by which a message held for `heldMs` may be extended; 0 when no more is left. */
export function extension(visibilityTimeout: number, heldMs: number): number {
  return Math.max(0, Math.min(visibilityTimeout, longestHold - margin - Math.ceil(heldMs / 1000)));
}

/** Keeps every message that is held hidden from others, from receipt to settlement: renewed at a third of its timeout, ten a request. */
export function keepLeases(queue: Queue, clock: Clock, emit: Emit): Leases {
  const held = new Map<string, Held>();
  const timeoutMs = queue.visibilityTimeout * 1000;
  // Renewals that are due within this time of each other share requests.
  const together = timeoutMs / 12;
  let denied = false;
  let loop: AbortController | undefined;
  let sleepsUntil = Number.POSITIVE_INFINITY;

  const changeVisibility = batches<{ readonly receiptHandle: string; readonly seconds: number }>(async (entries) => {
    const command = new ChangeMessageVisibilityBatchCommand({
      QueueUrl: queue.url,
      Entries: entries.map(({ receiptHandle, seconds }, place) => ({
        Id: String(place),
        ReceiptHandle: receiptHandle,
        VisibilityTimeout: seconds,
      })),
    });
    const deadline = Math.min(requestSeconds * 1000, timeoutMs / 4);
    const answer = await within(clock, deadline, undefined, (signal) =>
      queue.sqs.send(command, { abortSignal: signal }),
    );
    return answer.Failed ?? [];
  });

  const renewals = async (signal: AbortSignal) => {
    while (!signal.aborted) {
      sleepsUntil = Math.min(...[...held.values()].map((lease) => Math.min(lease.renewAt, deadlineOf(lease))));
      await clock.sleep(sleepsUntil - clock.now(), signal);
      if (signal.aborted) return;
      sleepsUntil = Number.NEGATIVE_INFINITY;
      const now = clock.now();
      for (const lease of held.values()) if (now >= deadlineOf(lease)) lose(lease, lost(lease, "its time ran out"));
      await Promise.all([...held.values()].filter((lease) => lease.renewAt <= now + together).map(renew));
    }
  };

  // Where AWS refuses to renew, work goes on beyond the timeout: giving it up would mean never to finish it.
  const deadlineOf = (lease: Held) => (denied ? Number.POSITIVE_INFINITY : lease.expiresAt);

  const renew = async (lease: Held) => {
    const { receiptHandle } = lease;
    const now = clock.now();
    const seconds = extension(queue.visibilityTimeout, now - lease.receivedAt);
    lease.renewAt = Number.POSITIVE_INFINITY;
    if (denied || seconds === 0) return;
    try {
      await changeVisibility({ receiptHandle, seconds });
      if (lease.receiptHandle !== receiptHandle) return;
      lease.expiresAt = now + seconds * 1000;
      // The last one that SQS allows is shorter, and there is none after it.
      if (seconds === queue.visibilityTimeout) lease.renewAt = now + timeoutMs / 3;
    } catch (error) {
      if (held.get(lease.message.id) === lease && lease.receiptHandle === receiptHandle) refused(lease, error);
    }
  };

  const refused = (lease: Held, error: unknown) => {
    const what = meaning(error);
    if (what === "stale" && lease.deleting) return;
    if (what === "stale") return lose(lease, lost(lease, "its receipt handle is no longer valid", error));
    if (what === "spent") return;
    if (what === "denied") return deny(error);
    lease.renewAt = clock.now() + Math.min(timeoutMs / 12, 5_000);
    emit({ type: "trouble", action: "sqs:ChangeMessageVisibility", error });
  };

  const deny = (error: unknown) => {
    if (!denied) emit({ type: "renewal-denied", error });
    denied = true;
  };

  const release = (lease: Lease) => {
    if (held.get(lease.message.id) !== lease) return;
    held.delete(lease.message.id);
    if (held.size > 0) return;
    loop?.abort();
    loop = undefined;
  };

  const drop = (lease: Lease, reason: unknown) => {
    release(lease);
    (lease as Held).controller.abort(reason);
  };

  const lose = (lease: Lease, reason: unknown) => {
    if (lease.signal.aborted) return;
    drop(lease, reason);
    emit({ type: "lost", message: lease.message, reason });
  };

  return {
    hold(message) {
      const now = clock.now();
      const term = { receivedAt: now, expiresAt: now + timeoutMs, renewAt: denied ? Infinity : now + timeoutMs / 3 };
      const running = held.get(message.id);
      if (running !== undefined) {
        Object.assign(running, term, { receiptHandle: message.receiptHandle });
        return undefined;
      }
      const controller = new AbortController();
      const { receiptHandle } = message;
      const lease: Held = {
        message,
        receiptHandle,
        controller,
        signal: controller.signal,
        heldSince: now,
        deleting: false,
        ...term,
      };
      held.set(message.id, lease);
      if (loop === undefined || lease.renewAt < sleepsUntil) {
        loop?.abort();
        loop = new AbortController();
        void renewals(loop.signal);
      }
      return lease;
    },
    release,
    lose,
    drop,
    async hide(lease, seconds) {
      try {
        await changeVisibility({ receiptHandle: lease.receiptHandle, seconds });
      } catch (error) {
        if (meaning(error) === "denied") deny(error);
        throw error;
      }
    },
    all: () => [...held.values()],
    get size() {
      return held.size;
    },
    get denied() {
      return denied;
    },
  };
}

function lost(lease: Lease, why: string, cause?: unknown): Error {
  return Object.assign(new Error(`lease of message ${lease.message.id} lost: ${why}`, { cause }), {
    name: "LeaseLost",
  });
}
