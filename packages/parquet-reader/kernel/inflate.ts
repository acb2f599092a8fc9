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
const COUNTS: u32 = LENGTHS + 512; // of the codes of each length
const PLACES: u32 = COUNTS + 32; // where the next symbol of each length goes among SORTED
const SORTED: u32 = PLACES + 32; // symbols by the length of their code
/** Entries of all symbols without the bits of their codes. */
const LITERAL_SYMBOLS: u32 = SORTED + 2 * 288;
const DISTANCE_SYMBOLS: u32 = LITERAL_SYMBOLS + 4 * 288;
const LENGTH_SYMBOLS: u32 = DISTANCE_SYMBOLS + 4 * 32;
/** The tables of the fixed codes, copied to where the others are built. */
const FIXED_LITERALS: u32 = LENGTH_SYMBOLS + 4 * 20;
const FIXED_LITERAL_BITS: u32 = 9;
const FIXED_DISTANCES: u32 = FIXED_LITERALS + (4 << FIXED_LITERAL_BITS);
const FIXED_DISTANCE_BITS: u32 = 5;

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

const MAX_CODE_BITS: u32 = 15;
const MAX_LITERAL_SYMBOL: u32 = 285;
const MAX_DISTANCE_SYMBOL: u32 = 29;
const END_SYMBOL: u32 = 256;

// ---- the bits that were read but not used, between the parts of a stream
let bits: u64 = 0;
let bitCount: u32 = 0;
let next: u32 = 0;
/** Whether the tables hold the fixed codes. */
let fixedTables: bool = false;
/** Bits that the tables are looked up by: no more than the longest code has, so that a short block has small tables. */
let literalBits: i32 = 0;
let distanceBits: i32 = 0;

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
      takeFixedTables();
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

function takeFixedTables(): void {
  if (fixedTables) return;
  memory.copy(LITERAL_TABLE, FIXED_LITERALS, 4 << FIXED_LITERAL_BITS);
  memory.copy(DISTANCE_TABLE, FIXED_DISTANCES, 4 << FIXED_DISTANCE_BITS);
  literalBits = FIXED_LITERAL_BITS;
  distanceBits = FIXED_DISTANCE_BITS;
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
  const lengthBits = buildTable(LENGTH_SYMBOLS, LENGTHS, 19, LENGTH_TABLE, LENGTH_BITS);
  if (lengthBits < 0) return false;
  const lengthMask: u32 = (1 << lengthBits) - 1;
  const total = literals + distances;
  let i: u32 = 0;
  while (i < total) {
    if (bitCount < 16) {
      refill();
      if (next > sourceEnd + 8) return false;
    }
    const entry = load<u32>(LENGTH_TABLE + (((bits as u32) & lengthMask) << 2));
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
  distanceBits = buildTable(DISTANCE_SYMBOLS, LENGTHS + literals, distances, DISTANCE_TABLE, DISTANCE_BITS);
  literalBits = buildTable(LITERAL_SYMBOLS, LENGTHS, literals, LITERAL_TABLE, LITERAL_BITS);
  if (distanceBits < 0 || literalBits < 0) return false;
  if (sourceEnd > next + JOIN_FROM) joinLiterals();
  return true;
}

let prepared: bool = false;

/** Writes the entries of all symbols, and the tables of the fixed codes. */
export function prepareInflate(): void {
  if (prepared) return;
  prepared = true;
  for (let symbol: u32 = 0; symbol < 288; symbol++) store<u32>(LITERAL_SYMBOLS + (symbol << 2), literalEntry(symbol));
  for (let symbol: u32 = 0; symbol < 32; symbol++) store<u32>(DISTANCE_SYMBOLS + (symbol << 2), distanceEntry(symbol));
  for (let symbol: u32 = 0; symbol < 19; symbol++) store<u32>(LENGTH_SYMBOLS + (symbol << 2), symbol << BASE_SHIFT);
  memory.fill(LENGTHS, 8, 144);
  memory.fill(LENGTHS + 144, 9, 112);
  memory.fill(LENGTHS + 256, 7, 24);
  memory.fill(LENGTHS + 280, 8, 8);
  buildTable(LITERAL_SYMBOLS, LENGTHS, 288, FIXED_LITERALS, FIXED_LITERAL_BITS);
  memory.fill(LENGTHS, 5, 32);
  buildTable(DISTANCE_SYMBOLS, LENGTHS, 32, FIXED_DISTANCES, FIXED_DISTANCE_BITS);
}

function literalEntry(symbol: u32): u32 {
  if (symbol < END_SYMBOL) return ONE_LITERAL | (symbol << BASE_SHIFT);
  if (symbol === END_SYMBOL) return END_OF_BLOCK;
  return symbol > MAX_LITERAL_SYMBOL ? INVALID : lengthEntry(symbol - 257);
}

function distanceEntry(symbol: u32): u32 {
  if (symbol > MAX_DISTANCE_SYMBOL) return INVALID;
  if (symbol < 4) return (symbol + 1) << BASE_SHIFT;
  const extra = (symbol >> 1) - 1;
  const base = ((2 + (symbol & 1)) << extra) + 1;
  return (base << BASE_SHIFT) | (extra << EXTRA_SHIFT);
}

/** Lengths 3 to 10 one each, then four to each number of extra bits, 258 at last. */
function lengthEntry(index: u32): u32 {
  if (index === 28) return 258 << BASE_SHIFT;
  if (index < 8) return (index + 3) << BASE_SHIFT;
  const extra = (index >> 2) - 1;
  const base = ((4 + (index & 3)) << extra) + 3;
  return (base << BASE_SHIFT) | (extra << EXTRA_SHIFT);
}

/** The code of `length` bits after `path`, both with their first bit lowest. Codes are given out in ascending order. */
function nextPath(path: u32, length: u32): u32 {
  const bit = (0x80000000 as u32) >> (clz(path ^ ((1 << length) - 1)) as u32);
  return (path & (bit - 1)) | bit;
}

/**
 * Builds the lookup table of a canonical code from the entries of its symbols; gives the bits that it is looked up by, at
 * most `mostBits`, or -1 when more codes are claimed than there are. The table doubles with each bit, so that an entry is
 * written once and copied in bulk.
 */
function buildTable(entries: u32, lengths: u32, symbols: u32, table: u32, mostBits: u32): i32 {
  const longest = sortSymbols(lengths, symbols);
  if (longest > MAX_CODE_BITS) return -1;
  const tableBits = min(longest, mostBits);
  let sorted = SORTED;
  let path: u32 = 0;
  store<u32>(table, INVALID | 1); // what no code comes to
  for (let length: u32 = 1; length <= tableBits; length++) {
    const bytes: u32 = 2 << length;
    for (let i: u32 = 0; i < bytes; i += 16) v128.store(table + bytes + i, v128.load(table + i));
    for (let left = load<u16>(COUNTS + 2 * length) as u32; left > 0; left--) {
      const entry = load<u32>(entries + ((load<u16>(sorted) as u32) << 2));
      store<u32>(table + (path << 2), entry | length);
      path = nextPath(path, length);
      sorted += 2;
    }
  }
  if (longest > tableBits) buildSecondTables(entries, table, tableBits, longest, path, sorted);
  return tableBits;
}

/** The symbols in the order of their codes; gives the length of the longest, or more than there is when codes are too many. */
function sortSymbols(lengths: u32, symbols: u32): u32 {
  memory.fill(COUNTS, 0, 2 * (MAX_CODE_BITS + 1));
  for (let i: u32 = 0; i < symbols; i++) {
    const count = COUNTS + 2 * (load<u8>(lengths + i) as u32);
    store<u16>(count, load<u16>(count) + 1);
  }
  let used: u32 = 0;
  let longest: u32 = 0;
  let place: u32 = 0;
  for (let length: u32 = 1; length <= MAX_CODE_BITS; length++) {
    const count = load<u16>(COUNTS + 2 * length) as u32;
    store<u16>(PLACES + 2 * length, place as u16);
    place += count;
    used += count << (MAX_CODE_BITS - length);
    if (count > 0) longest = length;
  }
  if (used > 1 << MAX_CODE_BITS) return MAX_CODE_BITS + 1;
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const length = load<u8>(lengths + symbol) as u32;
    if (length === 0) continue;
    const at = load<u16>(PLACES + 2 * length) as u32;
    store<u16>(PLACES + 2 * length, (at + 1) as u16);
    store<u16>(SORTED + 2 * at, symbol as u16);
  }
  return longest;
}

/** Codes longer than the table's bits go on behind it, in a table for each beginning they have. */
function buildSecondTables(entries: u32, table: u32, tableBits: u32, longest: u32, path: u32, sorted: u32): void {
  const secondBits = longest - tableBits;
  const secondSize: u32 = 1 << secondBits;
  let free: u32 = 1 << tableBits;
  for (let length = tableBits + 1; length <= longest; length++) {
    for (let left = load<u16>(COUNTS + 2 * length) as u32; left > 0; left--) {
      const place = table + ((path & ((1 << tableBits) - 1)) << 2);
      let head = load<u32>(place);
      if (!(head & SECOND_TABLE)) {
        head = (free << BASE_SHIFT) | SECOND_TABLE | (secondBits << EXTRA_SHIFT) | tableBits;
        store<u32>(place, head);
        for (let i: u32 = 0; i < secondSize; i++) store<u32>(table + ((free + i) << 2), INVALID | 1);
        free += secondSize;
      }
      const second = head >> BASE_SHIFT;
      const entry = load<u32>(entries + ((load<u16>(sorted) as u32) << 2)) | (length - tableBits);
      for (let i = path >> tableBits; i < secondSize; i += 1 << (length - tableBits)) {
        store<u32>(table + ((second + i) << 2), entry);
      }
      path = nextPath(path, length);
      sorted += 2;
    }
  }
}

/** Joins literals whose codes fit into one lookup. From the back, so that what follows a code is not joined yet. */
function joinLiterals(): void {
  for (let i: i32 = (1 << literalBits) - 1; i >= 0; i--) {
    const place = LITERAL_TABLE + ((i as u32) << 2);
    const first = load<u32>(place);
    if (!(first & LITERAL)) continue;
    const firstBits = first & BITS_MASK;
    const second = load<u32>(LITERAL_TABLE + (((i as u32) >> firstBits) << 2));
    const both = firstBits + (second & BITS_MASK);
    if (!(second & LITERAL) || both > (literalBits as u32)) continue;
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
  const literalMask: u32 = (1 << literalBits) - 1;
  const distanceMask: u32 = (1 << distanceBits) - 1;
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
