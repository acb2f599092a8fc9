import { readFileSync } from "node:fs";
import type { Annotation, Group, Node, Repetition } from "./parquet/schema.ts";

/** A source's table as `schemas/*.json` has it. */
export interface Table {
  readonly name: string;
  /** Name of the root of the Parquet schema. */
  readonly message: string;
  /** OCSF version that metadata.version says. */
  readonly ocsf: string;
  /** Name of the source in object keys. */
  readonly source: string;
  readonly source_version: string;
  readonly fields: readonly Field[];
}
export type Field = readonly [name: string, type: FieldType, nullable: boolean];
export type FieldType =
  | string
  | { readonly struct: readonly Field[] }
  | { readonly list: FieldType }
  | { readonly map: unknown };

/**
 * How a table is laid out in a file:
 * - asl: as Security Lake's own writer does: two-level lists, MAP_KEY_VALUE;
 * - modern: as the writers of custom sources do: three-level lists, elements that may be null.
 */
export type Layout = "asl" | "modern";

export function readTable(name: string): Table {
  return JSON.parse(readFileSync(new URL(`../schemas/${name}.json`, import.meta.url), "utf8")) as Table;
}

export function parquetSchema(table: Table, layout: Layout): Group {
  const name = layout === "asl" ? table.message : "schema";
  return { name, repetition: "required", fields: table.fields.map((field) => node(field, layout)) };
}

function node([name, type, nullable]: Field, layout: Layout): Node {
  return named(name, nullable ? "optional" : "required", type, layout);
}

function named(name: string, repetition: Repetition, type: FieldType, layout: Layout): Node {
  if (typeof type === "string") return leaf(name, repetition, type, layout);
  if ("struct" in type) return { name, repetition, fields: type.struct.map((field) => node(field, layout)) };
  const annotation: Annotation = { is: "list" in type ? "LIST" : "MAP" };
  const entries = "list" in type ? listEntries(type.list, layout) : mapEntries(layout);
  return { name, repetition, annotation, fields: [entries] };
}

function listEntries(element: FieldType, layout: Layout): Node {
  if (layout === "asl") return named("array", "repeated", element, layout);
  return { name: "list", repetition: "repeated", fields: [named("element", "optional", element, layout)] };
}

function mapEntries(layout: Layout): Group {
  const text = (name: string, repetition: Repetition): Node => leaf(name, repetition, "string", layout);
  if (layout === "modern")
    return { name: "key_value", repetition: "repeated", fields: [text("key", "required"), text("value", "optional")] };
  return {
    name: "map",
    repetition: "repeated",
    annotation: { is: "MAP_KEY_VALUE" },
    fields: [text("key", "required"), text("value", "required")],
  };
}

function leaf(name: string, repetition: Repetition, type: string, layout: Layout): Node {
  switch (type) {
    case "string":
      return { name, repetition, type: "BYTE_ARRAY", annotation: { is: "STRING" } };
    case "int":
      return { name, repetition, type: "INT32" };
    case "long":
      return { name, repetition, type: "INT64" };
    case "boolean":
      return { name, repetition, type: "BOOLEAN" };
    case "float":
      return { name, repetition, type: "FLOAT" };
    case "double":
      return { name, repetition, type: "DOUBLE" };
    case "timestamp":
      return { name, repetition, type: "INT64", annotation: { is: "TIMESTAMP", unit: "MILLIS", utc: true } };
    default:
      return decimalLeaf(name, repetition, type, layout);
  }
}

function decimalLeaf(name: string, repetition: Repetition, type: string, layout: Layout): Node {
  const [, precisionText, scaleText] = /^decimal\((\d+),(\d+)\)$/.exec(type) ?? [];
  if (precisionText === undefined) throw new TypeError(`${name}: no such type in a table: ${type}`);
  const precision = Number(precisionText);
  const annotation: Annotation = { is: "DECIMAL", precision, scale: Number(scaleText) };
  if (layout === "modern" && precision <= 18)
    return { name, repetition, type: precision <= 9 ? "INT32" : "INT64", annotation };
  const length = Math.ceil((precision * Math.log2(10) + 1) / 8);
  return { name, repetition, type: "FIXED_LEN_BYTE_ARRAY", length, annotation };
}

/** The Avro schema that Security Lake's writer keeps in the footer under `parquet.avro.schema`. */
export function avroSchema(table: Table): string {
  const fields = table.fields.map((field) => avroField(field, ""));
  return JSON.stringify({ type: "record", name: table.message, fields, version: table.ocsf });
}

function avroField([name, type, nullable]: Field, path: string): object {
  const avro = avroType(type, path + name, "_record");
  // The real schemas say so beside the type, where Avro ignores it; their columns are plain integers.
  if (type === "long" && /(^|_)time$/.test(name))
    return { name, type: nullable ? ["null", "long"] : "long", logicalType: "timestamp-millis" };
  if (!nullable) return { name, type: avro };
  // The real schemas give no default to lists of records.
  return isListOfStructs(type) ? { name, type: ["null", avro] } : { name, type: ["null", avro], default: null };
}

function isListOfStructs(type: FieldType): boolean {
  return typeof type !== "string" && "list" in type && typeof type.list !== "string" && "struct" in type.list;
}

function avroType(type: FieldType, path: string, suffix: string): unknown {
  if (typeof type !== "string") {
    if ("struct" in type) {
      return { type: "record", name: path + suffix, fields: type.struct.map((field) => avroField(field, path)) };
    }
    if ("list" in type) return { type: "array", items: avroType(type.list, path, "") };
    return { type: "map", values: "string", default: null };
  }
  if (type === "timestamp") return { type: "long", logicalType: "timestamp-millis" };
  const [, precision, scale] = /^decimal\((\d+),(\d+)\)$/.exec(type) ?? [];
  if (precision === undefined) return type;
  return { type: "bytes", logicalType: "decimal", precision: Number(precision), scale: Number(scale) };
}
