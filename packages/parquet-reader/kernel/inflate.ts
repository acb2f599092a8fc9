import { INFLATED_END } from "../src/kernel/layout";

// DEFLATE (RFC 1951) from memory to memory. The source is readable 16 bytes past its end, the output writable 64 past its.
// Both codes are looked up by their first bits; codes that are longer go on in a second table.

// ---- fixed places, below the compiler's own data
const LITERAL_TABLE: u32 = 4096;
const LITERAL_BITS: u32 = 11;
const LITERAL_ENTRIES: u32 = 2048 + 288 * 16; // each symbol may have a second table of its own
const DISTANCE_TABLE: u32 = LITERAL_TABLE + LITERAL_ENTRIES * 4;
const DISTANCE_BITS: u32 = 8;
const DISTANCE_ENTRIES: u32 = 256 + 30 * 128;
/** The code of code lengths is done with before the distances are built. */
const LENGTH_TABLE: u32 = DISTANCE_TABLE;
const LENGTH_BITS: u32 = 7;
const LENGTHS: u32 = DISTANCE_TABLE + DISTANCE_ENTRIES * 4;
const COUNTS: u32 = LENGTHS + 512;
const NEXT_CODES: u32 = COUNTS + 64;
const FIXED_DISTANCES: u32 = 288; // where their lengths start among LENGTHS

// ---- entries: [base value or symbols: 16][kind: 4][extra bits or count of literals: 4][bits of the code: 8]
// An entry of two literals has both, the first below, and the bits of both codes.
const LITERAL: u32 = 0x1000;
const SECOND_TABLE: u32 = 0x8000;
const END_OF_BLOCK: u32 = 0x4000;
const INVALID: u32 = 0x2000;
const NOT_PLAIN: u32 = 0xe000;
const BASE_SHIFT: u32 = 16;
const EXTRA_SHIFT: u32 = 8;
const EXTRA_MASK: u32 = 15;
const ONE_LITERAL: u32 = LITERAL | (1 << EXTRA_SHIFT);
const TWO_LITERALS: u32 = LITERAL | (2 << EXTRA_SHIFT);
const LITERAL_MASK: u32 = 0xff << BASE_SHIFT;
/** A block of fewer bytes does not repay the joining. */
const JOIN_FROM: u32 = 2048;
const BITS_MASK: u32 = 0xff;

/** Which code a table is for. */
const CODE_LENGTHS: u32 = 0;
const LITERALS: u32 = 1;
const DISTANCES: u32 = 2;

const MAX_CODE_BITS: u32 = 15;
const MAX_LITERAL_SYMBOL: u32 = 285;
const MAX_DISTANCE_SYMBOL: u32 = 29;
const END_SYMBOL: u32 = 256;

// ---- the bits that were read but not used, between the parts of a stream
let bits: u64 = 0;
let bitCount: u32 = 0;
let next: u32 = 0;
/** Whether the tables hold the fixed codes, which then need not be built again. */
let fixedTables: bool = false;

function refill(): void {
  bits |= load<u64>(next) << (bitCount as u64);
  next += (63 - bitCount) >> 3;
  bitCount |= 56;
}

function take(count: u32): u32 {
  const value = (bits as u32) & ((1 << count) - 1);
  bits >>= count as u64;
  bitCount -= count;
  return value;
}

/** Inflates one stream; gives the bytes written, or -1. INFLATED_END then holds where the stream ended. */
export function inflate(source: u32, sourceLength: u32, out: u32, outLength: u32): i32 {
  const sourceEnd = source + sourceLength;
  const outEnd = out + outLength;
  let at = out;
  bits = 0;
  bitCount = 0;
  next = source;
  for (;;) {
    refill();
    const last = take(1);
    const type = take(2);
    if (type === 0) at = copyStored(at, outEnd, sourceEnd);
    else if (type === 1) {
      buildFixedTables();
      at = inflateBlock(out, at, outEnd, sourceEnd);
    } else if (type === 2 && buildDynamicTables(sourceEnd)) at = inflateBlock(out, at, outEnd, sourceEnd);
    else return -1;
    if (at === 0) return -1;
    if (last) break;
  }
  const end = next - (bitCount >> 3);
  if (end > sourceEnd) return -1;
  store<u32>(INFLATED_END, end);
  return (at - out) as i32;
}

/** Gives the output's end, or 0. */
function copyStored(out: u32, outEnd: u32, sourceEnd: u32): u32 {
  next -= bitCount >> 3; // back to the byte after the header
  bits = 0;
  bitCount = 0;
  const length = load<u16>(next) as u32;
  const complement = load<u16>(next + 2) as u32;
  next += 4;
  if ((length ^ complement) !== 0xffff || next > sourceEnd) return 0;
  if (length > sourceEnd - next || length > outEnd - out) return 0;
  memory.copy(out, next, length);
  next += length;
  return out + length;
}

function buildFixedTables(): void {
  if (fixedTables) return;
  memory.fill(LENGTHS, 8, 144);
  memory.fill(LENGTHS + 144, 9, 112);
  memory.fill(LENGTHS + 256, 7, 24);
  memory.fill(LENGTHS + 280, 8, 8);
  memory.fill(LENGTHS + FIXED_DISTANCES, 5, 32);
  buildTable(LITERALS, LENGTHS, 288, LITERAL_TABLE, LITERAL_BITS);
  buildTable(DISTANCES, LENGTHS + FIXED_DISTANCES, 32, DISTANCE_TABLE, DISTANCE_BITS);
  fixedTables = true;
}

/** Code lengths 16, 17, 18, 0, 8, 7 … 1, 15: the order in which their own lengths come. */
const lengthOrder: usize = memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]);

function buildDynamicTables(sourceEnd: u32): bool {
  fixedTables = false;
  const literals = take(5) + 257;
  const distances = take(5) + 1;
  const lengthCodes = take(4) + 4;
  memory.fill(LENGTHS, 0, 19);
  for (let i: u32 = 0; i < lengthCodes; i++) {
    if (bitCount < 8) refill();
    store<u8>(LENGTHS + (load<u8>(lengthOrder + i) as u32), take(3) as u8);
  }
  if (!buildTable(CODE_LENGTHS, LENGTHS, 19, LENGTH_TABLE, LENGTH_BITS)) return false;
  const total = literals + distances;
  let i: u32 = 0;
  while (i < total) {
    if (bitCount < 16) {
      refill();
      if (next > sourceEnd + 8) return false;
    }
    const entry = load<u32>(LENGTH_TABLE + (((bits as u32) & ((1 << LENGTH_BITS) - 1)) << 2));
    if (entry & INVALID) return false;
    take(entry & BITS_MASK);
    const symbol = entry >> BASE_SHIFT;
    if (symbol < 16) {
      store<u8>(LENGTHS + i++, symbol as u8);
      continue;
    }
    let length: u8 = 0;
    let times: u32 = 0;
    if (symbol === 16) {
      if (i === 0) return false;
      length = load<u8>(LENGTHS + i - 1);
      times = 3 + take(2);
    } else times = symbol === 17 ? 3 + take(3) : 11 + take(7);
    if (times > total - i) return false;
    memory.fill(LENGTHS + i, length, times);
    i += times;
  }
  if (!buildTable(DISTANCES, LENGTHS + literals, distances, DISTANCE_TABLE, DISTANCE_BITS)) return false;
  if (!buildTable(LITERALS, LENGTHS, literals, LITERAL_TABLE, LITERAL_BITS)) return false;
  if (sourceEnd > next + JOIN_FROM) joinLiterals();
  return true;
}

/** The entry of a symbol whose code has `length` bits left to drop. */
function entryOf(code: u32, symbol: u32, length: u32): u32 {
  if (code === CODE_LENGTHS) return (symbol << BASE_SHIFT) | length;
  if (code === LITERALS) {
    if (symbol < END_SYMBOL) return ONE_LITERAL | (symbol << BASE_SHIFT) | length;
    if (symbol === END_SYMBOL) return END_OF_BLOCK | length;
    if (symbol > MAX_LITERAL_SYMBOL) return INVALID | length;
    return lengthEntry(symbol - 257) | length;
  }
  if (symbol > MAX_DISTANCE_SYMBOL) return INVALID | length;
  if (symbol < 4) return ((symbol + 1) << BASE_SHIFT) | length;
  const extra = (symbol >> 1) - 1;
  const base = ((2 + (symbol & 1)) << extra) + 1;
  return (base << BASE_SHIFT) | (extra << EXTRA_SHIFT) | length;
}

/** Lengths 3 to 10 one each, then four to each number of extra bits, 258 at last. */
function lengthEntry(index: u32): u32 {
  if (index === 28) return 258 << BASE_SHIFT;
  if (index < 8) return (index + 3) << BASE_SHIFT;
  const extra = (index >> 2) - 1;
  const base = ((4 + (index & 3)) << extra) + 3;
  return (base << BASE_SHIFT) | (extra << EXTRA_SHIFT);
}

function reversed(code: u32, length: u32): u32 {
  let result: u32 = 0;
  for (let i: u32 = 0; i < length; i++) {
    result = (result << 1) | (code & 1);
    code >>= 1;
  }
  return result;
}

/** Builds the lookup table of a canonical code; false when more codes are claimed than there are. */
function buildTable(code: u32, lengths: u32, symbols: u32, table: u32, tableBits: u32): bool {
  memory.fill(COUNTS, 0, 2 * (MAX_CODE_BITS + 1));
  for (let i: u32 = 0; i < symbols; i++) {
    const count = COUNTS + 2 * (load<u8>(lengths + i) as u32);
    store<u16>(count, load<u16>(count) + 1);
  }
  store<u16>(COUNTS, 0);
  let first: u32 = 0;
  let used: u32 = 0;
  let longest: u32 = 0;
  for (let length: u32 = 1; length <= MAX_CODE_BITS; length++) {
    const count = load<u16>(COUNTS + 2 * length) as u32;
    first = (first + (load<u16>(COUNTS + 2 * length - 2) as u32)) << 1;
    store<u16>(NEXT_CODES + 2 * length, first as u16);
    used += count << (MAX_CODE_BITS - length);
    if (count > 0) longest = length;
  }
  if (used > 1 << MAX_CODE_BITS) return false;
  const size: u32 = 1 << tableBits;
  if (used < 1 << MAX_CODE_BITS) for (let i: u32 = 0; i < size; i++) store<u32>(table + (i << 2), INVALID | 1);
  else memory.fill(table, 0, size << 2); // a full code leaves no entry unset; zero tells second tables apart
  const secondBits = longest > tableBits ? longest - tableBits : 0;
  const secondSize: u32 = 1 << secondBits;
  let free = size;
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const length = load<u8>(lengths + symbol) as u32;
    if (length === 0) continue;
    const nextCode = NEXT_CODES + 2 * length;
    const value = load<u16>(nextCode) as u32;
    store<u16>(nextCode, (value + 1) as u16);
    const path = reversed(value, length);
    if (length <= tableBits) {
      const entry = entryOf(code, symbol, length);
      for (let i = path; i < size; i += 1 << length) store<u32>(table + (i << 2), entry);
      continue;
    }
    const place = table + ((path & (size - 1)) << 2);
    let head = load<u32>(place);
    if (!(head & SECOND_TABLE)) {
      head = (free << BASE_SHIFT) | SECOND_TABLE | (secondBits << EXTRA_SHIFT) | tableBits;
      store<u32>(place, head);
      for (let i: u32 = 0; i < secondSize; i++) store<u32>(table + ((free + i) << 2), INVALID | 1);
      free += secondSize;
    }
    const second = head >> BASE_SHIFT;
    const entry = entryOf(code, symbol, length - tableBits);
    for (let i = path >> tableBits; i < secondSize; i += 1 << (length - tableBits)) {
      store<u32>(table + ((second + i) << 2), entry);
    }
  }
  return true;
}

/** Joins literals whose codes fit into one lookup. From the back, so that what follows a code is not joined yet. */
function joinLiterals(): void {
  for (let i: i32 = (1 << LITERAL_BITS) - 1; i >= 0; i--) {
    const place = LITERAL_TABLE + ((i as u32) << 2);
    const first = load<u32>(place);
    if (!(first & LITERAL)) continue;
    const firstBits = first & BITS_MASK;
    const second = load<u32>(LITERAL_TABLE + (((i as u32) >> firstBits) << 2));
    const both = firstBits + (second & BITS_MASK);
    if (!(second & LITERAL) || both > LITERAL_BITS) continue;
    const symbols = (first & LITERAL_MASK) | ((second & LITERAL_MASK) << 8);
    store<u32>(place, symbols | TWO_LITERALS | both);
  }
}

/** Writes two bytes, and counts one where the entry has one. */
function writeLiterals(out: u32, entry: u32): u32 {
  store<u16>(out, (entry >> BASE_SHIFT) as u16);
  return out + ((entry >> EXTRA_SHIFT) & EXTRA_MASK);
}

/** Inflates the codes of a block; gives the output's end, or 0. */
function inflateBlock(start: u32, out: u32, outEnd: u32, sourceEnd: u32): u32 {
  const literalMask: u32 = (1 << LITERAL_BITS) - 1;
  const distanceMask: u32 = (1 << DISTANCE_BITS) - 1;
  const readEnd = sourceEnd + 8; // the reader runs up to 8 bytes ahead
  let buffer = bits;
  let count = bitCount;
  let position = next;
  for (;;) {
    buffer |= load<u64>(position) << (count as u64);
    position += (63 - count) >> 3;
    count |= 56;
    let entry = load<u32>(LITERAL_TABLE + (((buffer as u32) & literalMask) << 2));
    // 56 bits hold three literals of 11 bits and the 20 of a length.
    if (entry & LITERAL) {
      buffer >>= (entry & BITS_MASK) as u64;
      count -= entry & BITS_MASK;
      out = writeLiterals(out, entry);
      entry = load<u32>(LITERAL_TABLE + (((buffer as u32) & literalMask) << 2));
      if (entry & LITERAL) {
        buffer >>= (entry & BITS_MASK) as u64;
        count -= entry & BITS_MASK;
        out = writeLiterals(out, entry);
        entry = load<u32>(LITERAL_TABLE + (((buffer as u32) & literalMask) << 2));
        if (entry & LITERAL) {
          buffer >>= (entry & BITS_MASK) as u64;
          count -= entry & BITS_MASK;
          out = writeLiterals(out, entry);
          if (out > outEnd || position > readEnd) return 0;
          continue;
        }
      }
      buffer |= load<u64>(position) << (count as u64);
      position += (63 - count) >> 3;
      count |= 56;
    }
    if (entry & NOT_PLAIN) {
      if (entry & SECOND_TABLE) {
        buffer >>= (entry & BITS_MASK) as u64;
        count -= entry & BITS_MASK;
        const mask: u32 = (1 << ((entry >> EXTRA_SHIFT) & EXTRA_MASK)) - 1;
        const second = (entry >> BASE_SHIFT) + ((buffer as u32) & mask);
        entry = load<u32>(LITERAL_TABLE + (second << 2));
        if (entry & LITERAL) {
          buffer >>= (entry & BITS_MASK) as u64;
          count -= entry & BITS_MASK;
          out = writeLiterals(out, entry);
          if (out > outEnd || position > readEnd) return 0;
          continue;
        }
      }
      if (entry & END_OF_BLOCK) {
        buffer >>= (entry & BITS_MASK) as u64;
        count -= entry & BITS_MASK;
        break;
      }
      if (entry & INVALID) return 0;
    }
    buffer >>= (entry & BITS_MASK) as u64;
    count -= entry & BITS_MASK;
    const lengthExtra = (entry >> EXTRA_SHIFT) & EXTRA_MASK;
    const length = (entry >> BASE_SHIFT) + ((buffer as u32) & ((1 << lengthExtra) - 1));
    buffer >>= lengthExtra as u64;
    count -= lengthExtra;
    entry = load<u32>(DISTANCE_TABLE + (((buffer as u32) & distanceMask) << 2));
    if (entry & (SECOND_TABLE | INVALID)) {
      if (entry & SECOND_TABLE) {
        buffer >>= (entry & BITS_MASK) as u64;
        count -= entry & BITS_MASK;
        const mask: u32 = (1 << ((entry >> EXTRA_SHIFT) & EXTRA_MASK)) - 1;
        entry = load<u32>(DISTANCE_TABLE + (((entry >> BASE_SHIFT) + ((buffer as u32) & mask)) << 2));
      }
      if (entry & INVALID) return 0;
    }
    buffer >>= (entry & BITS_MASK) as u64;
    count -= entry & BITS_MASK;
    const distanceExtra = (entry >> EXTRA_SHIFT) & EXTRA_MASK;
    const distance = (entry >> BASE_SHIFT) + ((buffer as u32) & ((1 << distanceExtra) - 1));
    buffer >>= distanceExtra as u64;
    count -= distanceExtra;
    if (distance > out - start || out > outEnd || length > outEnd - out || position > readEnd) return 0;
    repeat(out, distance, length);
    out += length;
  }
  if (out > outEnd) return 0;
  bits = buffer;
  bitCount = count;
  next = position;
  return out;
}

/** Copies `length` bytes from `distance` back, in steps that do not reach what is not written yet; writes up to 15 more. */
function repeat(out: u32, distance: u32, length: u32): void {
  const end = out + length;
  let from = out - distance;
  if (distance >= 16) {
    do {
      v128.store(out, v128.load(from));
      out += 16;
      from += 16;
    } while (out < end);
  } else if (distance === 1) {
    const byte = i8x16.splat(load<i8>(from));
    do {
      v128.store(out, byte);
      out += 16;
    } while (out < end);
  } else if (distance >= 8) {
    do {
      store<u64>(out, load<u64>(from));
      out += 8;
      from += 8;
    } while (out < end);
  } else {
    // Eight bytes one by one, then eight at a time from a multiple of the distance back.
    for (let i: u32 = 0; i < 8; i++) store<u8>(out + i, load<u8>(from + i));
    const back = distance * ((7 + distance) / distance);
    for (out += 8; out < end; out += 8) store<u64>(out, load<u64>(out - back));
  }
}
