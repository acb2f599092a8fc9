import type { ThriftReader } from "./thrift.ts";

export type TimeUnit = "MILLIS" | "MICROS" | "NANOS";

/** What the values mean: the logical type, or the converted type that an older writer gave in its place. */
export type Annotation =
  | { readonly kind: "STRING" | "ENUM" | "JSON" | "BSON" | "UUID" | "FLOAT16" | "INTERVAL" | "DATE" | "LIST" | "MAP" }
  | { readonly kind: "DECIMAL"; readonly precision: number; readonly scale: number }
  | { readonly kind: "TIME" | "TIMESTAMP"; readonly unit: TimeUnit; readonly utc: boolean }
  | { readonly kind: "INTEGER"; readonly bits: number; readonly signed: boolean };

/** The union LogicalType; members this reader gives no meaning to leave the physical type. */
export function parseLogical(reader: ThriftReader): Annotation | undefined {
  let annotation: Annotation | undefined;
  const outer = reader.struct();
  while (reader.next()) annotation = parseLogicalMember(reader) ?? annotation;
  reader.leave(outer);
  return annotation;
}

const plainMembers: Readonly<Record<number, Annotation>> = {
  1: { kind: "STRING" },
  2: { kind: "MAP" },
  3: { kind: "LIST" },
  4: { kind: "ENUM" },
  6: { kind: "DATE" },
  12: { kind: "JSON" },
  13: { kind: "BSON" },
  14: { kind: "UUID" },
  15: { kind: "FLOAT16" },
};

function parseLogicalMember(reader: ThriftReader): Annotation | undefined {
  switch (reader.id) {
    case 5:
      return parseDecimal(reader);
    case 7:
      return parseTime(reader, "TIME");
    case 8:
      return parseTime(reader, "TIMESTAMP");
    case 10:
      return parseInteger(reader);
    default: {
      const member = plainMembers[reader.id];
      reader.skip();
      return member;
    }
  }
}

function parseDecimal(reader: ThriftReader): Annotation {
  let scale = 0;
  let precision = 0;
  const outer = reader.struct();
  while (reader.next()) {
    if (reader.id === 1) scale = reader.int();
    else if (reader.id === 2) precision = reader.int();
    else reader.skip();
  }
  reader.leave(outer);
  return { kind: "DECIMAL", precision, scale };
}

const units: Readonly<Record<number, TimeUnit>> = { 1: "MILLIS", 2: "MICROS", 3: "NANOS" };

function parseTime(reader: ThriftReader, kind: "TIME" | "TIMESTAMP"): Annotation {
  let utc = false;
  let unit: TimeUnit | undefined;
  const outer = reader.struct();
  while (reader.next()) {
    if (reader.id === 1) utc = reader.bool();
    else if (reader.id === 2) unit = parseUnit(reader);
    else reader.skip();
  }
  reader.leave(outer);
  return { kind, unit: known(reader, unit, "time unit"), utc };
}

function parseUnit(reader: ThriftReader): TimeUnit | undefined {
  let unit: TimeUnit | undefined;
  const outer = reader.struct();
  while (reader.next()) {
    unit = units[reader.id];
    reader.skip();
  }
  reader.leave(outer);
  return unit;
}

function parseInteger(reader: ThriftReader): Annotation {
  let bits = 32;
  let signed = true;
  const outer = reader.struct();
  while (reader.next()) {
    if (reader.id === 1) bits = parseByte(reader);
    else if (reader.id === 2) signed = reader.bool();
    else reader.skip();
  }
  reader.leave(outer);
  return { kind: "INTEGER", bits, signed };
}

function parseByte(reader: ThriftReader): number {
  if (reader.type !== 3) throw reader.fail("CORRUPT", "an integer's width is no byte");
  return reader.byte();
}

/** parquet.thrift, `ConvertedType`. */
export function fromConverted(converted: number, precision: number, scale: number): Annotation | undefined {
  switch (converted) {
    case 0:
      return { kind: "STRING" };
    case 1:
    case 2: // MAP_KEY_VALUE, which old writers put on the outer group as well
      return { kind: "MAP" };
    case 3:
      return { kind: "LIST" };
    case 4:
      return { kind: "ENUM" };
    case 5:
      return { kind: "DECIMAL", precision, scale };
    case 6:
      return { kind: "DATE" };
    case 7:
      return { kind: "TIME", unit: "MILLIS", utc: true };
    case 8:
      return { kind: "TIME", unit: "MICROS", utc: true };
    case 9:
      return { kind: "TIMESTAMP", unit: "MILLIS", utc: true };
    case 10:
      return { kind: "TIMESTAMP", unit: "MICROS", utc: true };
    case 11:
    case 12:
    case 13:
    case 14:
      return { kind: "INTEGER", bits: 8 << (converted - 11), signed: false };
    case 15:
    case 16:
    case 17:
    case 18:
      return { kind: "INTEGER", bits: 8 << (converted - 15), signed: true };
    case 19:
      return { kind: "JSON" };
    case 20:
      return { kind: "BSON" };
    case 21:
      return { kind: "INTERVAL" };
    default:
      return undefined;
  }
}

/** A value that the specification names, or a fault of the file. */
export function known<T>(reader: ThriftReader, value: T | undefined, subject: string): T {
  if (value === undefined) throw reader.fail("CORRUPT", `unknown ${subject}`);
  return value;
}
