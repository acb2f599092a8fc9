import { mkdir, open, rename } from "node:fs/promises";
import { join } from "node:path";
import type { BulkBody } from "@threatlockdown/indexer-client";
import type { Documents } from "./document.ts";
import type { Sink } from "./sink.ts";

const newline = 0x0a;

/**
 * A folder of NDJSON files instead of an indexer: one file a batch, named after the id of its first document, so that a
 * replay writes the same files again. Files have mode 0600 and are synced before they count as stored.
 */
export function createFileSink(documents: Documents, folder: string): Sink {
  return {
    async write(batch, object) {
      const body = documents(batch, object);
      if (body.count > 0) await writeFile(folder, body);
      return { stored: body.count, alreadyStored: 0, deadLettered: 0 };
    },
  };
}

async function writeFile(folder: string, body: BulkBody): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { index, id } = actionOf(body);
  const path = join(folder, `${index}.${id}.ndjson`);
  const file = await open(`${path}.part`, "w", 0o600);
  try {
    await file.writev(sources(body));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.part`, path);
}

/** Both names are made by `document.ts` from hashes, dates and numbers: nothing of an S3 key reaches a path. */
function actionOf({ bytes, offsets }: BulkBody): { index: string; id: string } {
  const line = Buffer.from(bytes.subarray(offsets[0], bytes.indexOf(newline, offsets[0]))).toString();
  const { create } = JSON.parse(line) as { create: { _index: string; _id: string } };
  return { index: create._index, id: create._id };
}

function sources({ bytes, offsets, count }: BulkBody): Uint8Array[] {
  return Array.from({ length: count }, (_, document) =>
    bytes.subarray(bytes.indexOf(newline, offsets[document]) + 1, offsets[document + 1]),
  );
}
