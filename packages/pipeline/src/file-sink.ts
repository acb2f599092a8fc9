import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { actionOf, type BulkBody, sourceOf } from "@threatlockdown/indexer-client";
import type { Documents } from "./document.ts";
import type { Sink } from "./sink.ts";

/**
 * A folder of NDJSON files instead of an indexer: one file a batch, named after index and id of its first document, so
 * that a replay with the same bounds of a batch writes the same files again. Files have mode 0600; they and their folder
 * are synced before they count as stored.
 */
export function createFileSink(documents: Documents, folder: string): Sink {
  return {
    async write(batch, object) {
      const body = documents.render(batch, object);
      if (body.count > 0) await writeFile(folder, body);
      documents.recycle(body);
      return { stored: body.count, alreadyStored: 0, deadLettered: 0 };
    },
  };
}

async function writeFile(folder: string, body: BulkBody): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // Both names are made by document.ts from hashes, dates and numbers: nothing of an S3 key reaches a path.
  const { index, id } = actionOf(body, 0);
  const path = join(folder, `${index}.${id}.ndjson`);
  // Two deliveries of one message may write at the same time; each has a file of its own until it is whole.
  const partial = `${path}.${randomUUID()}`;
  try {
    await writeSynced(partial, body);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

async function writeSynced(path: string, body: BulkBody): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(Buffer.concat(lines(body)));
    await file.sync();
  } finally {
    await file.close();
  }
}

const lineBreak = Buffer.from("\n");

function lines(body: BulkBody): Uint8Array[] {
  return Array.from({ length: body.count }, (_, document) => [sourceOf(body, document), lineBreak]).flat();
}

/** A file's name has to survive a crash as well as its content. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
