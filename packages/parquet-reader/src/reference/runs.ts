import { RUN_BIT, RUN_END, RUN_LEFT, RUN_PACKED, RUN_POSITION, RUN_VALUE, RUN_WIDTH } from "../kernel/layout.ts";

// Reading of the run-length / bit-packing hybrid (Encodings.md, "RLE"). `run` is a word index of a RUN_ record.

/** Starts the next run; false when the data ends. */
function nextRun(u8: Uint8Array, u32: Uint32Array, run: number): boolean {
  let position = u32[run + RUN_POSITION];
  const end = u32[run + RUN_END];
  const width = u32[run + RUN_WIDTH];
  let header = 0;
  let shift = 0;
  for (;;) {
    if (position >= end || shift > 28) return false;
    const byte = u8[position++];
    header = (header | ((byte & 127) << shift)) >>> 0;
    if (byte < 128) break;
    shift += 7;
  }
  const packed = header & 1;
  const count = header >>> 1;
  if (packed === 1) {
    // A writer may cut the bytes of the last group short: what is there counts.
    const there = Math.floor(((end - position) * 8) / width);
    u32[run + RUN_LEFT] = Math.min(count * 8, there);
    u32[run + RUN_VALUE] = position;
    u32[run + RUN_BIT] = 0;
    position = Math.min(position + count * width, end);
  } else {
    const bytes = (width + 7) >> 3;
    if (position + bytes > end) return false;
    let value = 0;
    for (let i = 0; i < bytes; i++) value |= u8[position + i] << (i * 8);
    u32[run + RUN_LEFT] = count;
    u32[run + RUN_VALUE] = value >>> 0;
    position += bytes;
  }
  u32[run + RUN_PACKED] = packed;
  u32[run + RUN_POSITION] = position;
  return true;
}

/** How many of the next values are the same constant: 0 when they are bit-packed or the data ends. */
export function constantRun(u8: Uint8Array, u32: Uint32Array, run: number): number {
  if (u32[run + RUN_WIDTH] === 0) return 0xffffffff;
  while (u32[run + RUN_LEFT] === 0) if (!nextRun(u8, u32, run)) return 0;
  return u32[run + RUN_PACKED] === 1 ? 0 : u32[run + RUN_LEFT];
}

export function constantValue(u32: Uint32Array, run: number): number {
  return u32[run + RUN_WIDTH] === 0 ? 0 : u32[run + RUN_VALUE];
}

export function skipConstant(u32: Uint32Array, run: number, count: number): void {
  if (u32[run + RUN_WIDTH] !== 0) u32[run + RUN_LEFT] -= count;
}

/** Decodes `count` values into `out` from `at` on; false when the data ends before. */
export function decodeRun(
  u8: Uint8Array,
  u32: Uint32Array,
  run: number,
  out: Uint8Array | Uint32Array | Int32Array,
  at: number,
  count: number,
): boolean {
  const width = u32[run + RUN_WIDTH];
  if (width === 0) {
    out.fill(0, at, at + count);
    return true;
  }
  while (count > 0) {
    const left = u32[run + RUN_LEFT];
    if (left === 0) {
      if (nextRun(u8, u32, run)) continue;
      out.fill(0, at, at + count);
      return false;
    }
    const taken = Math.min(left, count);
    if (u32[run + RUN_PACKED] === 1) unpack(u8, u32, run, width, out, at, taken);
    else out.fill(u32[run + RUN_VALUE], at, at + taken);
    u32[run + RUN_LEFT] = left - taken;
    at += taken;
    count -= taken;
  }
  return true;
}

function unpack(
  u8: Uint8Array,
  u32: Uint32Array,
  run: number,
  width: number,
  out: Uint8Array | Uint32Array | Int32Array,
  at: number,
  count: number,
): void {
  const base = u32[run + RUN_VALUE];
  const mask = 2 ** width - 1;
  let bit = u32[run + RUN_BIT];
  for (let i = 0; i < count; i++) {
    const byte = base + (bit >>> 3);
    const shift = bit & 7;
    // Five bytes hold any 32 bits; the division is a shift beyond 32 bits.
    const low = (u8[byte] | (u8[byte + 1] << 8) | (u8[byte + 2] << 16) | (u8[byte + 3] << 24)) >>> 0;
    out[at + i] =
      shift + width <= 32
        ? (low >>> shift) & mask
        : Math.floor((low + u8[byte + 4] * 4294967296) / 2 ** shift) % 2 ** width;
    bit += width;
  }
  u32[run + RUN_BIT] = bit;
}
