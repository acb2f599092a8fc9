import { ParquetError } from "./errors.ts";
import { type Limits, within } from "./limits.ts";
import { type PhysicalType, physicalTypes } from "./metadata.ts";
import { ThriftReader } from "./thrift.ts";

export type Repetition = "required" | "optional" | "repeated";
export type TimeUnit = "MILLIS" | "MICROS" | "NANOS";

/** What the values mean: the logical type, or the converted type that an older writer gave in its place. */
export type Annotation =
  | { readonly kind: "STRING" | "ENUM" | "JSON" | "BSON" | "UUID" | "FLOAT16" | "INTERVAL" | "DATE" | "LIST" | "MAP" }
  | { readonly kind: "DECIMAL"; readonly precision: number; readonly scale: number }
  | { readonly kind: "TIME" | "TIMESTAMP"; readonly unit: TimeUnit; readonly utc: boolean }
  | { readonly kind: "INTEGER"; readonly bits: number; readonly signed: boolean };

/** An element of the schema as the footer lists them, depth first. */
export interface SchemaElement {
  readonly name: string;
  readonly repetition: Repetition;
  /** Undefined for groups. */
  readonly type: PhysicalType | undefined;
  /** Bytes of a FIXED_LEN_BYTE_ARRAY. */
  readonly typeLength: number;
  readonly annotation: Annotation | undefined;
  readonly children: readonly SchemaElement[];
}

interface Flat {
  name: string;
  repetition: Repetition;
  type: PhysicalType | undefined;
  typeLength: number;
  annotation: Annotation | undefined;
  childCount: number;
}

const repetitions: readonly Repetition[] = ["required", "optional", "repeated"];

/** The schema's root, from the bytes of the footer's list of schema elements. */
export function parseSchema(bytes: Uint8Array, offset: number, limits: Limits): SchemaElement {
  const reader = new ThriftReader(bytes, 0, bytes.length, offset);
  reader.type = 9;
  const elements: Flat[] = [];
  const count = reader.list("struct");
  within(limits, "footerElements", count, "schema elements");
  for (let left = count; left > 0; left--) elements.push(parseElement(reader));
  let next = 0;
  const build = (depth: number): SchemaElement => {
    within(limits, "depth", depth, "nesting of the schema");
    const element = elements[next++];
    if (element === undefined) throw reader.fail("CORRUPT", "the schema ends early");
    const { childCount, ...own } = element;
    const children: SchemaElement[] = [];
    for (let i = 0; i < childCount; i++) children.push(build(depth + 1));
    return { ...own, children };
  };
  const root = build(0);
  if (next !== elements.length)
    throw reader.fail("CORRUPT", `${elements.length - next} schema elements have no parent`);
  return root;
}

function parseElement(reader: ThriftReader): Flat {
  const element: Flat = {
    name: "",
    repetition: "required",
    type: undefined,
    typeLength: 0,
    annotation: undefined,
    childCount: 0,
  };
  let converted = -1;
  let precision = 0;
  let scale = 0;
  let logical: Annotation | undefined;
  const outer = reader.enter();
  while (reader.next()) {
    switch (reader.id) {
      case 1:
        element.type = known(reader, physicalTypes[reader.int()], "physical type");
        break;
      case 2:
        element.typeLength = reader.size();
        break;
      case 3:
        element.repetition = known(reader, repetitions[reader.int()], "repetition");
        break;
      case 4:
        element.name = reader.string();
        break;
      case 5:
        element.childCount = reader.size();
        break;
      case 6:
        converted = reader.int();
        break;
      case 7:
        scale = reader.int();
        break;
      case 8:
        precision = reader.int();
        break;
      case 10:
        logical = parseLogical(reader);
        break;
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
  if (element.childCount > 0) element.type = undefined;
  element.annotation = logical ?? fromConverted(converted, precision, scale);
  return element;
}

function known<T>(reader: ThriftReader, value: T | undefined, subject: string): T {
  if (value === undefined) throw reader.fail("CORRUPT", `unknown ${subject}`);
  return value;
}

/** The union LogicalType; members this reader gives no meaning to leave the physical type. */
function parseLogical(reader: ThriftReader): Annotation | undefined {
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
function fromConverted(converted: number, precision: number, scale: number): Annotation | undefined {
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

// ---- the tree of nodes: what a row looks like once lists and maps are understood

interface NodeBase {
  readonly name: string;
  /** First leaf below, and one past the last. */
  readonly firstLeaf: number;
  readonly endLeaf: number;
}

/** A column. */
export interface Leaf extends NodeBase {
  readonly kind: "leaf";
  readonly element: SchemaElement;
  readonly type: PhysicalType;
  readonly path: readonly string[];
  readonly maxDefinition: number;
  readonly maxRepetition: number;
}

export interface Struct extends NodeBase {
  readonly kind: "struct";
  /** Definition level from which the struct is there; equal to its parent's when required. */
  readonly definition: number;
  readonly optional: boolean;
  readonly children: readonly Node[];
}

/** Definition levels: below `definition` the list is null, at it empty, above it has elements. */
export interface List extends NodeBase {
  readonly kind: "list";
  readonly definition: number;
  /** A later element of the same list has at least this repetition level. */
  readonly repetition: number;
  readonly optional: boolean;
  readonly element: Node;
}

export interface MapNode extends NodeBase {
  readonly kind: "map";
  readonly definition: number;
  readonly repetition: number;
  readonly optional: boolean;
  readonly key: Node;
  readonly value: Node;
}

export type Node = Leaf | Struct | List | MapNode;

export interface Tree {
  readonly root: Struct;
  readonly leaves: readonly Leaf[];
}

interface Levels {
  readonly definition: number;
  readonly repetition: number;
}

/** Resolves lists and maps by the backward compatibility rules of the specification (LogicalTypes.md, "Lists", "Maps"). */
export function buildTree(schema: SchemaElement, limits: Limits): Tree {
  const leaves: Leaf[] = [];

  function field(element: SchemaElement, levels: Levels, path: readonly string[]): Node {
    const here = [...path, element.name];
    if (element.repetition === "repeated") return bareList(element, levels, here);
    const optional = element.repetition === "optional";
    return value(element, { ...levels, definition: levels.definition + (optional ? 1 : 0) }, here, optional);
  }

  /** A repeated field outside LIST and MAP: a required list of required elements. */
  function bareList(element: SchemaElement, levels: Levels, path: readonly string[]): List {
    const firstLeaf = leaves.length;
    const inner = { definition: levels.definition + 1, repetition: levels.repetition + 1 };
    const item = value(element, inner, path, false);
    return {
      kind: "list",
      name: element.name,
      definition: levels.definition,
      repetition: inner.repetition,
      optional: false,
      element: item,
      firstLeaf,
      endLeaf: leaves.length,
    };
  }

  function value(element: SchemaElement, levels: Levels, path: readonly string[], optional: boolean): Node {
    if (element.type !== undefined) return leaf(element, element.type, levels, path);
    const repeated = onlyRepeatedChild(element);
    if (element.annotation?.kind === "LIST" && repeated !== undefined) {
      return list(element, repeated, levels, path, optional);
    }
    if (element.annotation?.kind === "MAP" && repeated?.children.length === 2) {
      return map(element, repeated, levels, path, optional);
    }
    return struct(element, levels, path, optional);
  }

  function leaf(element: SchemaElement, type: PhysicalType, levels: Levels, path: readonly string[]): Leaf {
    const node: Leaf = {
      kind: "leaf",
      name: element.name,
      element,
      type,
      path,
      maxDefinition: levels.definition,
      maxRepetition: levels.repetition,
      firstLeaf: leaves.length,
      endLeaf: leaves.length + 1,
    };
    leaves.push(node);
    within(limits, "columns", leaves.length, "columns of the schema");
    return node;
  }

  function struct(element: SchemaElement, levels: Levels, path: readonly string[], optional: boolean): Struct {
    const firstLeaf = leaves.length;
    const children = element.children.map((child) => field(child, levels, path));
    return {
      kind: "struct",
      name: element.name,
      definition: levels.definition,
      optional,
      children,
      firstLeaf,
      endLeaf: leaves.length,
    };
  }

  function list(
    element: SchemaElement,
    repeated: SchemaElement,
    levels: Levels,
    path: readonly string[],
    optional: boolean,
  ): List {
    const firstLeaf = leaves.length;
    const inner = { definition: levels.definition + 1, repetition: levels.repetition + 1 };
    const innerPath = [...path, repeated.name];
    const item = isElement(element, repeated)
      ? value(repeated, inner, innerPath, false)
      : field(repeated.children[0], inner, innerPath);
    return {
      kind: "list",
      name: element.name,
      definition: levels.definition,
      repetition: inner.repetition,
      optional,
      element: item,
      firstLeaf,
      endLeaf: leaves.length,
    };
  }

  function map(
    element: SchemaElement,
    repeated: SchemaElement,
    levels: Levels,
    path: readonly string[],
    optional: boolean,
  ): MapNode {
    const firstLeaf = leaves.length;
    const inner = { definition: levels.definition + 1, repetition: levels.repetition + 1 };
    const innerPath = [...path, repeated.name];
    const key = field(repeated.children[0], inner, innerPath);
    const item = field(repeated.children[1], inner, innerPath);
    return {
      kind: "map",
      name: element.name,
      definition: levels.definition,
      repetition: inner.repetition,
      optional,
      key,
      value: item,
      firstLeaf,
      endLeaf: leaves.length,
    };
  }

  const root = struct(schema, { definition: 0, repetition: 0 }, [], false);
  for (const { maxDefinition, maxRepetition, path } of leaves) {
    if (maxDefinition > 255 || maxRepetition > 255) {
      throw new ParquetError("LIMIT", "levels above 255", { column: path.join(".") });
    }
  }
  return { root, leaves };
}

function onlyRepeatedChild(element: SchemaElement): SchemaElement | undefined {
  const [child] = element.children;
  return element.children.length === 1 && child.repetition === "repeated" ? child : undefined;
}

/** Whether the repeated child is itself the element (two-level list), not the wrapper of a three-level one. */
function isElement(list: SchemaElement, repeated: SchemaElement): boolean {
  if (repeated.type !== undefined || repeated.children.length !== 1) return true;
  if (repeated.name === "array" || repeated.name === `${list.name}_tuple`) return true;
  return repeated.annotation !== undefined || repeated.children[0].repetition === "repeated";
}
