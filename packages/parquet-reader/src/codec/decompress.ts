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

/** Unpacks a page to the `length` bytes at `out` in the arena; throws when it gives more or fewer bytes. */
export function decompress(
  codec: CodecName,
  packed: Uint8Array,
  out: number,
  length: number,
  { arena, kernel }: CodecPlace,
): void {
  if (length === 0 && packed.length === 0) return;
  if (codec === "GZIP") {
    const source = arena.alloc(packed.length);
    arena.u8.set(packed, source);
    own(codec, gunzip(arena, kernel, source, packed.length, out, length), length);
    arena.release(source, packed.length);
    return;
  }
  const into = arena.u8.subarray(out, out + length);
  switch (codec) {
    case "UNCOMPRESSED":
      fill(into, packed);
      return;
    case "ZSTD":
      native(codec, zstdDecompressSync, packed, into);
      return;
    case "BROTLI":
      native(codec, brotliDecompressSync, packed, into);
      return;
    case "SNAPPY":
      own(codec, snappy(packed, into), length);
      return;
    case "LZ4_RAW":
      own(codec, lz4Block(packed, into), length);
      return;
    case "LZ4":
      own(codec, hadoopLz4(packed, into), length);
      return;
    case "LZO":
      throw new ParquetError("UNSUPPORTED", "codec LZO is not supported: no maintained decoder exists");
  }
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
