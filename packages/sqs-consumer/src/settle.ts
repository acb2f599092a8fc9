import { DeleteMessageBatchCommand } from "@aws-sdk/client-sqs";
import { batches } from "./batch.ts";
import { type Clock, callBackoff, within } from "./clock.ts";
import { meaning, queueError } from "./errors.ts";
import type { Emit } from "./event.ts";
import type { Lease, Leases } from "./lease.ts";
import type { Queue } from "./queue.ts";

export interface Settlement {
  /**
   * Deletes a message whose handler has resolved, or which the quarantine has; tried until the lease ends, after which
   * the message comes again. Rejects with a QueueError when AWS does not let this caller delete.
   */
  remove(lease: Lease): Promise<void>;
  /** Lets others see a message again in so many seconds. Never rejects: without an answer it comes back when its lease ends. */
  giveBack(lease: Lease, seconds: number, reason: unknown): Promise<void>;
}

const requestSeconds = 10;
const triesToGiveBack = 3;

/** Seconds until a message that failed comes again, by the number of its receives so far. */
const delays = [1, 5, 30, 120, 600, 900] as const;

/**
 * How long a failed message rests: first retries soon, later ones up to 15 minutes apart. Where a redrive policy counts
 * receives, the last of them are the ones far apart, so that somebody has time to repair the cause.
 */
export function retryDelay(receiveCount: number, maxReceiveCount: number = Number.POSITIVE_INFINITY): number {
  const left = Math.max(1, maxReceiveCount - receiveCount);
  const step = Math.max(receiveCount - 1, delays.length - left, 0);
  return delays[Math.min(step, delays.length - 1)] as number;
}

/** The one place where messages are deleted. */
export function settleOn(queue: Queue, leases: Leases, clock: Clock, emit: Emit): Settlement {
  const deleteMessage = batches<string>(async (handles) => {
    const command = new DeleteMessageBatchCommand({
      QueueUrl: queue.url,
      Entries: handles.map((handle, place) => ({ Id: String(place), ReceiptHandle: handle })),
    });
    const answer = await within(clock, requestSeconds * 1000, undefined, (signal) =>
      queue.sqs.send(command, { abortSignal: signal }),
    );
    return answer.Failed ?? [];
  });

  /** SQS may accept an older receipt handle and yet keep the message that it has handed out again. */
  const deleteNewest = async (lease: Lease) => {
    let handle: string;
    do {
      handle = lease.receiptHandle;
      await deleteMessage(handle);
    } while (handle !== lease.receiptHandle);
  };

  return {
    async remove(lease) {
      for (let failures = 0; !lease.signal.aborted; failures++) {
        lease.deleting = true;
        try {
          await deleteNewest(lease);
          leases.release(lease);
          emit({ type: "deleted", message: lease.message, heldMs: clock.now() - lease.heldSince });
          return;
        } catch (error) {
          lease.deleting = false;
          const what = meaning(error);
          if (what === "stale" || clock.now() >= lease.expiresAt) return leases.lose(lease, error);
          if (what !== "retry" && what !== "expired") throw queueError(queue.name, "sqs:DeleteMessage", error);
          emit({ type: "trouble", action: "sqs:DeleteMessage", error });
          await clock.sleep(callBackoff(failures), lease.signal);
        }
      }
    },

    async giveBack(lease, seconds, reason) {
      let comesIn = queue.visibilityTimeout;
      for (let tries = 1; tries <= triesToGiveBack; tries++) {
        try {
          await leases.hide(lease, seconds);
          comesIn = seconds;
          break;
        } catch (error) {
          if (meaning(error) !== "retry" || tries === triesToGiveBack) break;
          emit({ type: "trouble", action: "sqs:ChangeMessageVisibility", error });
          await clock.sleep(callBackoff(tries), lease.signal);
        }
      }
      leases.release(lease);
      emit({ type: "returned", message: lease.message, reason, seconds: comesIn });
    },
  };
}
