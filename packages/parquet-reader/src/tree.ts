import { ParquetError } from "./errors.ts";
import { type Limits, within } from "./limits.ts";
import type { PhysicalType } from "./metadata.ts";
import type { SchemaElement } from "./schema.ts";

/** What a row looks like once lists and maps are understood: a tree of nodes. */
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
