import { open, readdir } from "node:fs/promises";
import { join } from "node:path";

/** What waits in the files that the subscriber keeps refused things in. */
export interface DeadLetters {
  /** Those that hold something, the current one first. */
  readonly files: readonly string[];
  readonly documents: number;
  readonly messages: number;
  /** Not all was read. */
  readonly more: boolean;
  readonly newest?: { readonly time: string; readonly reason: string };
}

const name = /^dead-letter\.ndjson(\.[\w-]+)?$/;
/** Bytes; a person waits. */
const enough = 64 * 2 ** 20;

/** @throws what the file system says, but for a folder that is not there */
export async function readDeadLetters(folder: string): Promise<DeadLetters> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const files: string[] = [];
  let [documents, messages, left] = [0, 0, enough];
  let newest: DeadLetters["newest"];
  for (const file of names.filter((one) => name.test(one)).sort()) {
    const handle = await open(join(folder, file));
    try {
      for await (const line of handle.readLines()) {
        if (left <= 0) break;
        left -= line.length + 1;
        const entry = entryOf(line);
        if (entry === undefined) continue;
        if (files.at(-1) !== file) files.push(file);
        if (entry.kind === "message") messages++;
        else documents++;
        if (newest === undefined || entry.time > newest.time) newest = { time: entry.time, reason: entry.reason };
      }
    } finally {
      await handle.close();
    }
  }
  return {
    files: files.map((file) => join(folder, file)),
    documents,
    messages,
    more: left <= 0,
    ...(newest && { newest }),
  };
}

/** What of a line is told; the document itself is not. A line that a crash has torn is none. */
function entryOf(line: string): { readonly kind: string; readonly time: string; readonly reason: string } | undefined {
  try {
    const { kind, time, reason } = JSON.parse(line) as Record<string, unknown>;
    if (typeof kind !== "string") return undefined;
    // OpenSearch shows the value that it refuses: it is the event's, and not for a report.
    const told = String(reason ?? "").replace(/[.,]?\s*Preview of field's value:.*$/s, "");
    return { kind, time: String(time ?? ""), reason: told.slice(0, 200) };
  } catch {
    return undefined;
  }
}
