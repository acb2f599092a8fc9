import { copyTo } from "./copy";

const QUOTE: u32 = 0x22;
const BACKSLASH: u32 = 0x5c;
const SPACE: u32 = 0x20;
/** The bytes of `u00`, little endian. */
const U00: u32 = 0x303075;
/** U+FFFD in UTF-8, little endian. */
const REPLACEMENT: u32 = 0xbdbfef;

/** Writes a JSON string, scanning 16 bytes at a time for what must be escaped or is not ASCII; gives the end. */
export function writeString(out: u32, source: u32, length: u32): u32 {
  const end = source + length;
  const quotes = i8x16.splat(QUOTE as i8);
  const backslashes = i8x16.splat(BACKSLASH as i8);
  const spaces = i8x16.splat(SPACE as i8);
  store<u8>(out++, QUOTE as u8);
  while (source < end) {
    const bytes = v128.load(source);
    v128.store(out, bytes);
    const special = v128.or(v128.or(i8x16.eq(bytes, quotes), i8x16.eq(bytes, backslashes)), i8x16.lt_u(bytes, spaces));
    let mask = (i8x16.bitmask(special) | i8x16.bitmask(bytes)) as u32; // the top bit of each byte says not ASCII
    const left = end - source;
    if (left < 16) {
      mask &= ((1 as u32) << left) - 1;
      if (mask === 0) {
        out += left;
        break;
      }
    } else if (mask === 0) {
      out += 16;
      source += 16;
      continue;
    }
    const clean = ctz(mask) as u32;
    out += clean;
    source += clean;
    const byte = load<u8>(source) as u32;
    if (byte < 0x80) {
      out = writeEscape(out, byte);
      source++;
      continue;
    }
    do {
      const sequence = sequenceLength(source, end);
      if (sequence > 0) {
        store<u32>(out, load<u32>(source));
        out += sequence as u32;
        source += sequence as u32;
      } else {
        store<u32>(out, REPLACEMENT);
        out += 3;
        source += -sequence as u32;
      }
    } while (source < end && load<u8>(source) >= 0x80);
  }
  store<u8>(out, QUOTE as u8);
  return out + 1;
}

function writeEscape(out: u32, byte: u32): u32 {
  store<u8>(out, BACKSLASH as u8);
  let letter: u32 = 0;
  switch (byte) {
    case 0x08:
      letter = 0x62;
      break;
    case 0x09:
      letter = 0x74;
      break;
    case 0x0a:
      letter = 0x6e;
      break;
    case 0x0c:
      letter = 0x66;
      break;
    case 0x0d:
      letter = 0x72;
      break;
    case QUOTE:
    case BACKSLASH:
      letter = byte;
      break;
  }
  if (letter !== 0) {
    store<u8>(out + 1, letter as u8);
    return out + 2;
  }
  store<u32>(out + 1, U00);
  store<u8>(out + 4, (0x30 + (byte >> 4)) as u8); // control characters are below 0x20
  store<u8>(out + 5, hexDigit(byte & 15));
  return out + 6;
}

function hexDigit(value: u32): u8 {
  return (value < 10 ? 0x30 + value : 0x57 + value) as u8;
}

/** Bytes of the UTF-8 sequence at `at`, or minus the bytes that one replacement character stands for. */
function sequenceLength(at: u32, end: u32): i32 {
  const lead = load<u8>(at) as u32;
  let needed: u32 = 0;
  let low: u32 = 0x80;
  let high: u32 = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) needed = 1;
  else if (lead >= 0xe0 && lead <= 0xef) {
    needed = 2;
    if (lead === 0xe0) low = 0xa0;
    else if (lead === 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    needed = 3;
    if (lead === 0xf0) low = 0x90;
    else if (lead === 0xf4) high = 0x8f;
  } else return -1;
  for (let i: u32 = 1; i <= needed; i++) {
    if (at + i >= end) return -(i as i32);
    const byte = load<u8>(at + i) as u32;
    if (byte < low || byte > high) return -(i as i32);
    low = 0x80;
    high = 0xbf;
  }
  return (needed + 1) as i32;
}

/** Copies a fragment, which is its length and its bytes; gives the end. */
export function writeFragment(out: u32, ref: u32): u32 {
  const length = load<u32>(ref);
  copyTo(out, ref + 4, length);
  return out + length;
}
