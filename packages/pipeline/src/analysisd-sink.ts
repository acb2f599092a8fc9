import { type Queue, shorten } from "@threatlockdown/analysisd-client";
import type { RowBatch } from "@threatlockdown/parquet-reader";
import { type Discard, wanted } from "./filter.ts";
import type { Sink } from "./sink.ts";

/**
 * The manager's own analysis engine, as the stock module feeds it: the bare events, judged by the rules of the manager.
 * They have no ids there, so a message that comes twice makes two alerts of each event; events over the engine's limit are
 * shortened.
 */
export function createAnalysisdSink(queue: Queue, discard?: Discard): Sink {
  return {
    async write(batch, _object, signal) {
      const events = eventsOf(batch, discard);
      await queue.send(events, signal);
      return { stored: events.length, alreadyStored: 0, deadLettered: 0 };
    },
  };
}

/** Copies: the queue may wait before it takes them, and the batch's bytes are used again by then. */
function eventsOf(batch: RowBatch, discard: Discard | undefined): Uint8Array[] {
  const isWanted = wanted(batch, discard);
  const events: Uint8Array[] = [];
  for (let row = 0; row < batch.rowCount; row++) {
    if (isWanted(row)) events.push(shorten(batch.bytes.slice(batch.offsets[row], batch.offsets[row + 1] - 1)).bytes);
  }
  return events;
}
