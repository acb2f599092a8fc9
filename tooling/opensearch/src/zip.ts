import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { crc32, inflateRaw } from "node:zlib";
import { OpenSearchError } from "./errors.ts";

const inflate = promisify(inflateRaw);

interface Entry {
  readonly name: string;
  readonly stored: boolean;
  readonly crc: number;
  readonly size: number;
  readonly compressed: Buffer;
  /** Permission bits where the archive was made on Unix, 0 elsewhere. */
  readonly mode: number;
}

// PKWARE APPNOTE 6.3.10, sections 4.3.16, 4.3.12 and 4.3.7.
const endOfDirectory = 0x06054b50;
const directoryEntry = 0x02014b50;
const localEntry = 0x04034b50;

/**
 * Writes the files below `prefix` in the archive into `folder`, the prefix taken off, with their executable bits.
 * @throws OpenSearchError BAD_ARCHIVE for what is no zip, is damaged, or names a file outside the folder.
 */
export async function unpack(
  archive: Buffer,
  folder: string,
  prefix = "",
  onFraction?: (fraction: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const files = entries(archive).filter(({ name }) => name.startsWith(prefix) && !name.endsWith("/"));
  let done = 0;
  for (const entry of files) {
    signal?.throwIfAborted();
    const path = join(folder, safe(entry.name.slice(prefix.length)));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, await content(entry));
    if ((entry.mode & 0o111) !== 0) await chmod(path, 0o755);
    done += 1;
    onFraction?.(done / files.length);
  }
}

/** The folder that all files of the archive lie in, with a slash at its end; empty where there is none. */
export function topFolder(archive: Buffer): string {
  const tops = new Set(entries(archive).map(({ name }) => name.slice(0, name.indexOf("/") + 1)));
  const [top] = tops;
  return tops.size === 1 && top !== undefined ? top : "";
}

function entries(archive: Buffer): Entry[] {
  const end = archive.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (end < 0 || archive.readUInt32LE(end) !== endOfDirectory) throw broken("it has no central directory");
  const count = archive.readUInt16LE(end + 10);
  let at = archive.readUInt32LE(end + 16);
  const found: Entry[] = [];
  for (let index = 0; index < count; index += 1) {
    if (archive.readUInt32LE(at) !== directoryEntry) throw broken(`entry ${index} has no header`);
    const nameLength = archive.readUInt16LE(at + 28);
    const local = archive.readUInt32LE(at + 42);
    if (archive.readUInt32LE(local) !== localEntry) throw broken(`entry ${index} points nowhere`);
    const data = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
    found.push({
      name: archive.toString("utf8", at + 46, at + 46 + nameLength),
      stored: archive.readUInt16LE(at + 10) === 0,
      crc: archive.readUInt32LE(at + 16),
      size: archive.readUInt32LE(at + 24),
      compressed: archive.subarray(data, data + archive.readUInt32LE(at + 20)),
      mode: archive.readUInt32LE(at + 38) >>> 16,
    });
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  return found;
}

async function content(entry: Entry): Promise<Buffer> {
  const bytes = entry.stored ? entry.compressed : await inflate(entry.compressed, { maxOutputLength: entry.size + 1 });
  if (bytes.length !== entry.size || crc32(bytes) !== entry.crc) throw broken(`${entry.name} is damaged`);
  return bytes;
}

function safe(name: string): string {
  const parts = name.split("/");
  if (name.includes("\\") || parts.some((part) => part === "" || part === "." || part === "..")) {
    throw broken(`${JSON.stringify(name)} is no name of a file inside it`);
  }
  return name;
}

function broken(cause: string): OpenSearchError {
  return new OpenSearchError("BAD_ARCHIVE", `Archive cannot be unpacked: ${cause}`);
}
