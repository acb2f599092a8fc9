import type { Plan } from "./plan.ts";
import type { List, MapNode, Node, Struct } from "./tree.ts";

/** How rows become JSON. */
export interface Shaping {
  /** Whether fields and groups that are null are written. */
  readonly nulls: "omit" | "keep";
  /** Maps as JSON objects, or as lists of `{"key":…,"value":…}`. */
  readonly maps: "object" | "pairs";
}

/** What is written around a leaf's value. */
export interface LeafText {
  /** `"name":`, or nothing in lists and maps; UTF-8. */
  readonly key: Uint8Array;
  /** Comma or colon. */
  readonly suffix: number;
  /** What null is. */
  readonly nothing: string;
  readonly isMapKey: boolean;
}

/** The rows' form: the tree without maps that cannot be objects, and the text around each leaf. */
export interface Shape {
  readonly root: Struct;
  readonly texts: readonly LeafText[];
}

const shapes = new WeakMap<Plan, Map<string, Shape>>();

/** The shape of a plan, made once. */
export function shapeOf(plan: Plan, shaping: Shaping): Shape {
  let known = shapes.get(plan);
  if (known === undefined) {
    known = new Map();
    shapes.set(plan, known);
  }
  const key = `${shaping.nulls} ${shaping.maps}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  const root = withPairs(plan.tree.root, shaping) as Struct;
  const texts: LeafText[] = [];
  describe(root, "field", shaping, texts);
  const shape: Shape = { root, texts };
  known.set(key, shape);
  return shape;
}

/** Turns maps into lists of pairs where they are wanted so, or where a key is no single value. */
function withPairs(node: Node, shaping: Shaping): Node {
  switch (node.kind) {
    case "leaf":
      return node;
    case "struct":
      return { ...node, children: node.children.map((child) => withPairs(child, shaping)) };
    case "list":
      return { ...node, element: withPairs(node.element, shaping) };
    case "map": {
      const map: MapNode = { ...node, key: withPairs(node.key, shaping), value: withPairs(node.value, shaping) };
      return shaping.maps === "pairs" || map.key.kind !== "leaf" ? pairs(map) : map;
    }
  }
}

function pairs(map: MapNode): List {
  const { firstLeaf, endLeaf, definition } = map;
  const entry: Struct = {
    kind: "struct",
    name: "entry",
    definition: definition + 1,
    optional: false,
    children: [
      { ...map.key, name: "key" },
      { ...map.value, name: "value" },
    ],
    firstLeaf,
    endLeaf,
  };
  const { name, repetition, optional } = map;
  return { kind: "list", name, definition, repetition, optional, element: entry, firstLeaf, endLeaf };
}

/** Where a value stands: in a field of an object, in a list, or as key or value of a map. */
export type Position = "field" | "element" | "key" | "value";

export function keyText(node: Node, position: Position): string {
  return position === "field" ? `${JSON.stringify(node.name)}:` : "";
}

/** What is written for a null at a position. */
export function nullText(node: Node, position: Position, { nulls }: Shaping): string {
  if (position === "element") return "null,";
  return position === "key" || nulls === "omit" ? "" : `${keyText(node, position)}null,`;
}

function describe(node: Node, position: Position, shaping: Shaping, texts: LeafText[]): void {
  switch (node.kind) {
    case "leaf":
      texts[node.firstLeaf] = {
        key: new TextEncoder().encode(keyText(node, position)),
        suffix: (position === "key" ? ":" : ",").charCodeAt(0),
        nothing: nullText(node, position, shaping),
        isMapKey: position === "key",
      };
      return;
    case "struct":
      for (const child of node.children) describe(child, "field", shaping, texts);
      return;
    case "list":
      describe(node.element, "element", shaping, texts);
      return;
    case "map":
      describe(node.key, "key", shaping, texts);
      describe(node.value, "value", shaping, texts);
  }
}
