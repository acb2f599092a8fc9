import {
  type Annotation,
  type Group,
  isLeaf,
  type Leaf,
  type Node,
  repeatedIsElement,
  type TimeUnit,
} from "./parquet/schema.ts";
import { pairsOf } from "./parquet/shred.ts";

/**
 * - keep: every field of the schema, null where the row has none; a required group without values is a group of nulls;
 * - omit: no nulls, and no groups without values; a list keeps its length.
 */
export type Nulls = "keep" | "omit";

/** The event that a reader must make of a row: maps as objects, times as ISO 8601, bytes as base64, decimals as numbers. */
export function eventOf(root: Group, nulls: Nulls): (row: unknown) => Record<string, unknown> {
  const shape = group(root, nulls);
  return (row) => (shape(row) ?? {}) as Record<string, unknown>;
}

/** Undefined stands for "no value" under omit. */
type Shape = (value: unknown) => unknown;

function shapeOf(node: Node, nulls: Nulls): Shape {
  if (node.repetition === "repeated") return items(content(node, nulls), nulls);
  const shape = content(node, nulls);
  const missing = nulls === "keep" ? null : undefined;
  if (node.repetition === "required") return shape;
  return (value) => (value === null || value === undefined ? missing : shape(value));
}

function content(node: Node, nulls: Nulls): Shape {
  if (isLeaf(node)) return leaf(node);
  if (node.annotation?.is === "LIST") return list(node, nulls);
  if ((node.annotation?.is === "MAP" || node.annotation?.is === "MAP_KEY_VALUE") && node.fields.length === 1)
    return map(node, nulls);
  return group(node, nulls);
}

function group(node: Group, nulls: Nulls): Shape {
  const fields = node.fields.map((field) => ({ name: field.name, shape: shapeOf(field, nulls) }));
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
    return empty && nulls === "omit" ? undefined : into;
  };
}

function list(node: Group, nulls: Nulls): Shape {
  const middle = node.fields[0] as Node;
  return items(
    repeatedIsElement(node) ? content(middle, nulls) : shapeOf((middle as Group).fields[0] as Node, nulls),
    nulls,
    isLeaf(middle) || isLeaf(repeatedIsElement(node) ? middle : ((middle as Group).fields[0] as Node)),
  );
}

/** Elements keep their places: null for a null, an empty object for a group without values. */
function items(shape: Shape, nulls: Nulls, ofLeaves = false): Shape {
  const empty = (value: unknown): unknown => (value === null || value === undefined || ofLeaves ? null : {});
  return (value) =>
    ((value ?? []) as readonly unknown[]).map((item) => {
      const shaped = shape(item);
      return shaped === undefined && nulls === "omit" ? empty(item) : shaped;
    });
}

function map(node: Group, nulls: Nulls): Shape {
  const [key, value] = (node.fields[0] as Group).fields.map((field) => shapeOf(field, nulls)) as [Shape, Shape?];
  return (entries) => {
    const into: Record<string, unknown> = {};
    for (const [name, item] of pairsOf(entries)) {
      const shaped = value === undefined ? null : value(item);
      if (shaped !== undefined) into[String(key(name))] = shaped;
    }
    return into;
  };
}

function leaf(node: Leaf): Shape {
  const { annotation } = node;
  switch (annotation?.is) {
    case "TIMESTAMP":
      return (value) => isoTime(value as number | bigint, annotation);
    case "DATE":
      return (value) => new Date(Number(value) * 86_400_000).toISOString().slice(0, 10);
    case "DECIMAL":
      return (value) => (typeof value === "bigint" ? Number(value) / 10 ** annotation.scale : value);
    case "UUID":
      return (value) => value;
    default:
      return physical(node);
  }
}

function physical(node: Leaf): Shape {
  if (node.type === "FLOAT") return (value) => finite(Math.fround(value as number));
  if (node.type === "DOUBLE") return (value) => finite(value as number);
  return (value) => (value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value);
}

/** JSON has no NaN and no infinities. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

const digits: Record<TimeUnit, number> = { MILLIS: 3, MICROS: 6, NANOS: 9 };

/** ISO 8601 with the digits that the unit has, Z for UTC. */
function isoTime(value: number | bigint, { unit, utc }: Extract<Annotation, { unit: TimeUnit }>): string {
  const perMilli = 10n ** BigInt(digits[unit] - 3);
  const total = BigInt(value);
  const below = ((total % perMilli) + perMilli) % perMilli;
  const iso = new Date(Number((total - below) / perMilli)).toISOString().slice(0, -1);
  const fine = unit === "MILLIS" ? "" : below.toString().padStart(digits[unit] - 3, "0");
  return `${iso}${fine}${utc ? "Z" : ""}`;
}
