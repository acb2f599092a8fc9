import type { DeadLetter } from "@threatlockdown/indexer-client";
import { type Message, Poison } from "@threatlockdown/sqs-consumer";
import { type AnnouncedObject, parseNotification } from "./notification.ts";

/** What is wrong with a notification, or with an object that it announces. */
export interface Fault {
  readonly reason: string;
  readonly object?: AnnouncedObject;
}

/** A message of which all that can be accepted is accepted; the rest never will be. */
export class PoisonNotification extends Poison {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super(faults.map(({ reason }) => reason).join("; "));
    this.faults = faults;
  }
}

/**
 * Keeps a message that can never succeed before it is deleted: one entry of kind `message` with its body, the reason, and
 * bucket, key, ETag and reason of each object that could not be taken. Resolves when it is on disk.
 */
export function createQuarantine(
  deadLetter: DeadLetter,
  queue: string,
): (message: Message, reason: Error) => Promise<void> {
  return (message, reason) =>
    deadLetter.keep({
      time: new Date().toISOString(),
      kind: "message",
      reason: reason.message,
      queue,
      message_id: message.id,
      receive_count: message.receiveCount,
      ...(message.sentAt && { sent_at: message.sentAt.toISOString() }),
      objects: objectsOf(message, reason),
      attributes: message.attributes,
      body: message.body,
    });
}

/** Where the reason does not say which objects it is about, all that the message announces. */
function objectsOf(message: Message, reason: Error): object[] {
  if (!(reason instanceof PoisonNotification)) return [...parseNotification(message.body).objects];
  return reason.faults.flatMap((fault) => (fault.object ? [{ ...fault.object, reason: fault.reason }] : []));
}
