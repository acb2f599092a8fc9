import {
  FLAG_UTC,
  LEAF_DETAIL,
  LEAF_FLAGS,
  LEAF_RENDER,
  LEAF_WIDTH,
  RENDER_DECIMAL,
  RENDER_DECIMAL_BYTES,
  RENDER_INT32,
  RENDER_INT64,
  RENDER_TIMESTAMP,
  RENDER_UINT32,
} from "../src/kernel/layout";
import { get } from "./record";

const ZERO: u32 = 0x30;
const MINUS: u8 = 0x2d;
const POINT: u8 = 0x2e;
const COLON: u8 = 0x3a;
const QUOTE: u8 = 0x22;
const LETTER_T: u8 = 0x54;
const LETTER_Z: u8 = 0x5a;

/** "00" to "99", two bytes each, so that digits come in pairs. */
const PAIRS: usize = memory.data(200, 16);

/** Fills the table of digit pairs; called once. */
export function prepareDigits(): void {
  for (let i: u32 = 0; i < 100; i++) {
    store<u8>(PAIRS + 2 * i, (ZERO + i / 10) as u8);
    store<u8>(PAIRS + 2 * i + 1, (ZERO + (i % 10)) as u8);
  }
}

function putPair(out: u32, value: u32): void {
  store<u16>(out, load<u16>(PAIRS + (value << 1)));
}

function digitCount(value: u64): u32 {
  let count: u32 = 1;
  for (let bound: u64 = 10; value >= bound; bound *= 10) {
    count++;
    if (count === 20) break;
  }
  return count;
}

/** Writes `count` digits that end at `end`, zeros in front. */
function putDigits(end: u32, value: u64, count: u32): void {
  while (count >= 2) {
    end -= 2;
    if (value > 0xffffffff) {
      const rest = value / 100;
      putPair(end, (value - rest * 100) as u32);
      value = rest;
    } else {
      const small = value as u32;
      const rest = small / 100;
      putPair(end, small - rest * 100);
      value = rest as u64;
    }
    count -= 2;
  }
  if (count === 1) store<u8>(end - 1, (ZERO + (value % 10)) as u8);
}

function writeUnsigned(out: u32, value: u64): u32 {
  if (value < 10) {
    store<u8>(out, (ZERO + value) as u8);
    return out + 1;
  }
  const count = digitCount(value);
  putDigits(out + count, value, count);
  return out + count;
}

function writeSigned(out: u32, value: i64): u32 {
  if (value >= 0) return writeUnsigned(out, value as u64);
  store<u8>(out, MINUS);
  return writeUnsigned(out + 1, (0 as u64) - (value as u64));
}

function writeDecimal(out: u32, value: i64, scale: u32): u32 {
  let magnitude = value as u64;
  if (value < 0) {
    store<u8>(out++, MINUS);
    magnitude = (0 as u64) - magnitude;
  }
  if (scale === 0) return writeUnsigned(out, magnitude);
  const count = digitCount(magnitude);
  if (count > scale) {
    putDigits(out + count, magnitude, count);
    for (let i: u32 = 0; i < scale; i++) store<u8>(out + count - i, load<u8>(out + count - i - 1));
    store<u8>(out + count - scale, POINT);
    return out + count + 1;
  }
  store<u8>(out, ZERO as u8);
  store<u8>(out + 1, POINT);
  putDigits(out + 2 + scale, magnitude, scale);
  return out + 2 + scale;
}

const DAY_SECONDS: i64 = 86_400;
/** Seconds of 0000-01-01 and of 10000-01-01: years of four digits. */
const FIRST_SECOND: i64 = -62_167_219_200;
const END_SECOND: i64 = 253_402_300_800;

/** ISO 8601 in quotes with 3, 6 or 9 digits of a second; gives the end, or 0 for a year that has not four digits. */
function writeTimestamp(out: u32, value: i64, fractionDigits: u32, utc: bool): u32 {
  const unit: i64 = fractionDigits === 3 ? 1000 : fractionDigits === 6 ? 1_000_000 : 1_000_000_000;
  let seconds = value / unit;
  let fraction = value - seconds * unit;
  if (fraction < 0) {
    seconds--;
    fraction += unit;
  }
  if (seconds < FIRST_SECOND || seconds >= END_SECOND) return 0;
  const sinceYearZero = (seconds - FIRST_SECOND) as u64;
  const days = (sinceYearZero / (DAY_SECONDS as u64)) as u32;
  const clock = (sinceYearZero - (days as u64) * (DAY_SECONDS as u64)) as u32;
  store<u8>(out, QUOTE);
  putDate(out + 1, days);
  store<u8>(out + 11, LETTER_T);
  putPair(out + 12, clock / 3600);
  store<u8>(out + 14, COLON);
  putPair(out + 15, (clock / 60) % 60);
  store<u8>(out + 17, COLON);
  putPair(out + 18, clock % 60);
  store<u8>(out + 20, POINT);
  out += 21 + fractionDigits;
  putDigits(out, fraction as u64, fractionDigits);
  if (utc) store<u8>(out++, LETTER_Z);
  store<u8>(out, QUOTE);
  return out + 1;
}

const ERA_DAYS: u32 = 146_097;
const FIRST_MARCH: u32 = 60;

/** Writes the date so many days after 0000-01-01 in the proleptic Gregorian calendar, 10 bytes. */
function putDate(out: u32, days: u32): void {
  const shifted = days + ERA_DAYS - FIRST_MARCH; // since the 1st of March of the year -400: its years end with their leap days
  const era = shifted / ERA_DAYS;
  const dayOfEra = shifted - era * ERA_DAYS;
  const yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365;
  const dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
  const shiftedMonth = (5 * dayOfYear + 2) / 153;
  const day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0) - 400;
  putPair(out, year / 100);
  putPair(out + 2, year % 100);
  store<u8>(out + 4, MINUS);
  putPair(out + 5, month);
  store<u8>(out + 7, MINUS);
  putPair(out + 8, day);
}

function loadBigEndian(source: u32, width: u32): i64 {
  let value = load<i8>(source) as i64;
  for (let i: u32 = 1; i < width; i++) value = (value << 8) | (load<u8>(source + i) as i64);
  return value;
}

/** Writes the number or time at `source`; gives the end, or 0 when it has no JSON form. */
export function writeNumber(leaf: u32, source: u32, out: u32): u32 {
  const width = get(leaf, LEAF_WIDTH);
  const detail = get(leaf, LEAF_DETAIL);
  switch (get(leaf, LEAF_RENDER)) {
    case RENDER_INT32:
      return writeSigned(out, load<i32>(source) as i64);
    case RENDER_UINT32:
      return writeUnsigned(out, load<u32>(source) as u64);
    case RENDER_INT64:
      return writeSigned(out, load<i64>(source));
    case RENDER_TIMESTAMP:
      return writeTimestamp(out, load<i64>(source), detail, (get(leaf, LEAF_FLAGS) & FLAG_UTC) !== 0);
    case RENDER_DECIMAL:
      return writeDecimal(out, width === 4 ? (load<i32>(source) as i64) : load<i64>(source), detail);
    case RENDER_DECIMAL_BYTES:
      return writeDecimal(out, loadBigEndian(source, width), detail);
    default: // RENDER_UINT64
      return writeUnsigned(out, load<u64>(source));
  }
}
