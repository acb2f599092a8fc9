import { brotliCompressSync, gzipSync, constants as zlib, zstdCompressSync } from "node:zlib";
import { lz4Block, lz4Hadoop } from "./lz4.ts";
import { snappy } from "./snappy.ts";

interface CodecEntry {
  /** Id of CompressionCodec in parquet.thrift. */
  readonly id: number;
  /** What a file's name carries in front of ".parquet". */
  readonly suffix: string;
  readonly compress: (bytes: Uint8Array) => Uint8Array;
}

export const codecs = {
  none: { id: 0, suffix: "", compress: (bytes) => bytes },
  snappy: { id: 1, suffix: ".snappy", compress: snappy },
  gzip: { id: 2, suffix: ".gz", compress: (bytes) => gzipSync(bytes, { level: 6 }) },
  /** GZIP in two members, which the format allows and some readers forget. */
  "gzip-members": { id: 2, suffix: ".gz", compress: gzipMembers },
  brotli: { id: 4, suffix: ".br", compress: brotli },
  lz4: { id: 5, suffix: ".lz4", compress: lz4Hadoop },
  zstd: { id: 6, suffix: ".zstd", compress: (bytes) => zstdCompressSync(bytes) },
  "lz4-raw": { id: 7, suffix: ".lz4", compress: lz4Block },
} as const satisfies Record<string, CodecEntry>;
export type Codec = keyof typeof codecs;

function gzipMembers(bytes: Uint8Array): Uint8Array {
  const middle = bytes.length >>> 1;
  return Buffer.concat([gzipSync(bytes.subarray(0, middle)), gzipSync(bytes.subarray(middle))]);
}

function brotli(bytes: Uint8Array): Uint8Array {
  return brotliCompressSync(bytes, { params: { [zlib.BROTLI_PARAM_QUALITY]: 4 } });
}
