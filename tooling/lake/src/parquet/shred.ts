import { type Group, isLeaf, type Leaf, type Node, repeatedIsElement } from "./schema.ts";
import { type Cell, converter } from "./value.ts";

/** A leaf's levels and values over the rows of a row group (Dremel's column striping). */
export interface Column {
  readonly leaf: Leaf;
  readonly path: readonly string[];
  readonly maxRepetition: number;
  readonly maxDefinition: number;
  readonly repetitions: Levels;
  readonly definitions: Levels;
  readonly cells: Cell[];
}

export class Levels {
  values: Uint8Array = new Uint8Array(64);
  length = 0;

  push(level: number): void {
    if (this.length === this.values.length) {
      const larger = new Uint8Array(this.length * 2);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.length++] = level;
  }
}

export interface Shredder {
  readonly columns: readonly Column[];
  /** Adds one row. Throws a TypeError where a required leaf has no value. */
  add(row: unknown): void;
}

/** Rows have the logical shape: a LIST is an array, a MAP an object, a Map or pairs, a field repeated by itself an array. */
export function shredder(root: Group): Shredder {
  const columns: Column[] = [];
  const put = group(root, { definition: 0, repetition: 0, path: [] }, columns);
  return { columns, add: (row) => put(row, 0) };
}

/** Levels reached and path of the parent. */
interface Place {
  readonly definition: number;
  readonly repetition: number;
  readonly path: readonly string[];
}
/** Stores a value under the repetition level of its first entry. */
type Put = (value: unknown, repetition: number) => void;

function field(node: Node, place: Place, columns: Column[]): Put {
  const path = [...place.path, node.name];
  if (node.repetition === "required") return content(node, { ...place, path }, columns);
  const definition = place.definition + 1;
  const first = columns.length;
  if (node.repetition === "optional") {
    const put = content(node, { ...place, definition, path }, columns);
    const below = columns.slice(first);
    return (value, repetition) =>
      value === null || value === undefined ? absent(below, repetition, place.definition) : put(value, repetition);
  }
  return repeated(
    content(node, { definition, repetition: place.repetition + 1, path }, columns),
    place,
    columns,
    first,
  );
}

/** Zero or more values, one after the other; none and null look alike where the list itself cannot be null. */
function repeated(put: Put, place: Place, columns: readonly Column[], first: number): Put {
  const below = columns.slice(first);
  const again = place.repetition + 1;
  return (value, repetition) => {
    const items = (value ?? []) as readonly unknown[];
    if (items.length === 0) return absent(below, repetition, place.definition);
    for (let at = 0; at < items.length; at++) put(items[at], at === 0 ? repetition : again);
  };
}

function absent(columns: readonly Column[], repetition: number, definition: number): void {
  for (const column of columns) {
    column.repetitions.push(repetition);
    column.definitions.push(definition);
  }
}

/** The node's value without its own repetition. */
function content(node: Node, place: Place, columns: Column[]): Put {
  if (isLeaf(node)) return leaf(node, place, columns);
  switch (node.annotation?.is) {
    case "LIST":
      return list(node, place, columns);
    case "MAP":
    case "MAP_KEY_VALUE":
      return node.fields.length === 1 ? map(node, place, columns) : group(node, place, columns);
    default:
      return group(node, place, columns);
  }
}

function leaf(node: Leaf, place: Place, columns: Column[]): Put {
  const column: Column = {
    leaf: node,
    path: place.path,
    maxRepetition: place.repetition,
    maxDefinition: place.definition,
    repetitions: new Levels(),
    definitions: new Levels(),
    cells: [],
  };
  columns.push(column);
  const { repetitions, definitions, cells, maxDefinition } = column;
  const convert = converter(node);
  return (value, repetition) => {
    if (value === null || value === undefined) throw new TypeError(`${place.path.join(".")} is required, and was null`);
    repetitions.push(repetition);
    definitions.push(maxDefinition);
    cells.push(convert(value));
  };
}

const nothing: Readonly<Record<string, unknown>> = {};

function group(node: Group, place: Place, columns: Column[]): Put {
  const puts = node.fields.map((child) => ({ name: child.name, put: field(child, place, columns) }));
  // A required group that a row leaves out is one whose fields are all null.
  return (value, repetition) => {
    const fields = (value ?? nothing) as Readonly<Record<string, unknown>>;
    for (const { name, put } of puts) put(fields[name], repetition);
  };
}

function list(node: Group, place: Place, columns: Column[]): Put {
  const middle = node.fields[0] as Node;
  const inside: Place = {
    definition: place.definition + 1,
    repetition: place.repetition + 1,
    path: [...place.path, middle.name],
  };
  const first = columns.length;
  const put = repeatedIsElement(node)
    ? content(middle, inside, columns)
    : field((middle as Group).fields[0] as Node, inside, columns);
  return repeated(put, place, columns, first);
}

function map(node: Group, place: Place, columns: Column[]): Put {
  const middle = node.fields[0] as Group;
  const inside: Place = {
    definition: place.definition + 1,
    repetition: place.repetition + 1,
    path: [...place.path, middle.name],
  };
  const first = columns.length;
  const [putKey, putValue] = middle.fields.map((child) => field(child, inside, columns));
  const putPair: Put = (pair, repetition) => {
    const [key, value] = pair as readonly [unknown, unknown];
    putKey?.(key, repetition);
    putValue?.(value, repetition);
  };
  const put = repeated(putPair, place, columns, first);
  return (value, repetition) => put(pairsOf(value), repetition);
}

/** The entries of a map in whatever form the row has it. */
export function pairsOf(value: unknown): readonly (readonly [unknown, unknown])[] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return value;
  return value instanceof Map ? [...value] : Object.entries(value);
}
