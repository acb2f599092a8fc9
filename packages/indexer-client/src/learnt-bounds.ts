import type { IndexerEvent } from "./events.ts";
import type { Bounds } from "./gathering.ts";
import { smallerMessage } from "./messages.ts";

/** How large a request may be: as was said, until the indexer takes less. */
export interface LearntBounds extends Bounds {
  /** A request of so many bytes was taken. */
  taken(bytes: number): void;
  /** One of so many bytes was too large (413), both its halves were not, the larger of so many. */
  refused(bytes: number, taken: number): void;
}

export function createLearntBounds(first: Bounds, on: (event: IndexerEvent) => void): LearntBounds {
  let bytes = first.bytes;
  let mostTaken = 0;
  return {
    get bytes() {
      return bytes;
    },
    documents: first.documents,
    taken(size) {
      mostTaken = Math.max(mostTaken, size);
    },
    refused(size, half) {
      // Sent before the limit was learnt.
      if (size > bytes) return;
      // What was taken is the limit, unless the indexer has since been told to take less.
      if (mostTaken >= size) mostTaken = half;
      bytes = mostTaken;
      on({ type: "smaller", maxBytes: bytes, message: smallerMessage(size, bytes) });
    },
  };
}
