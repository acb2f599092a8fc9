import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { type Group, isLeaf, type Leaf, type Node, repeatedIsElement } from "../src/parquet/schema.ts";

let connection: Promise<DuckDBConnection> | undefined;

/** Rows as DuckDB reads them, shaped as `events()` are: an independent reader's word on what is in a file. */
export async function readWithDuckDb(root: Group, file: Uint8Array): Promise<unknown[]> {
  connection ??= DuckDBInstance.create(":memory:", { threads: "2" }).then((instance) => instance.connect());
  const folder = mkdtempSync(join(tmpdir(), "lake-"));
  try {
    writeFileSync(join(folder, "object.parquet"), file);
    const reader = await (await connection).runAndReadAll(
      `SELECT * FROM read_parquet('${join(folder, "object.parquet")}')`,
    );
    const shape = group(root);
    return reader.getRowObjectsJS().map(shape);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

type Shape = (value: unknown) => unknown;

function shapeOf(node: Node): Shape {
  const shape = content(node);
  const one: Shape = (value) => (value === null ? null : shape(value));
  return node.repetition === "repeated" ? listOf(one) : one;
}

function content(node: Node): Shape {
  if (isLeaf(node)) return leaf(node);
  if (node.annotation?.is === "LIST") return listOf(element(node));
  if (node.annotation?.is === "MAP") return map(node.fields[0] as Group);
  return group(node);
}

function listOf(shape: Shape): Shape {
  return (items) => (items as unknown[]).map(shape);
}

function element(list: Group): Shape {
  const middle = list.fields[0] as Node;
  if (!repeatedIsElement(list)) return shapeOf((middle as Group).fields[0] as Node);
  // DuckDB takes a two-level list of structs of one field for a three-level list, and drops the field's name.
  if (!isLeaf(middle) && middle.fields.length === 1) {
    const [only] = middle.fields as readonly [Node];
    const shape = shapeOf(only);
    return (value) => ({ [only.name]: shape(value) });
  }
  const shape = content(middle);
  return (value) => (value === null ? null : shape(value));
}

function map({ fields }: Group): Shape {
  const shape = shapeOf(fields[1] as Node);
  return (entries) =>
    Object.fromEntries((entries as { key: string; value: unknown }[]).map(({ key, value }) => [key, shape(value)]));
}

function group({ fields }: Group): Shape {
  const shapes = fields.map((field) => [field.name, shapeOf(field)] as const);
  return (value) =>
    Object.fromEntries(shapes.map(([name, shape]) => [name, shape((value as Record<string, unknown>)[name])]));
}

function leaf({ annotation, type }: Leaf): Shape {
  if (annotation?.is === "TIMESTAMP") return (value) => (value as Date).toISOString();
  if (annotation?.is === "DECIMAL" || annotation?.is === "UUID") return (value) => value;
  if (type === "INT64")
    return (value) => (typeof value === "bigint" && BigInt.asIntN(54, value) === value ? Number(value) : value);
  return (value) => (value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value);
}
