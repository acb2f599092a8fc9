import type { BulkWriter } from "@threatlockdown/indexer-client";
import type { Documents } from "./document.ts";
import type { Sink } from "./sink.ts";

/** The indexer: documents of many objects share its bulk requests. */
export function createIndexerSink(documents: Documents, writer: BulkWriter): Sink {
  return { write: async (batch, object, signal) => writer.write(documents(batch, object), { signal }) };
}
