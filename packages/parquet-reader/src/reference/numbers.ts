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
} from "../kernel/layout.ts";
import { writeAscii } from "./text.ts";

/** A 64-bit integer as two words, so that none becomes a BigInt. */
export interface Int64 {
  readonly negative: boolean;
  /** Magnitude. */
  readonly high: number;
  readonly low: number;
}

export function int64(low: number, high: number): Int64 {
  if (high < 0x80000000) return { negative: false, high, low };
  const flipped = (~low >>> 0) + 1;
  const carry = flipped > 0xffffffff ? 1 : 0;
  return { negative: true, high: ((~high >>> 0) + carry) >>> 0, low: flipped >>> 0 };
}

/** Quotient and remainder of a magnitude by a divisor below 2^31. The quotient is exact below 2^53. */
export function divide(high: number, low: number, divisor: number): { quotient: number; remainder: number } {
  const first = high % divisor;
  const middle = first * 65536 + (low >>> 16);
  const second = middle % divisor;
  const last = second * 65536 + (low & 0xffff);
  const remainder = last % divisor;
  const quotient =
    ((high - first) / divisor) * 4294967296 + ((middle - second) / divisor) * 65536 + (last - remainder) / divisor;
  return { quotient, remainder };
}

const BILLION = 1_000_000_000;

export function digits(high: number, low: number): string {
  if (high < 0x200000) return String(high * 4294967296 + low);
  const { quotient, remainder } = divide(high, low, BILLION);
  return String(quotient) + String(remainder).padStart(9, "0");
}

export function decimalText(value: Int64, scale: number): string {
  const sign = value.negative ? "-" : "";
  return sign + pointed(digits(value.high, value.low), scale);
}

/** Puts the decimal point `scale` digits from the right. */
export function pointed(all: string, scale: number): string {
  if (scale === 0) return all;
  const padded = all.padStart(scale + 1, "0");
  return `${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
}

const DAY_SECONDS = 86_400;
/** Seconds of 0000-01-01 and of 10000-01-01: years of four digits. */
const FIRST_SECOND = -62_167_219_200;
const END_SECOND = 253_402_300_800;

/** ISO 8601 with `fractionDigits` of 3, 6 or 9, or undefined for a year that has not four digits. */
export function timestampText(value: Int64, fractionDigits: number, utc: boolean): string | undefined {
  const unit = 10 ** fractionDigits;
  let { quotient: seconds, remainder: fraction } = divide(value.high, value.low, unit);
  if (value.negative) {
    seconds = -seconds;
    if (fraction > 0) {
      seconds--;
      fraction = unit - fraction;
    }
  }
  if (seconds < FIRST_SECOND || seconds >= END_SECOND) return undefined;
  const text = `${dateText(Math.floor(seconds / DAY_SECONDS))}T${clockText(mod(seconds, DAY_SECONDS))}`;
  return `${text}.${String(fraction).padStart(fractionDigits, "0")}${utc ? "Z" : ""}`;
}

function mod(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}

const two = (value: number): string => (value < 10 ? `0${value}` : String(value));

export function clockText(seconds: number): string {
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/** The date so many days after 1970-01-01 in the proleptic Gregorian calendar, for years 0 to 9999. */
export function dateText(days: number): string {
  const shifted = days + 719_468; // days since 0000-03-01
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0);
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`;
}

/** Writes the number or time at `source`; gives the end, or 0 when it has no JSON form. */
export function writeNumber(
  u8: Uint8Array,
  view: DataView,
  u32: Uint32Array,
  leaf: number,
  source: number,
  out: number,
): number {
  const width = u32[leaf + LEAF_WIDTH];
  switch (u32[leaf + LEAF_RENDER]) {
    case RENDER_INT32:
      return writeAscii(u8, out, String(view.getInt32(source, true)));
    case RENDER_UINT32:
      return writeAscii(u8, out, String(view.getUint32(source, true)));
    case RENDER_INT64:
      return writeAscii(u8, out, decimalText(loadInt64(view, source), 0));
    case RENDER_TIMESTAMP: {
      const utc = (u32[leaf + LEAF_FLAGS] & FLAG_UTC) !== 0;
      const text = timestampText(loadInt64(view, source), u32[leaf + LEAF_DETAIL], utc);
      return text === undefined ? 0 : writeAscii(u8, out, `"${text}"`);
    }
    case RENDER_DECIMAL: {
      const value = width === 4 ? fromInt32(view.getInt32(source, true)) : loadInt64(view, source);
      return writeAscii(u8, out, decimalText(value, u32[leaf + LEAF_DETAIL]));
    }
    case RENDER_DECIMAL_BYTES:
      return writeAscii(u8, out, decimalText(loadBigEndian(u8, source, width), u32[leaf + LEAF_DETAIL]));
    default: // RENDER_UINT64
      return writeAscii(u8, out, digits(view.getUint32(source + 4, true), view.getUint32(source, true)));
  }
}

export function loadInt64(view: DataView, at: number): Int64 {
  return int64(view.getUint32(at, true), view.getUint32(at + 4, true));
}

function fromInt32(value: number): Int64 {
  return { negative: value < 0, high: 0, low: Math.abs(value) };
}

function loadBigEndian(u8: Uint8Array, at: number, width: number): Int64 {
  const fill = u8[at] >= 0x80 ? 0xffffffff : 0;
  let high = fill;
  let low = fill;
  for (let i = 0; i < width; i++) {
    high = ((high << 8) | (low >>> 24)) >>> 0;
    low = ((low << 8) | u8[at + i]) >>> 0;
  }
  return int64(low, high);
}
