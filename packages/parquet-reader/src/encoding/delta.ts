import { ParquetError } from "../errors.ts";
import { type Limits, within } from "../limits.ts";

/** Integers of a page, two words (low, high) each, and where their encoding ends. */
export interface Deltas {
  readonly count: number;
  readonly words: Uint32Array;
  readonly end: number;
}

/**
 * Decodes DELTA_BINARY_PACKED (Encodings.md, "Delta Encoding") from `position` on: at most `limit` integers.
 * Arithmetic is on pairs of words and wraps at 64 bits, so that no value becomes a BigInt.
 */
export function decodeDeltas(source: Uint8Array, position: number, limit: number, limits: Limits): Deltas {
  const reader = new BitReader(source, position);
  const blockValues = reader.varint();
  const miniblocks = reader.varint();
  const count = reader.varint();
  const perMiniblock = blockValues / miniblocks;
  if (count > limit) throw broken(`${count} deltas for ${limit} values`);
  within(limits, "pageBytes", 8 * count, "page of deltas");
  if (!Number.isInteger(perMiniblock) || perMiniblock < 1 || perMiniblock % 8 !== 0) {
    throw broken(`delta blocks of ${blockValues} values in ${miniblocks} parts`);
  }
  const words = new Uint32Array(2 * count);
  reader.zigzag();
  let { low, high } = reader;
  if (count > 0) {
    words[0] = low;
    words[1] = high;
  }
  for (let done = 1; done < count; ) {
    reader.zigzag();
    const { low: minimumLow, high: minimumHigh } = reader;
    const widths = reader.take(miniblocks);
    for (let part = 0; part < miniblocks && done < count; part++) {
      const width = source[widths + part];
      if (width > 64) throw broken(`deltas of ${width} bits`);
      const start = reader.position;
      const used = Math.min(perMiniblock, count - done);
      reader.startBits();
      for (let i = 0; i < used; i++, done++) {
        reader.bits(width);
        const sum = low + reader.low + minimumLow;
        low = sum >>> 0;
        high = (high + reader.high + minimumHigh + Math.floor(sum / 4294967296)) >>> 0;
        words[2 * done] = low;
        words[2 * done + 1] = high;
      }
      reader.position = Math.min(start + (perMiniblock / 8) * width, source.length);
    }
  }
  return { count, words, end: reader.position };
}

/** Reads varints and packed bits; a 64-bit result is left in `low` and `high`. */
class BitReader {
  private readonly bytes: Uint8Array;
  position: number;
  low = 0;
  high = 0;
  private bit = 0;

  constructor(bytes: Uint8Array, position: number) {
    this.bytes = bytes;
    this.position = position;
  }

  private byte(): number {
    if (this.position >= this.bytes.length) throw broken("deltas end early");
    return this.bytes[this.position++];
  }

  /** An unsigned varint below 2^32. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (value > 0xffffffff) throw broken("a delta header's number is above 2^32");
      if (byte < 128) return value;
      scale *= 128;
    }
  }

  /** A zigzag varint of up to 64 bits. */
  zigzag(): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      const part = byte & 127;
      if (shift < 32) low = (low | (part << shift)) >>> 0;
      if (shift >= 32) high = (high | (part << (shift - 32))) >>> 0;
      else if (shift > 25) high = (high | (part >>> (32 - shift))) >>> 0;
      if (byte < 128) break;
      if (shift > 63) throw broken("a delta is longer than 10 bytes");
    }
    const sign = low & 1 ? 0xffffffff : 0;
    this.low = (((low >>> 1) | (high << 31)) ^ sign) >>> 0;
    this.high = ((high >>> 1) ^ sign) >>> 0;
  }

  /** Passes `count` bytes; gives where they start. */
  take(count: number): number {
    const start = this.position;
    if (count > this.bytes.length - start) throw broken("deltas end early");
    this.position += count;
    return start;
  }

  startBits(): void {
    this.bit = 0;
  }

  bits(width: number): void {
    this.low = this.word(Math.min(32, width));
    this.high = width > 32 ? this.word(width - 32) : 0;
  }

  private word(width: number): number {
    let value = 0;
    for (let have = 0; have < width; ) {
      if (this.position >= this.bytes.length) throw broken("deltas end early");
      const take = Math.min(8 - this.bit, width - have);
      const part = (this.bytes[this.position] >> this.bit) & ((1 << take) - 1);
      value = (value | (part << have)) >>> 0;
      have += take;
      this.bit += take;
      if (this.bit === 8) {
        this.bit = 0;
        this.position++;
      }
    }
    return value;
  }
}

function broken(reason: string): ParquetError {
  return new ParquetError("CORRUPT", reason);
}
