import { brotliDecompressSync, zstdDecompressSync } from "node:zlib";
import type { Arena } from "../arena.ts";
import { ParquetError } from "../errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { CodecName } from "../metadata.ts";
import { gunzip } from "./gzip.ts";
import { hadoopLz4, lz4Block } from "./lz4.ts";
import { snappy } from "./snappy.ts";

/** Where codecs work: the compressed bytes of GZIP pages go through the arena, too. */
export interface CodecPlace {
  readonly arena: Arena;
  readonly kernel: Kernel;
}

/** Compressed bytes: a part of a buffer, which the arena may hold as well. */
export interface Packed {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Address of `bytes[0]` in the arena, or 0. */
  readonly at: number;
}

export const bytesOf = ({ bytes, start, end }: Packed): Uint8Array => bytes.subarray(start, end);

/** Unpacks a page to the `length` bytes at `out` in the arena; throws when it gives more or fewer bytes. */
export function decompress(codec: CodecName, packed: Packed, out: number, length: number, place: CodecPlace): void {
  if (length === 0 && packed.start === packed.end) return;
  if (codec === "GZIP") {
    own(codec, gunzipPacked(packed, out, length, place), length);
    return;
  }
  const into = place.arena.u8.subarray(out, out + length);
  const bytes = bytesOf(packed);
  switch (codec) {
    case "UNCOMPRESSED":
      fill(into, bytes);
      return;
    case "ZSTD":
      native(codec, zstdDecompressSync, bytes, into);
      return;
    case "BROTLI":
      native(codec, brotliDecompressSync, bytes, into);
      return;
    case "SNAPPY":
      own(codec, snappy(bytes, into), length);
      return;
    case "LZ4_RAW":
      own(codec, lz4Block(bytes, into), length);
      return;
    case "LZ4":
      own(codec, hadoopLz4(bytes, into), length);
      return;
    case "LZO":
      throw new ParquetError("UNSUPPORTED", "codec LZO is not supported: no maintained decoder exists");
  }
}

/** Inflates in place where the arena has the bytes, else from a copy. */
function gunzipPacked(packed: Packed, out: number, length: number, { arena, kernel }: CodecPlace): number {
  const size = packed.end - packed.start;
  if (packed.at !== 0) return gunzip(arena, kernel, packed.at + packed.start, size, out, length);
  const source = arena.alloc(size);
  arena.u8.set(bytesOf(packed), source);
  const written = gunzip(arena, kernel, source, size, out, length);
  arena.release(source, size);
  return written;
}

type Unpack = (packed: Uint8Array, options: { maxOutputLength: number; chunkSize: number }) => Uint8Array;
const MIN_CHUNK = 64;

function native(codec: CodecName, unpack: Unpack, packed: Uint8Array, into: Uint8Array): void {
  let bytes: Uint8Array;
  try {
    // One chunk of the page's size spares zlib the joining of many.
    const chunkSize = Math.max(MIN_CHUNK, into.length);
    bytes = unpack(packed, { maxOutputLength: Math.max(1, into.length), chunkSize });
  } catch (cause) {
    const long = (cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    const reason = long ? `gives more than the ${into.length} bytes of its header` : "is broken";
    throw new ParquetError("CORRUPT", `${codec} page ${reason}`, {}, cause);
  }
  fill(into, bytes);
}

function own(codec: CodecName, got: number, wanted: number): void {
  if (got < 0)
    throw new ParquetError("CORRUPT", `${codec} page is broken, or larger than the ${wanted} bytes of its header`);
  if (got !== wanted) throw short(got, wanted);
}

function fill(into: Uint8Array, bytes: Uint8Array): void {
  if (bytes.length !== into.length) throw short(bytes.length, into.length);
  into.set(bytes);
}

function short(got: number, wanted: number): ParquetError {
  return new ParquetError("CORRUPT", `page has ${got} bytes uncompressed, its header says ${wanted}`);
}
