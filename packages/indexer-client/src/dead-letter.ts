import { isUtf8 } from "node:buffer";
import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** Where what cannot be processed is kept with the reason, instead of being lost. */
export interface DeadLetter {
  /** Resolves when the entry is on disk and synced; rejects when it is not, and nothing may be deleted then. */
  keep(entry: object): Promise<void>;
  /** Resolves when nothing is on its way to the file any more, which is open only while something is. */
  close(): Promise<void>;
}

/** The entry of a document that the indexer refuses. */
export interface DocumentEntry {
  readonly time: string;
  readonly kind: "document";
  readonly status: number;
  readonly reason: string;
  readonly index: string;
  readonly id: string;
  /** The source, byte for byte, as text (numbers are not parsed, so they cannot be rounded). */
  readonly document?: string;
  /** The same in base64, where it is not UTF-8. */
  readonly documentBase64?: string;
}

export function documentEntry(
  refused: Pick<DocumentEntry, "status" | "reason" | "index" | "id"> & { readonly source: Uint8Array },
): DocumentEntry {
  const { source, ...rest } = refused;
  const bytes = Buffer.from(source.buffer, source.byteOffset, source.byteLength);
  const document = isUtf8(bytes) ? { document: bytes.toString() } : { documentBase64: bytes.toString("base64") };
  return { time: new Date().toISOString(), kind: "document", ...rest, ...document };
}

export interface DeadLetterOptions {
  /** A file of this size is set aside under a name with the time, and a new one begun. Default 64 MiB. */
  readonly maxBytes?: number;
}

interface Waiting {
  readonly line: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A file with one JSON object a line, readable by its owner alone. Entries that arrive while a write is under way are
 * written and synced together. Several may write to one file, of one process or of several: nothing is ever taken out of
 * it, and files that were set aside are never deleted here.
 */
export function openDeadLetter(path: string, options: DeadLetterOptions = {}): DeadLetter {
  const maxBytes = options.maxBytes ?? 64 * 1024 * 1024;
  let waiting: Waiting[] = [];
  let working: Promise<void> | undefined;

  async function work(): Promise<void> {
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      try {
        await append(group.map(({ line }) => line).join(""));
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    // In the same turn as the check above: an entry that comes right after has to find nobody at work.
    working = undefined;
  }

  async function append(lines: string): Promise<void> {
    await using file = await openFile();
    const size = await sizeOf(file);
    // A line that a crash, or another writer without room, has torn stays alone on its line.
    const torn = size > 0 && !(await endsWithNewline(file, size));
    const bytes = Buffer.from(torn ? `\n${lines}` : lines);
    // In one call, into which no other writer can get.
    const { bytesWritten } = await file.write(bytes);
    if (bytesWritten < bytes.length) {
      throw new Error(`${path} took ${bytesWritten} of ${bytes.length} bytes: make room for it`);
    }
    await file.datasync();
  }

  /** Anew for each group: another writer may have set the last one aside, or somebody deleted it. */
  async function openFile(): Promise<FileHandle> {
    const file = await openForAppend(path);
    if ((await sizeOf(file)) < maxBytes) return file;
    await file.close();
    await rename(path, setAside(path, new Date())).catch(onlyIfMissing);
    return openForAppend(path);
  }

  return {
    keep(entry) {
      return new Promise((resolve, reject) => {
        waiting.push({ line: `${JSON.stringify(entry)}\n`, resolve, reject });
        working ??= work();
      });
    },
    async close() {
      await working;
    },
  };
}

async function openForAppend(path: string): Promise<FileHandle> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const handle = await open(path, "a+", 0o600);
  try {
    await handle.chmod(0o600);
    await syncFolder(folder);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function sizeOf(handle: FileHandle): Promise<number> {
  return (await handle.stat()).size;
}

function onlyIfMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}

async function endsWithNewline(handle: FileHandle, size: number): Promise<boolean> {
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] === 0x0a;
}

/** The file's name has to survive a crash as well as its content. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** No two files get one name, however fast they fill: renaming would replace the first. */
function setAside(path: string, now: Date): string {
  return `${path}.${now.toISOString().replaceAll(/[:.]/g, "-")}-${randomBytes(4).toString("hex")}`;
}
