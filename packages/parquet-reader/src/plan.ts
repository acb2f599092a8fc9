import { type Rendering, renderingOf } from "./json.ts";
import type { Limits } from "./limits.ts";
import type { Footer } from "./metadata.ts";
import { buildTree, type Leaf, type MapNode, type Node, parseSchema, type SchemaElement, type Tree } from "./schema.ts";

/** A leaf with all that is known of it before any page is read. */
export interface PlannedLeaf {
  readonly leaf: Leaf;
  readonly index: number;
  /** Dotted path in the schema. */
  readonly path: string;
  readonly rendering: Rendering;
}

/** What a schema means: the same for all files that have its bytes. */
export interface Plan {
  readonly schema: SchemaElement;
  readonly tree: Tree;
  readonly leaves: readonly PlannedLeaf[];
}

const KEPT_PLANS = 64;
/** Newest last. */
const plans: { readonly bytes: Uint8Array; readonly plan: Plan }[] = [];

/** The plan of a schema, from the cache when its bytes were seen before. */
export function planOf(footer: Footer, limits: Limits): Plan {
  const { schemaBytes } = footer;
  for (let i = plans.length - 1; i >= 0; i--) {
    const known = plans[i];
    if (known.bytes.length === schemaBytes.length && Buffer.compare(known.bytes, schemaBytes) === 0) {
      if (i < plans.length - 1) plans.push(...plans.splice(i, 1));
      return known.plan;
    }
  }
  const schema = parseSchema(schemaBytes, footer.schemaOffset, limits);
  const tree = buildTree(schema, limits);
  const leaves = tree.leaves.map((leaf, index) => ({
    leaf,
    index,
    path: leaf.path.join("."),
    rendering: renderingOf(leaf),
  }));
  const plan: Plan = { schema, tree, leaves };
  plans.push({ bytes: schemaBytes.slice(), plan });
  if (plans.length > KEPT_PLANS) plans.shift();
  return plan;
}

/** The leaves under the wanted paths, in schema order; a map comes whole. */
export function project(plan: Plan, paths: readonly string[] | undefined): readonly PlannedLeaf[] {
  if (paths === undefined) return plan.leaves;
  const wanted = new Set<number>();
  for (const { index, path } of plan.leaves) {
    if (paths.some((prefix) => path === prefix || path.startsWith(`${prefix}.`))) wanted.add(index);
  }
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
