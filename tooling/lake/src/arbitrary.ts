import type { Annotation, Group, Leaf, Node, PhysicalType, Repetition } from "./parquet/schema.ts";
import { choice, type Random } from "./random.ts";

/** A leaf's type and how its values are made: for tests that try any schema and any rows. */
export interface LeafKind {
  readonly type: PhysicalType;
  readonly length?: number;
  readonly annotation?: Annotation;
  readonly value: (random: Random) => unknown;
}

const strings = ["", "a", "-", 'quote " and \\', "tab\t line\n nul\u0000", "é 中 🔒", "x".repeat(300)];
const text = (random: Random): string =>
  random.chance(0.5) ? random.pick(strings) : random.hex(random.between(1, 40));
const bytes = (length: number) => (random: Random) => Buffer.from(random.hex(length * 2), "hex");
const anyBytes = (random: Random): Uint8Array => bytes(random.between(0, 20))(random);
const double = (random: Random): number =>
  random.chance(0.2)
    ? random.pick([0, -0, Number.NaN, Infinity, -Infinity, 1e300, 5e-324])
    : random.between(-1e9, 1e9) / 128;

/** Signed integers: the ends, small ones and any. */
const int = (bits: number) => (random: Random) => {
  const half = 1n << BigInt(bits - 1);
  if (random.chance(0.2)) return random.pick([-half, half - 1n, 0n, -1n]);
  if (random.chance(0.5)) return BigInt(random.between(-100, 100));
  return BigInt.asIntN(bits, BigInt(`0x${random.hex(16)}`));
};
const uint = (bits: number) => (random: Random) => BigInt.asUintN(bits, int(bits)(random));
/** Integers from 0 to `below`, which is not reached. */
const upTo = (below: bigint) => (random: Random) => BigInt(`0x${random.hex(48)}`) % below;
/** Around 1970, within the years that ISO 8601 writes with four digits. */
const around = (limit: bigint) => (random: Random) => upTo(2n * limit)(random) - limit;
const digits = (precision: number) => around(10n ** BigInt(precision));

const day = 86_400n;
const integer = (bits: 8 | 16 | 32 | 64, signed: boolean): LeafKind => ({
  type: bits === 64 ? "INT64" : "INT32",
  annotation: { is: "INTEGER", bits, signed },
  value: signed ? int(bits) : uint(bits),
});
const time = (is: "TIME" | "TIMESTAMP", unit: "MILLIS" | "MICROS" | "NANOS", utc: boolean): LeafKind => {
  const perSecond = { MILLIS: 1000n, MICROS: 1_000_000n, NANOS: 1_000_000_000n }[unit];
  return {
    type: is === "TIME" && unit === "MILLIS" ? "INT32" : "INT64",
    annotation: { is, unit, utc },
    value: is === "TIME" ? upTo(day * perSecond) : around(day * 36_500n * perSecond),
  };
};
const decimal = (type: PhysicalType, precision: number, scale: number, length?: number): LeafKind => ({
  type,
  ...(length === undefined ? {} : { length }),
  annotation: { is: "DECIMAL", precision, scale },
  value: digits(precision),
});
const textual = (is: "STRING" | "ENUM" | "JSON"): LeafKind => ({ type: "BYTE_ARRAY", annotation: { is }, value: text });

/** Leaves of every type that Parquet has. */
export const leafKinds = {
  boolean: { type: "BOOLEAN", value: (random) => random.chance(0.5) },
  int32: { type: "INT32", value: (random) => Number(int(32)(random)) },
  int64: { type: "INT64", value: int(64) },
  int96: { type: "INT96", value: around(day * 36_500n * 1_000_000_000n) },
  float: { type: "FLOAT", value: double },
  double: { type: "DOUBLE", value: double },
  bytes: { type: "BYTE_ARRAY", value: anyBytes },
  fixed: { type: "FIXED_LEN_BYTE_ARRAY", length: 5, value: bytes(5) },
  string: textual("STRING"),
  enum: textual("ENUM"),
  json: textual("JSON"),
  bson: { type: "BYTE_ARRAY", annotation: { is: "BSON" }, value: anyBytes },
  /** Text that begins with a byte order mark, which is a part of it. */
  marked: { type: "BYTE_ARRAY", annotation: { is: "STRING" }, value: (random) => `\ufeff${text(random)}` },
  brokenString: { type: "BYTE_ARRAY", annotation: { is: "STRING" }, value: anyBytes },
  uuid: { type: "FIXED_LEN_BYTE_ARRAY", length: 16, annotation: { is: "UUID" }, value: (random) => random.uuid() },
  interval: { type: "FIXED_LEN_BYTE_ARRAY", length: 12, annotation: { is: "INTERVAL" }, value: bytes(12) },
  float16: {
    type: "FIXED_LEN_BYTE_ARRAY",
    length: 2,
    annotation: { is: "FLOAT16" },
    value: (random) => (random.chance(0.1) ? Number.NaN : random.between(-4096, 4096) / 16),
  },
  date: { type: "INT32", annotation: { is: "DATE" }, value: (random) => random.between(-100_000, 100_000) },
  int8: integer(8, true),
  int16: integer(16, true),
  uint8: integer(8, false),
  uint16: integer(16, false),
  uint32: integer(32, false),
  uint64: integer(64, false),
  timeMillis: time("TIME", "MILLIS", true),
  timeMicros: time("TIME", "MICROS", false),
  timeNanos: time("TIME", "NANOS", true),
  timestampMillis: time("TIMESTAMP", "MILLIS", true),
  timestampMicros: time("TIMESTAMP", "MICROS", true),
  timestampNanos: time("TIMESTAMP", "NANOS", true),
  timestampLocal: time("TIMESTAMP", "MICROS", false),
  decimal9: decimal("INT32", 9, 3),
  decimal18: decimal("INT64", 18, 6),
  decimalFixed: decimal("FIXED_LEN_BYTE_ARRAY", 3, 1, 2),
  decimalWide: decimal("FIXED_LEN_BYTE_ARRAY", 38, 10, 16),
  decimalBytes: decimal("BYTE_ARRAY", 20, 0),
} as const satisfies Record<string, LeafKind>;
export type LeafName = keyof typeof leafKinds;

export interface ArbitraryOptions {
  /** Leaves that the schema may have; all of them where not said. */
  readonly leaves?: readonly LeafName[];
  /** Groups inside of each other; 3 where not said. */
  readonly depth?: number;
  /** Most fields of a group; 6 where not said. */
  readonly fields?: number;
  /** Shapes of nodes; all of them where not said. */
  readonly shapes?: readonly Shape[];
}
export type Shape = "leaf" | "group" | "list" | "two-level list" | "map" | "repeated";

/** A schema, and rows that fit it. */
export interface Arbitrary {
  readonly schema: Group;
  row(random: Random): Record<string, unknown>;
}

interface Made {
  readonly node: Node;
  readonly value: (random: Random) => unknown;
}

const repetition = choice<Repetition>([
  ["optional", 3],
  ["required", 1],
]);
const shapeWeights: Readonly<Record<Shape, number>> = {
  leaf: 8,
  group: 3,
  list: 2,
  "two-level list": 2,
  map: 1,
  repeated: 1,
};

/** Any schema within the options. */
export function arbitrary(random: Random, options: ArbitraryOptions = {}): Arbitrary {
  const { depth = 3, shapes = Object.keys(shapeWeights) as Shape[] } = options;
  const anyOf = (among: readonly Shape[]) => choice(among.map((shape) => [shape, shapeWeights[shape]] as const));
  const shapeOfField = anyOf(shapes);
  // A repeated element would make its list a two-level one.
  const shapeOfElement = anyOf(shapes.filter((shape) => shape !== "repeated"));
  const kinds = (options.leaves ?? (Object.keys(leafKinds) as LeafName[])).map((name) => leafKinds[name] as LeafKind);

  const leaf = (name: string): Made => {
    const { value, ...type } = random.pick(kinds);
    const node: Leaf = { name, repetition: repetition(random), ...type };
    return { node, value };
  };
  const fields = (level: number): Made[] =>
    Array.from({ length: random.between(1, options.fields ?? 6) }, (_, at) => make(`f${at}`, level, shapeOfField));
  const group = (name: string, level: number): Made => {
    const made = fields(level);
    const value = (source: Random): unknown =>
      Object.fromEntries(made.map((field) => [field.node.name, nullable(field, source)]));
    return { node: { name, repetition: repetition(random), fields: made.map(({ node }) => node) }, value };
  };
  const many = (element: (source: Random) => unknown) => (source: Random) =>
    Array.from({ length: source.chance(0.3) ? 0 : source.between(1, 4) }, () => element(source));
  const make = (name: string, level: number, shape: (random: Random) => Shape): Made => {
    switch (level >= depth ? "leaf" : shape(random)) {
      case "leaf":
        return leaf(name);
      case "group":
        return group(name, level + 1);
      case "list": {
        const element = make("element", level + 1, shapeOfElement);
        const middle: Node = { name: "list", repetition: "repeated", fields: [element.node] };
        return annotated(
          name,
          "LIST",
          middle,
          many((source) => nullable(element, source)),
        );
      }
      case "two-level list": {
        const element = random.chance(0.5) ? leaf("array") : group("array", level + 1);
        return annotated(name, "LIST", { ...element.node, repetition: "repeated" }, many(element.value));
      }
      case "map": {
        const key: Leaf = { name: "key", repetition: "required", type: "BYTE_ARRAY", annotation: { is: "STRING" } };
        const value = make("value", level + 1, shapeOfElement);
        const middle: Node = { name: "key_value", repetition: "repeated", fields: [key, value.node] };
        const pairs = (source: Random): unknown =>
          new Map(many((from) => [text(from), nullable(value, from)] as const)(source) as [string, unknown][]);
        return annotated(name, "MAP", middle, pairs);
      }
      case "repeated": {
        const element = random.chance(0.5) ? leaf(name) : group(name, level + 1);
        return { node: { ...element.node, repetition: "repeated" }, value: many(element.value) };
      }
    }
  };
  const annotated = (name: string, is: "LIST" | "MAP", middle: Node, value: Made["value"]): Made => ({
    node: { name, repetition: repetition(random), annotation: { is }, fields: [middle] },
    value,
  });

  const made = fields(0);
  return {
    schema: { name: "schema", repetition: "required", fields: made.map(({ node }) => node) },
    row: (source) => Object.fromEntries(made.map((field) => [field.node.name, nullable(field, source)])),
  };
}

function nullable({ node, value }: Made, random: Random): unknown {
  return node.repetition === "optional" && random.chance(0.25) ? null : value(random);
}
