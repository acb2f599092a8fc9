import type { Bytes } from "../bytes.ts";

/** Runs of equal values as RLE, the rest bit-packed in groups of eight (parquet-format, Encodings.md, RLE). */
export function writeHybrid(out: Bytes, values: ArrayLike<number>, start: number, end: number, bitWidth: number): void {
  let at = start;
  while (at < end) {
    const run = runLength(values, at, end);
    if (run >= 8) {
      writeRun(out, values[at] as number, run, bitWidth);
      at += run;
      continue;
    }
    const from = at;
    do at += 8;
    while (at < end && runLength(values, at, Math.min(end, at + 8)) < 8);
    writePacked(out, values, from, Math.min(at, end), bitWidth);
    at = Math.min(at, end);
  }
}

/** Bits that hold every value up to `max`. */
export function bitWidthOf(max: number): number {
  return 32 - Math.clz32(max);
}

function runLength(values: ArrayLike<number>, start: number, end: number): number {
  let at = start + 1;
  while (at < end && values[at] === values[start]) at++;
  return at - start;
}

function writeRun(out: Bytes, value: number, count: number, bitWidth: number): void {
  out.varint(count * 2);
  for (let shift = 0; shift < bitWidth; shift += 8) out.u8((value >>> shift) & 0xff);
}

function writePacked(out: Bytes, values: ArrayLike<number>, start: number, end: number, bitWidth: number): void {
  const groups = Math.ceil((end - start) / 8);
  out.varint(groups * 2 + 1);
  packBits(out, groups * 8, bitWidth, (index) => (start + index < end ? (values[start + index] as number) : 0));
}

/** `count` values of `bitWidth` (at most 32) bits, least significant bit first; count * bitWidth is a multiple of eight. */
export function packBits(out: Bytes, count: number, bitWidth: number, value: (index: number) => number): void {
  let bits = 0;
  let pending = 0;
  for (let index = 0; index < count; index++) {
    let rest = value(index) >>> 0;
    let left = bitWidth;
    while (left > 0) {
      const take = Math.min(left, 8 - pending);
      bits |= (rest & ((1 << take) - 1)) << pending;
      rest >>>= take;
      left -= take;
      pending += take;
      if (pending === 8) {
        out.u8(bits);
        bits = 0;
        pending = 0;
      }
    }
  }
}
