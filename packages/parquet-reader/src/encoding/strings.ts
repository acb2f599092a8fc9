import { ParquetError } from "../errors.ts";
import { type Limits, within } from "../limits.ts";
import { type Deltas, decodeDeltas } from "./delta.ts";

/** PLAIN from DELTA_LENGTH_BYTE_ARRAY: all lengths, then all bytes. */
export function plainFromLengths(source: Uint8Array, entries: number, limits: Limits): Uint8Array {
  const lengths = decodeDeltas(source, 0, entries, limits);
  const total = sum(lengths);
  if (total > source.length - lengths.end) throw new ParquetError("CORRUPT", "strings reach beyond their page");
  within(limits, "pageBytes", total + 4 * lengths.count, "page of delta-length strings");
  const plain = new Uint8Array(total + 4 * lengths.count);
  const view = new DataView(plain.buffer);
  let from = lengths.end;
  let to = 0;
  for (let i = 0; i < lengths.count; i++) {
    const length = lengths.words[2 * i];
    view.setUint32(to, length, true);
    plain.set(source.subarray(from, from + length), to + 4);
    from += length;
    to += 4 + length;
  }
  return plain;
}

/**
 * PLAIN from DELTA_BYTE_ARRAY: each value shares a prefix with the one before.
 * `width` is that of a fixed-length type, 0 for others.
 */
export function plainFromPrefixes(source: Uint8Array, entries: number, width: number, limits: Limits): Uint8Array {
  const prefixes = decodeDeltas(source, 0, entries, limits);
  const suffixes = plainFromLengths(source.subarray(prefixes.end), entries, limits);
  const suffixView = new DataView(suffixes.buffer);
  const head = width > 0 ? 0 : 4;
  const total = sum(prefixes) + suffixes.length - 4 * prefixes.count + head * prefixes.count;
  within(limits, "pageBytes", total, "page of delta strings");
  const plain = new Uint8Array(Math.max(0, total));
  const view = new DataView(plain.buffer);
  let from = 0;
  let to = 0;
  let previous = 0;
  let previousLength = 0;
  for (let i = 0; i < prefixes.count; i++) {
    const prefix = prefixes.words[2 * i];
    if (prefix > previousLength)
      throw new ParquetError("CORRUPT", "a string's prefix is longer than the string before");
    const suffix = from + 4 > suffixes.length ? Number.POSITIVE_INFINITY : suffixView.getUint32(from, true);
    const length = prefix + suffix;
    if (to + head + length > plain.length) throw new ParquetError("CORRUPT", "fewer suffixes than prefixes");
    if (width > 0 && length !== width) throw new ParquetError("CORRUPT", `a value of ${length} bytes, not ${width}`);
    if (head > 0) view.setUint32(to, length, true);
    to += head;
    plain.copyWithin(to, previous, previous + prefix);
    plain.set(suffixes.subarray(from + 4, from + 4 + suffix), to + prefix);
    from += 4 + suffix;
    previous = to;
    previousLength = length;
    to += length;
  }
  if (from !== suffixes.length) throw new ParquetError("CORRUPT", "more suffixes than prefixes");
  return plain;
}

function sum({ count, words }: Deltas): number {
  let total = 0;
  for (let i = 0; i < count; i++) {
    if (words[2 * i + 1] !== 0 || words[2 * i] > 0x7fffffff) throw new ParquetError("CORRUPT", "a length is negative");
    total += words[2 * i];
  }
  return total;
}
