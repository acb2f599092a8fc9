import type { DeadLetter } from "@threatlockdown/indexer-client";
import type { Message } from "@threatlockdown/sqs-consumer";

/** Keeps a message that can never succeed, body and reason, before it is deleted. Resolves when it is on disk. */
export function createQuarantine(deadLetter: DeadLetter): (message: Message, reason: Error) => Promise<void> {
  return (message, reason) =>
    deadLetter.keep({
      time: new Date().toISOString(),
      kind: "message",
      reason: reason.message,
      message_id: message.id,
      receive_count: message.receiveCount,
      ...(message.sentAt && { sent_at: message.sentAt.toISOString() }),
      body: message.body,
    });
}
