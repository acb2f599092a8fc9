import { open } from "node:fs/promises";
import { BulkBodyBuilder } from "./bulk-body.ts";
import type { BulkWriter } from "./bulk-writer.ts";
import type { DocumentEntry } from "./dead-letter.ts";
import type { Accepted } from "./open-writes.ts";

export interface Replayed extends Accepted {
  /** Entries of other kinds, by kind: not sent, still in the file. */
  readonly others: ReadonlyMap<string, number>;
  /** Lines that are no entry; a crash may have torn one. */
  readonly unreadable: number;
}

/** Bodies of this size are written, and this many of them at a time, so that a file of any size needs little memory. */
const bodyBytes = 1_000_000;
const bodiesAtATime = 8;

/**
 * Sends the documents of a dead letter file again, under the same ids. The file is only read, as far as it reached at the
 * start: what is refused again goes to the dead letter of the writer, even if that is the same file. Rejects when a write
 * does; to replay all of the file again is harmless then.
 */
export async function replay(path: string, writer: BulkWriter, signal?: AbortSignal): Promise<Replayed> {
  const total = { stored: 0, alreadyStored: 0, deadLettered: 0, unreadable: 0 };
  const others = new Map<string, number>();
  const writes = new Set<Promise<void>>();
  const builder = new BulkBodyBuilder();
  const write = (): void => {
    const writing = writer.write(builder.take(), signal === undefined ? {} : { signal }).then((accepted) => {
      total.stored += accepted.stored;
      total.alreadyStored += accepted.alreadyStored;
      total.deadLettered += accepted.deadLettered;
      writes.delete(writing);
    });
    // Awaited below; until then its rejection is nobody's surprise.
    writing.catch(() => {});
    writes.add(writing);
  };

  for await (const line of linesOf(path)) {
    if (line.trim() === "") continue;
    const entry = entryOf(line);
    if (entry === undefined) {
      total.unreadable++;
      continue;
    }
    if ("kind" in entry) {
      others.set(entry.kind, (others.get(entry.kind) ?? 0) + 1);
      continue;
    }
    builder.begin(entry.index, entry.id);
    builder.append(entry.source);
    builder.end();
    if (builder.byteLength < bodyBytes) continue;
    write();
    if (writes.size >= bodiesAtATime) await Promise.race(writes);
  }
  if (builder.count > 0) write();
  await Promise.all(writes);
  return { ...total, others };
}

async function* linesOf(path: string): AsyncGenerator<string> {
  // Opened once: while it is read, a writer may set it aside and begin another of that name.
  await using file = await open(path, "r");
  const { size } = await file.stat();
  if (size === 0) return;
  // By the line break alone: `readline` would end a line at U+2028 too, which JSON has inside of strings.
  let begun: Buffer[] = [];
  for await (const chunk of file.createReadStream({ end: size - 1, autoClose: false }) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf("\n"); end >= 0; end = chunk.indexOf("\n", start)) {
      yield Buffer.concat([...begun, chunk.subarray(start, end)]).toString();
      begun = [];
      start = end + 1;
    }
    begun.push(chunk.subarray(start));
  }
  yield Buffer.concat(begun).toString();
}

type Entry = { readonly kind: string } | { readonly index: string; readonly id: string; readonly source: Buffer };

function entryOf(line: string): Entry | undefined {
  let entry: (Partial<Omit<DocumentEntry, "kind">> & { readonly kind?: unknown }) | null;
  try {
    entry = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof entry?.kind !== "string") return undefined;
  if (entry.kind !== "document") return { kind: entry.kind };
  const { index, id, document, documentBase64 } = entry;
  if (typeof index !== "string" || typeof id !== "string") return undefined;
  const source =
    typeof document === "string"
      ? Buffer.from(document)
      : typeof documentBase64 === "string"
        ? Buffer.from(documentBase64, "base64")
        : undefined;
  return source === undefined || source.includes("\n") ? undefined : { index, id, source };
}
