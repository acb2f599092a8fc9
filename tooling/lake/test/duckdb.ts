import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { type Group, isLeaf, type Leaf, type Node, repeatedIsElement } from "../src/parquet/schema.ts";

let connection: Promise<DuckDBConnection> | undefined;

/** Rows as DuckDB reads them, shaped as `events()` are: an independent reader's word on what is in a file. */
export async function readWithDuckDb(root: Group, file: Uint8Array): Promise<unknown[]> {
  return (await queryWithDuckDb("SELECT * FROM file", file)).map(group(root));
}

/** Rows of a query in which `file` stands for the file. */
export async function queryWithDuckDb(query: string, file: Uint8Array): Promise<Record<string, unknown>[]> {
  connection ??= DuckDBInstance.create(":memory:", { threads: "2" }).then((instance) => instance.connect());
  const folder = mkdtempSync(join(tmpdir(), "lake-"));
  try {
    const path = join(folder, "object.parquet");
    writeFileSync(path, file);
    const source = `read_parquet('${path}')`;
    return (await (await connection).runAndReadAll(query.replace("file", source))).getRowObjectsJS();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

type Shape = (value: unknown) => unknown;

function shapeOf(node: Node): Shape {
  if (node.repetition === "repeated") return listOf(repeatedNode(node));
  return orNull(content(node));
}

/** DuckDB takes a repeated group of one field for the middle of a three-level list, and drops the field's name. */
function repeatedNode(node: Node): Shape {
  if (isLeaf(node) || node.fields.length !== 1) return orNull(content(node));
  const [only] = node.fields as readonly [Node];
  const shape = shapeOf(only);
  return (value) => ({ [only.name]: shape(value) });
}

function orNull(shape: Shape): Shape {
  return (value) => (value === null ? null : shape(value));
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
  return repeatedIsElement(list) ? repeatedNode(middle) : shapeOf((middle as Group).fields[0] as Node);
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
  switch (annotation?.is) {
    case "TIMESTAMP":
      return (value) => (value as Date).toISOString();
    case "DECIMAL":
    case "UUID":
      return (value) => value;
    case "STRING":
    case "ENUM":
    case "JSON":
      return (value) => (value instanceof Uint8Array ? Buffer.from(value).toString() : value);
  }
  switch (type) {
    case "INT64":
      return (value) => (typeof value === "bigint" && BigInt.asIntN(54, value) === value ? Number(value) : value);
    case "FLOAT":
    case "DOUBLE":
      return (value) => (Number.isFinite(value) ? value : null);
    default:
      return (value) => (value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value);
  }
}
