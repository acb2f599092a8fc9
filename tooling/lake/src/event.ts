import { type Group, isLeaf, type Leaf, type Node, repeatedIsElement, type TimeUnit } from "./parquet/schema.ts";
import { pairsOf } from "./parquet/shred.ts";
import { unscaled } from "./parquet/value.ts";

/**
 * - keep: every field of the schema, null where the row has none; a required group without values is a group of nulls;
 * - omit: no nulls, and no groups without values; a list keeps its length.
 */
export type Nulls = "keep" | "omit";

/**
 * - js: numbers as the language has them; integers beyond 2^53 are bigints;
 * - exact: those and decimals as `JSON.rawJSON`, so that `JSON.stringify` has every digit.
 */
export type Numbers = "js" | "exact";

/**
 * The event that a reader must make of a row: maps as objects, times as ISO 8601 with the digits that their unit has,
 * bytes as base64, decimals as numbers, NaN and infinities as null.
 */
export function eventOf(root: Group, nulls: Nulls, numbers: Numbers = "js"): (row: unknown) => Record<string, unknown> {
  const shape = group(root, { nulls, numbers });
  return (row) => (shape(row) ?? {}) as Record<string, unknown>;
}

interface Style {
  readonly nulls: Nulls;
  readonly numbers: Numbers;
}

/** Undefined stands for "no value" under omit. */
type Shape = (value: unknown) => unknown;

function shapeOf(node: Node, style: Style): Shape {
  if (node.repetition === "repeated") return items(content(node, style), style);
  const shape = content(node, style);
  const missing = style.nulls === "keep" ? null : undefined;
  if (node.repetition === "required") return shape;
  return (value) => (value === null || value === undefined ? missing : shape(value));
}

function content(node: Node, style: Style): Shape {
  if (isLeaf(node)) return leaf(node, style);
  if (node.annotation?.is === "LIST") return list(node, style);
  if ((node.annotation?.is === "MAP" || node.annotation?.is === "MAP_KEY_VALUE") && node.fields.length === 1)
    return map(node, style);
  return group(node, style);
}

function group(node: Group, style: Style): Shape {
  const fields = node.fields.map((field) => ({ name: field.name, shape: shapeOf(field, style) }));
  return (value) => {
    const from = (value ?? {}) as Record<string, unknown>;
    const into: Record<string, unknown> = {};
    let empty = true;
    for (const { name, shape } of fields) {
      const shaped = shape(from[name]);
      if (shaped === undefined) continue;
      into[name] = shaped;
      empty = false;
    }
    return empty && style.nulls === "omit" ? undefined : into;
  };
}

function list(node: Group, style: Style): Shape {
  const middle = node.fields[0] as Node;
  if (repeatedIsElement(node)) return items(content(middle, style), style);
  return items(shapeOf((middle as Group).fields[0] as Node, style), style);
}

/** Elements keep their places: null for a null, an empty object for a group without values. */
function items(shape: Shape, { nulls }: Style): Shape {
  return (value) =>
    ((value ?? []) as readonly unknown[]).map((item) => {
      const shaped = shape(item);
      if (shaped !== undefined || nulls === "keep") return shaped;
      return item === null || item === undefined ? null : {};
    });
}

function map(node: Group, style: Style): Shape {
  const [key, value] = (node.fields[0] as Group).fields.map((field) => shapeOf(field, style)) as [Shape, Shape?];
  return (entries) => {
    const into: Record<string, unknown> = {};
    for (const [name, item] of pairsOf(entries)) {
      const shaped = value === undefined ? null : value(item);
      if (shaped !== undefined) into[String(key(name))] = shaped;
    }
    return into;
  };
}

function leaf(node: Leaf, { numbers }: Style): Shape {
  const { annotation } = node;
  switch (annotation?.is) {
    case "STRING":
    case "ENUM":
    case "JSON":
      return text;
    case "TIMESTAMP":
      return (value) => dateTime(BigInt(value as number | bigint), digits[annotation.unit], annotation.utc);
    case "TIME":
      return (value) => clock(BigInt(value as number | bigint), digits[annotation.unit], annotation.utc);
    case "DATE":
      return (value) => new Date(Number(value) * 86_400_000).toISOString().slice(0, 10);
    case "DECIMAL":
      return (value) => decimal(unscaled(value, annotation.scale), annotation.scale, numbers);
    case "INTERVAL":
      return (value) => duration(value as Uint8Array);
    case "FLOAT16":
      return (value) => finite(Math.f16round(value as number));
    case "UUID":
      return (value) => value;
    default:
      return physical(node, numbers);
  }
}

function physical({ type }: Leaf, numbers: Numbers): Shape {
  switch (type) {
    case "BOOLEAN":
      return (value) => value;
    case "INT32":
    case "INT64":
      return (value) => (typeof value === "bigint" ? integer(value, numbers) : value);
    case "INT96":
      return (value) => dateTime(value as bigint, 9, true);
    case "FLOAT":
      return (value) => finite(Math.fround(value as number));
    case "DOUBLE":
      return (value) => finite(value as number);
    default:
      return (value) => Buffer.from(value as string | Uint8Array).toString("base64");
  }
}

/** Keeps a byte order mark; what is no UTF-8 becomes U+FFFD. */
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

function text(value: unknown): string {
  return value instanceof Uint8Array ? utf8.decode(value) : (value as string).toWellFormed();
}

/** JSON has no NaN and no infinities. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** TypeScript's library does not know `JSON.rawJSON` yet. */
const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): unknown };

function integer(value: bigint, numbers: Numbers): unknown {
  if (BigInt.asIntN(54, value) === value) return Number(value);
  return numbers === "exact" ? rawJson(String(value)) : value;
}

function decimal(value: bigint, scale: number, numbers: Numbers): unknown {
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, "0");
  const point = digits.length - scale;
  const pointed = scale === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`;
  const signed = value < 0n ? `-${pointed}` : pointed;
  return numbers === "exact" ? rawJson(signed) : Number(signed);
}

const digits: Record<TimeUnit, number> = { MILLIS: 3, MICROS: 6, NANOS: 9 };

/** Quotient and remainder that is not negative. */
function divide(value: bigint, by: bigint): readonly [bigint, bigint] {
  const rest = ((value % by) + by) % by;
  return [(value - rest) / by, rest];
}

function dateTime(value: bigint, fractionDigits: number, utc: boolean): string {
  const [seconds, fraction] = divide(value, 10n ** BigInt(fractionDigits));
  const toSecond = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${toSecond}.${String(fraction).padStart(fractionDigits, "0")}${utc ? "Z" : ""}`;
}

function clock(value: bigint, fractionDigits: number, utc: boolean): string {
  return dateTime(value, fractionDigits, utc).slice("1970-01-01T".length);
}

/** Months, days and milliseconds. */
function duration(value: Uint8Array): string {
  const view = new DataView(value.buffer, value.byteOffset, 12);
  const [seconds, fraction] = divide(BigInt(view.getUint32(8, true)), 1000n);
  return `P${view.getUint32(0, true)}M${view.getUint32(4, true)}DT${seconds}.${String(fraction).padStart(3, "0")}S`;
}
