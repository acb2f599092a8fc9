import { open, readdir } from "node:fs/promises";
import { join } from "node:path";

/** What waits in the files that the subscriber keeps refused things in. */
export interface DeadLetters {
  /** Those that hold something, the current one first. */
  readonly files: readonly DeadLetterFile[];
  readonly documents: number;
  readonly messages: number;
  /** Not all was read. */
  readonly more: boolean;
  readonly newest?: { readonly time: string; readonly reason: string };
}

export interface DeadLetterFile {
  readonly path: string;
  readonly documents: number;
  /** The queues whose messages it holds. */
  readonly messagesOf: ReadonlySet<string>;
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
  const files: DeadLetterFile[] = [];
  let [messages, left] = [0, enough];
  let newest: DeadLetters["newest"];
  for (const file of names.filter((one) => name.test(one)).sort()) {
    const path = join(folder, file);
    const handle = await open(path);
    const messagesOf = new Set<string>();
    let documents = 0;
    try {
      for await (const line of handle.readLines()) {
        if (left <= 0) break;
        left -= line.length + 1;
        const entry = entryOf(line);
        if (entry === undefined) continue;
        if (entry.kind === "message") {
          messages++;
          messagesOf.add(entry.queue);
        } else documents++;
        if (newest === undefined || entry.time > newest.time) newest = { time: entry.time, reason: entry.reason };
      }
    } finally {
      await handle.close();
    }
    if (documents + messagesOf.size > 0) files.push({ path, documents, messagesOf });
  }
  return {
    files,
    documents: files.reduce((sum, { documents }) => sum + documents, 0),
    messages,
    more: left <= 0,
    ...(newest && { newest }),
  };
}

interface Entry {
  readonly kind: string;
  readonly time: string;
  readonly reason: string;
  readonly queue: string;
}

/** Characters; the key of an object, of which a reason can begin, has up to a thousand. */
const longest = 1_500;

function shortened(reason: string): string {
  return reason.length <= longest ? reason : `${reason.slice(0, longest)}…`;
}

/** What of a line is told; the document itself is not. A line that a crash has torn is none. */
function entryOf(line: string): Entry | undefined {
  try {
    const { kind, time, reason, queue } = JSON.parse(line) as Record<string, unknown>;
    if (typeof kind !== "string") return undefined;
    // OpenSearch shows the value that it refuses: it is the event's, and not for a report.
    const told = String(reason ?? "").replace(/[.,]?\s*Preview of field's value:.*$/s, "");
    return { kind, time: String(time ?? ""), reason: shortened(told.replaceAll(/\s+/g, " ")), queue: String(queue) };
  } catch {
    return undefined;
  }
}
