import type { BulkWriter } from "@threatlockdown/indexer-client";
import type { Documents } from "./document.ts";
import type { Sink } from "./sink.ts";

/** The indexer: documents of many objects share its bulk requests. */
export function createIndexerSink(documents: Documents, writer: BulkWriter): Sink {
  return {
    async write(batch, object, signal) {
      const body = documents.render(batch, object);
      const accepted = await writer.write(body, { signal });
      // Not where it rejects: some of its documents may be on their way then.
      documents.recycle(body);
      return accepted;
    },
  };
}
