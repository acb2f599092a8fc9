import type { TimeUnit } from "./annotation.ts";
import { ParquetError } from "./errors.ts";
import {
  FLAG_UTC,
  RENDER_DECIMAL,
  RENDER_DECIMAL_BYTES,
  RENDER_HOST,
  RENDER_INT32,
  RENDER_INT64,
  RENDER_STRING,
  RENDER_TIMESTAMP,
  RENDER_UINT32,
  RENDER_UINT64,
} from "./kernel/layout.ts";
import {
  clockText,
  dateText,
  decimalText,
  digits,
  divide,
  int64,
  loadInt64,
  pointed,
  timestampText,
} from "./reference/numbers.ts";
import type { Leaf } from "./tree.ts";

/** JSON text of the value of `length` bytes at `at`; undefined when it has none. */
export type Format = (view: DataView, at: number, length: number) => string | undefined;

/** A value as the language has it, for rules and routing. */
export type Value = string | number | bigint | boolean;

/** How a column's values become JSON. */
export interface Rendering {
  /** A RENDER_ code. */
  readonly render: number;
  /** Bytes of a plain value; 0 when a length of 4 bytes stands before it. */
  readonly width: number;
  /** Decimal: scale; timestamp: digits of the fraction. */
  readonly detail: number;
  readonly flags: number;
  /** For RENDER_HOST. */
  readonly format?: Format;
  /** Whether the JSON text has quotes of its own. */
  readonly quoted: boolean;
}

const FRACTION_DIGITS: Readonly<Record<TimeUnit, number>> = { MILLIS: 3, MICROS: 6, NANOS: 9 };
const FIXED_WIDTHS = { BOOLEAN: 1, INT32: 4, INT64: 8, INT96: 12, FLOAT: 4, DOUBLE: 8, BYTE_ARRAY: 0 } as const;

/** Chooses by physical type and annotation; an annotation that does not fit the type is left aside. */
export function renderingOf(leaf: Leaf): Rendering {
  const width = leaf.type === "FIXED_LEN_BYTE_ARRAY" ? leaf.element.typeLength : FIXED_WIDTHS[leaf.type];
  if (leaf.type === "FIXED_LEN_BYTE_ARRAY" && width === 0) {
    throw new ParquetError("CORRUPT", "a fixed-length type of 0 bytes", { column: leaf.path.join(".") });
  }
  const { annotation } = leaf.element;
  switch (leaf.type) {
    case "BOOLEAN":
      return byHost(width, (view, at) => (view.getUint8(at) === 0 ? "false" : "true"), false);
    case "INT32":
      if (annotation?.kind === "DECIMAL") return decimal(leaf, RENDER_DECIMAL, width);
      if (annotation?.kind === "DATE") return byHost(width, date, true);
      if (annotation?.kind === "TIME" && annotation.unit === "MILLIS") {
        return byHost(width, timeMillis(annotation.utc), true);
      }
      return number(isUnsigned(leaf) ? RENDER_UINT32 : RENDER_INT32, width);
    case "INT64":
      if (annotation?.kind === "DECIMAL") return decimal(leaf, RENDER_DECIMAL, width);
      if (annotation?.kind === "TIME")
        return byHost(width, time(FRACTION_DIGITS[annotation.unit], annotation.utc), true);
      if (annotation?.kind === "TIMESTAMP") {
        const flags = annotation.utc ? FLAG_UTC : 0;
        return { render: RENDER_TIMESTAMP, width, detail: FRACTION_DIGITS[annotation.unit], flags, quoted: true };
      }
      return number(isUnsigned(leaf) ? RENDER_UINT64 : RENDER_INT64, width);
    case "INT96":
      return byHost(width, int96, true);
    case "FLOAT":
      return byHost(width, (view, at) => finite(view.getFloat32(at, true)), false);
    case "DOUBLE":
      return byHost(width, (view, at) => finite(view.getFloat64(at, true)), false);
    default:
      return bytesRendering(leaf, width);
  }
}

function bytesRendering(leaf: Leaf, width: number): Rendering {
  const { annotation } = leaf.element;
  switch (annotation?.kind) {
    case "STRING":
    case "ENUM":
    case "JSON":
      if (width === 0) return { render: RENDER_STRING, width, detail: 0, flags: 0, quoted: true };
      return byHost(width, (view, at, length) => JSON.stringify(text.decode(bytesAt(view, at, length))), true);
    case "DECIMAL":
      return width > 0 && width <= 8
        ? decimal(leaf, RENDER_DECIMAL_BYTES, width)
        : byHost(width, bigDecimal(scaleOf(leaf), bigEndian), false);
    case "UUID":
      return byHost(width, width === 16 ? uuid : base64, true);
    case "INTERVAL":
      return byHost(width, width === 12 ? interval : base64, true);
    case "FLOAT16":
      return width === 2 ? byHost(width, float16, false) : byHost(width, base64, true);
    default:
      return byHost(width, base64, true);
  }
}

function byHost(width: number, format: Format, quoted: boolean): Rendering {
  return { render: RENDER_HOST, width, detail: 0, flags: 0, format, quoted };
}

function number(render: number, width: number): Rendering {
  return { render, width, detail: 0, flags: 0, quoted: false };
}

function decimal(leaf: Leaf, render: number, width: number): Rendering {
  const scale = scaleOf(leaf);
  if (scale < 0 || scale > MOST_KERNEL_SCALE) {
    return byHost(width, bigDecimal(scale, render === RENDER_DECIMAL ? littleEndian : bigEndian), false);
  }
  return { render, width, detail: scale, flags: 0, quoted: false };
}

/** The kernel has room for a number with so many digits behind the point. */
const MOST_KERNEL_SCALE = 64;
/** No decimal in use comes near: a scale above, or more bytes, would make long work of a short value. */
const MOST_SCALE = 100;
const MOST_DECIMAL_BYTES = 512;

function scaleOf(leaf: Leaf): number {
  const { annotation } = leaf.element;
  return annotation?.kind === "DECIMAL" ? annotation.scale : 0;
}

function isUnsigned(leaf: Leaf): boolean {
  const { annotation } = leaf.element;
  return annotation?.kind === "INTEGER" && !annotation.signed;
}

// ---- formats

/** Keeps a byte order mark: it is part of the value. */
const text = new TextDecoder("utf-8", { ignoreBOM: true });

function bytesAt(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}

/** JSON has no NaN and no infinities: they are null. */
function finite(value: number): string {
  return Number.isFinite(value) ? String(value) : "null";
}

function base64(view: DataView, at: number, length: number): string {
  return `"${Buffer.from(view.buffer as ArrayBuffer, view.byteOffset + at, length).toString("base64")}"`;
}

const FIRST_DAY = -719_528; // 0000-01-01
const END_DAY = 2_932_897; // 10000-01-01

function date(view: DataView, at: number): string | undefined {
  const days = view.getInt32(at, true);
  return days >= FIRST_DAY && days < END_DAY ? `"${dateText(days)}"` : undefined;
}

const DAY_SECONDS = 86_400;

function clock(high: number, low: number, fractionDigits: number, utc: boolean): string | undefined {
  const { quotient, remainder } = divide(high, low, 10 ** fractionDigits);
  if (quotient >= DAY_SECONDS) return undefined;
  return `"${clockText(quotient)}.${String(remainder).padStart(fractionDigits, "0")}${utc ? "Z" : ""}"`;
}

function timeMillis(utc: boolean): Format {
  return (view, at) => (view.getInt32(at, true) < 0 ? undefined : clock(0, view.getUint32(at, true), 3, utc));
}

function time(fractionDigits: number, utc: boolean): Format {
  return (view, at) => clock(view.getUint32(at + 4, true), view.getUint32(at, true), fractionDigits, utc);
}

const JULIAN_EPOCH = 2_440_588;
const DAY_NANOS = 86_400_000_000_000n;

/** Nanoseconds of the day and Julian day, as Impala and old Spark store times. */
function int96(view: DataView, at: number): string | undefined {
  const nanos = view.getBigUint64(at, true);
  const days = view.getUint32(at + 8, true) - JULIAN_EPOCH;
  if (nanos >= DAY_NANOS || days < FIRST_DAY || days >= END_DAY) return undefined;
  const seconds = Number(nanos / 1_000_000_000n);
  const fraction = String(nanos % 1_000_000_000n).padStart(9, "0");
  return `"${dateText(days)}T${clockText(seconds)}.${fraction}Z"`;
}

type Unscaled = (view: DataView, at: number, length: number) => bigint;

const littleEndian: Unscaled = (view, at, width) =>
  width === 4 ? BigInt(view.getInt32(at, true)) : view.getBigInt64(at, true);

const bigEndian: Unscaled = (view, at, length) => {
  let value = BigInt(view.getInt8(at));
  for (let i = 1; i < length; i++) value = (value << 8n) | BigInt(view.getUint8(at + i));
  return value;
};

function bigDecimal(scale: number, unscaled: Unscaled): Format {
  return (view, at, length) => {
    if (length === 0 || length > MOST_DECIMAL_BYTES || scale < 0 || scale > MOST_SCALE) return undefined;
    const value = unscaled(view, at, length);
    return `${value < 0n ? "-" : ""}${pointed(String(value < 0n ? -value : value), scale)}`;
  };
}

function uuid(view: DataView, at: number): string {
  const hex = Buffer.from(view.buffer as ArrayBuffer, view.byteOffset + at, 16).toString("hex");
  return `"${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}"`;
}

/** Months, days and milliseconds as an ISO 8601 duration. */
function interval(view: DataView, at: number): string {
  const millis = view.getUint32(at + 8, true);
  const seconds = `${Math.floor(millis / 1000)}.${String(millis % 1000).padStart(3, "0")}`;
  return `"P${view.getUint32(at, true)}M${view.getUint32(at + 4, true)}DT${seconds}S"`;
}

function float16(view: DataView, at: number): string {
  const bits = view.getUint16(at, true);
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return "null";
  const magnitude = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return String(bits & 0x8000 ? -magnitude : magnitude);
}

// ---- values

/**
 * The value as the language has it: strings, booleans, numbers, bigints beyond 2^53; times and decimals as their text.
 * Undefined when it has no JSON form.
 */
export function valueAt(
  leaf: Leaf,
  rendering: Rendering,
  view: DataView,
  at: number,
  length: number,
): Value | undefined {
  switch (rendering.render) {
    case RENDER_STRING:
      return text.decode(bytesAt(view, at, length));
    case RENDER_INT32:
      return view.getInt32(at, true);
    case RENDER_UINT32:
      return view.getUint32(at, true);
    case RENDER_INT64:
      return exact(view.getUint32(at, true), view.getInt32(at + 4, true), () => view.getBigInt64(at, true));
    case RENDER_UINT64:
      return exact(view.getUint32(at, true), view.getUint32(at + 4, true), () => view.getBigUint64(at, true));
    default:
      return hostValue(leaf, rendering, view, at, length);
  }
}

function exact(low: number, high: number, big: () => bigint): number | bigint {
  const value = high * 4294967296 + low;
  return Number.isSafeInteger(value) ? value : big();
}

function hostValue(leaf: Leaf, rendering: Rendering, view: DataView, at: number, length: number): Value | undefined {
  if (leaf.type === "BOOLEAN") return view.getUint8(at) !== 0;
  if (leaf.type === "FLOAT") return view.getFloat32(at, true);
  if (leaf.type === "DOUBLE") return view.getFloat64(at, true);
  const json = jsonText(rendering, view, at, length);
  if (json === undefined) return undefined;
  if (leaf.element.annotation?.kind === "FLOAT16") return Number(json);
  return json.startsWith('"') ? (JSON.parse(json) as string) : json;
}

/** JSON text of one value of any kind but strings, outside the kernel. */
export function jsonText(rendering: Rendering, view: DataView, at: number, length: number): string | undefined {
  const { render, detail, width } = rendering;
  switch (render) {
    case RENDER_TIMESTAMP: {
      const iso = timestampText(loadInt64(view, at), detail, (rendering.flags & FLAG_UTC) !== 0);
      return iso === undefined ? undefined : `"${iso}"`;
    }
    case RENDER_DECIMAL:
      if (width === 4)
        return decimalText(int64(view.getInt32(at, true) >>> 0, (view.getInt32(at, true) >> 31) >>> 0), detail);
      return decimalText(loadInt64(view, at), detail);
    case RENDER_DECIMAL_BYTES:
      return bigDecimal(detail, bigEndian)(view, at, width);
    case RENDER_UINT64:
      return digits(view.getUint32(at + 4, true), view.getUint32(at, true));
    default:
      return rendering.format?.(view, at, length);
  }
}
