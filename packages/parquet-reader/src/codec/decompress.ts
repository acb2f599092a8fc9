import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { ParquetError } from "../errors.ts";
import type { CodecName } from "../metadata.ts";
import { hadoopLz4, lz4Block } from "./lz4.ts";
import { snappy } from "./snappy.ts";

/** Fills `into` with the page that `packed` holds; throws when it gives more or fewer bytes. */
export function decompress(codec: CodecName, packed: Uint8Array, into: Uint8Array): void {
  if (into.length === 0 && packed.length === 0) return;
  switch (codec) {
    case "UNCOMPRESSED":
      fill(into, packed);
      return;
    case "GZIP":
      native(codec, gunzipSync, packed, into);
      return;
    case "ZSTD":
      native(codec, zstdDecompressSync, packed, into);
      return;
    case "BROTLI":
      native(codec, brotliDecompressSync, packed, into);
      return;
    case "SNAPPY":
      own(codec, snappy(packed, into), into);
      return;
    case "LZ4_RAW":
      own(codec, lz4Block(packed, into), into);
      return;
    case "LZ4":
      own(codec, hadoopLz4(packed, into), into);
      return;
    case "LZO":
      throw new ParquetError("UNSUPPORTED", "codec LZO is not supported: no maintained decoder exists");
  }
}

type Unpack = (packed: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;

function native(codec: CodecName, unpack: Unpack, packed: Uint8Array, into: Uint8Array): void {
  let bytes: Uint8Array;
  try {
    bytes = unpack(packed, { maxOutputLength: Math.max(1, into.length) });
  } catch (cause) {
    const long = (cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    const reason = long ? `gives more than the ${into.length} bytes of its header` : "is broken";
    throw new ParquetError("CORRUPT", `${codec} page ${reason}`, {}, cause);
  }
  fill(into, bytes);
}

function own(codec: CodecName, length: number, into: Uint8Array): void {
  if (length < 0) throw new ParquetError("CORRUPT", `${codec} page is broken`);
  if (length !== into.length) throw short(length, into.length);
}

function fill(into: Uint8Array, bytes: Uint8Array): void {
  if (bytes.length !== into.length) throw short(bytes.length, into.length);
  into.set(bytes);
}

function short(got: number, wanted: number): ParquetError {
  return new ParquetError("CORRUPT", `page has ${got} bytes uncompressed, its header says ${wanted}`);
}
