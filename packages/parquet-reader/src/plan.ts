import { type Rendering, renderingOf } from "./json.ts";
import type { Limits } from "./limits.ts";
import type { Footer } from "./metadata.ts";
import { parseSchema, type SchemaElement } from "./schema.ts";
import { buildTree, type Leaf, type MapNode, type Node, type Tree } from "./tree.ts";

/** A leaf with all that is known of it before any page is read. */
export interface PlannedLeaf {
  readonly leaf: Leaf;
  readonly index: number;
  /** Dotted path in the schema. */
  readonly path: string;
  /** The path as a Thrift list of strings, as column chunks have it. */
  readonly pathBytes: Uint8Array;
  /** Dotted path in the rows: without the levels that lists have in the schema. */
  readonly field: string;
  readonly rendering: Rendering;
}

/** What a schema means: the same for all files that have its bytes. */
export interface Plan {
  readonly schema: SchemaElement;
  readonly tree: Tree;
  readonly leaves: readonly PlannedLeaf[];
}

const KEPT_PLANS = 64;
const schemaLimits = ["depth", "columns", "footerElements"] as const;
/** Newest last. */
const plans: { readonly bytes: Uint8Array; readonly limits: Limits; readonly plan: Plan }[] = [];

/** The plan of a schema, from the cache when its bytes were seen before. */
export function planOf(footer: Footer, limits: Limits): Plan {
  const { schemaBytes } = footer;
  for (let i = plans.length - 1; i >= 0; i--) {
    const known = plans[i];
    // Another limit might refuse what this one let through.
    if (schemaLimits.some((name) => known.limits[name] !== limits[name])) continue;
    if (known.bytes.length === schemaBytes.length && Buffer.compare(known.bytes, schemaBytes) === 0) {
      if (i < plans.length - 1) plans.push(...plans.splice(i, 1));
      return known.plan;
    }
  }
  const schema = parseSchema(schemaBytes, footer.schemaOffset, limits);
  const tree = buildTree(schema, limits);
  const fields: string[] = [];
  nameFields(tree.root, "", fields);
  const leaves = tree.leaves.map((leaf, index) => ({
    leaf,
    index,
    path: leaf.path.join("."),
    pathBytes: thriftList(leaf.path),
    field: fields[index],
    rendering: renderingOf(leaf),
  }));
  const plan: Plan = { schema, tree, leaves };
  plans.push({ bytes: schemaBytes.slice(), limits, plan });
  if (plans.length > KEPT_PLANS) plans.shift();
  return plan;
}

/** Of each leaf, by its number, the dotted path in the rows. */
function nameFields(node: Node, field: string, fields: string[]): void {
  const below = (name: string): string => (field === "" ? name : `${field}.${name}`);
  switch (node.kind) {
    case "leaf":
      fields[node.firstLeaf] = field;
      return;
    case "struct":
      for (const child of node.children) nameFields(child, below(child.name), fields);
      return;
    case "list":
      nameFields(node.element, field, fields);
      return;
    case "map":
      nameFields(node.key, below("key"), fields);
      nameFields(node.value, below("value"), fields);
  }
}

/** A list of strings in the Thrift compact protocol. */
function thriftList(texts: readonly string[]): Uint8Array {
  const strings = texts.map((text) => Buffer.from(text));
  const head = strings.length < 15 ? [(strings.length << 4) | BINARY] : [0xf0 | BINARY, ...varint(strings.length)];
  return Buffer.concat([Buffer.from(head), ...strings.flatMap((bytes) => [Buffer.from(varint(bytes.length)), bytes])]);
}

const BINARY = 8;

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

/** Whether the leaf is under a path: of the schema, or of the rows. */
const isUnder = ({ path, field }: PlannedLeaf, prefix: string): boolean =>
  [path, field].some((own) => own === prefix || own.startsWith(`${prefix}.`));

/** The leaves under the wanted paths, in schema order; a map comes whole. */
export function project(plan: Plan, paths: readonly string[] | undefined): readonly PlannedLeaf[] {
  if (paths === undefined) return plan.leaves;
  const wanted = new Set<number>();
  for (const leaf of plan.leaves) if (paths.some((prefix) => isUnder(leaf, prefix))) wanted.add(leaf.index);
  completeMaps(plan.tree.root, wanted);
  return plan.leaves.filter(({ index }) => wanted.has(index));
}

function completeMaps(node: Node, wanted: Set<number>): void {
  if (node.kind === "map") completeMap(node, wanted);
  else if (node.kind === "struct") for (const child of node.children) completeMaps(child, wanted);
  else if (node.kind === "list") completeMaps(node.element, wanted);
}

function completeMap(map: MapNode, wanted: Set<number>): void {
  for (let leaf = map.firstLeaf; leaf < map.endLeaf; leaf++) {
    if (!wanted.has(leaf)) continue;
    for (let other = map.firstLeaf; other < map.endLeaf; other++) wanted.add(other);
    return;
  }
}
