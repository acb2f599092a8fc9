import { crc32 } from "node:zlib";
import type { Arena } from "../arena.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { INFLATED_END } from "../kernel/layout.ts";

// RFC 1952.
const HEADER_BYTES = 10;
const TRAILER_BYTES = 8;
const MAGIC_1 = 0x1f;
const MAGIC_2 = 0x8b;
const DEFLATE = 8;
const FLAG_HEADER_CRC = 2;
const FLAG_EXTRA = 4;
const FLAG_NAME = 8;
const FLAG_COMMENT = 16;

/**
 * Decompresses the members of a GZIP stream at `source` in the arena to `out`.
 * Gives the number of bytes, or -1 when the stream is broken, its checksum is wrong or it does not fit.
 */
export function gunzip(
  arena: Arena,
  kernel: Kernel,
  source: number,
  length: number,
  out: number,
  outLength: number,
): number {
  const { u8, view } = arena;
  const end = source + length;
  let position = source;
  let written = 0;
  do {
    const start = memberStart(u8, view, position, end);
    if (start < 0) return -1;
    const bytes = kernel.inflate(start, end - start, out + written, outLength - written);
    if (bytes < 0) return -1;
    const trailer = arena.u32[INFLATED_END >> 2];
    if (trailer + TRAILER_BYTES > end) return -1;
    if (view.getUint32(trailer + 4, true) !== bytes) return -1;
    if (view.getUint32(trailer, true) !== crc32(u8.subarray(out + written, out + written + bytes))) return -1;
    written += bytes;
    position = trailer + TRAILER_BYTES;
  } while (position < end);
  return written;
}

/** Where the compressed data of the member at `position` starts, or -1. */
function memberStart(u8: Uint8Array, view: DataView, position: number, end: number): number {
  let start = position + HEADER_BYTES;
  if (start > end || u8[position] !== MAGIC_1 || u8[position + 1] !== MAGIC_2 || u8[position + 2] !== DEFLATE)
    return -1;
  const flags = u8[position + 3];
  if (flags === 0) return start;
  if (flags & FLAG_EXTRA) {
    if (start + 2 > end) return -1;
    start += 2 + view.getUint16(start, true);
  }
  for (const flag of [FLAG_NAME, FLAG_COMMENT]) {
    if (!(flags & flag)) continue;
    while (start < end && u8[start] !== 0) start++;
    start++;
  }
  if (flags & FLAG_HEADER_CRC) start += 2;
  return start > end ? -1 : start;
}
