import type { DeadLetter } from "@threatlockdown/indexer-client";
import type { Message } from "@threatlockdown/sqs-consumer";
import { parseNotification } from "./notification.ts";

/**
 * Keeps a message that can never succeed, body and reason, before it is deleted: one entry of kind `message`, with the
 * objects that it announces. Resolves when it is on disk.
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
      objects: parseNotification(message.body).objects,
      attributes: message.attributes,
      body: message.body,
    });
}
