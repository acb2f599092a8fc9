import type { Bytes } from "../bytes.ts";

const blockSize = 128;
const miniblocks = 4;
const miniblockSize = blockSize / miniblocks;

/** DELTA_BINARY_PACKED of 32 or 64 bit integers, which wrap around as the specification wants. */
export function writeDeltaBinaryPacked(out: Bytes, values: readonly (number | bigint)[], bits: 32 | 64): void {
  out.varint(blockSize);
  out.varint(miniblocks);
  out.varint(values.length);
  out.zigzag(values[0] ?? 0);
  const deltas: bigint[] = [];
  for (let at = 1; at < values.length; at++)
    deltas.push(BigInt.asIntN(bits, BigInt(values[at] as number) - BigInt(values[at - 1] as number)));
  for (let start = 0; start < deltas.length; start += blockSize)
    writeBlock(out, deltas.slice(start, start + blockSize), bits);
}

function writeBlock(out: Bytes, deltas: readonly bigint[], bits: 32 | 64): void {
  const least = deltas.reduce(lesser);
  const above = deltas.map((delta) => BigInt.asUintN(bits, delta - least));
  out.zigzag(least);
  const minis = Array.from({ length: miniblocks }, (_, index) =>
    above.slice(index * miniblockSize, (index + 1) * miniblockSize),
  );
  const widths = minis.map((mini) => mini.reduce((width, value) => Math.max(width, bitLength(value)), 0));
  for (const width of widths) out.u8(width);
  for (const [index, mini] of minis.entries()) if (mini.length > 0) packWide(out, mini, widths[index] as number);
}

/** Math.min takes no bigint. */
function lesser(a: bigint, b: bigint): bigint {
  if (b < a) return b;
  return a;
}

function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}

/** A miniblock is written in full, whatever is left of the values. */
function packWide(out: Bytes, values: readonly bigint[], width: number): void {
  let packed = 0n;
  for (let at = values.length - 1; at >= 0; at--) packed = (packed << BigInt(width)) | (values[at] as bigint);
  for (let byte = 0; byte < (miniblockSize * width) / 8; byte++) {
    out.u8(Number(packed & 0xffn));
    packed >>= 8n;
  }
}

export function writeDeltaLengthByteArray(out: Bytes, values: readonly Uint8Array[]): void {
  writeDeltaBinaryPacked(
    out,
    values.map((value) => value.length),
    32,
  );
  for (const value of values) out.bytes(value);
}

export function writeDeltaByteArray(out: Bytes, values: readonly Uint8Array[]): void {
  const prefixes = values.map((value, at) => (at === 0 ? 0 : commonPrefix(values[at - 1] as Uint8Array, value)));
  writeDeltaBinaryPacked(out, prefixes, 32);
  writeDeltaLengthByteArray(
    out,
    values.map((value, at) => value.subarray(prefixes[at])),
  );
}

function commonPrefix(a: Uint8Array, b: Uint8Array): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}
