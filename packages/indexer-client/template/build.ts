/**
 * Works out which fields of OCSF events the index template maps, and as what:
 *
 *     node packages/indexer-client/template/build.ts > packages/indexer-client/src/data/fields.json
 *
 * - `core`: what analysts filter and rules read and what finds few events (names, addresses, identifiers); `search`:
 *   what repeats values of other fields to be found by any of them; and `lookup`: what is asked for now and then or has
 *   few values, each of which many events share (core.json).
 * - `table`: every other column of the tables that Security Lake writes.
 * - `catalog`: of all classes of OCSF up to 1.3 (what Security Lake takes from custom sources) the attributes of two
 *   levels, and of a third level those that OCSF requires or recommends.
 * - `wide`: all attributes of three levels of the same, and of two levels of later versions.
 *
 * Types follow the catalog where it knows the attribute. An attribute that versions or classes type differently gets the
 * type that takes both; one that is an object here and a value there is mapped nowhere, since either would be refused.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export type Kind = "keyword" | "long" | "double" | "date" | "ip" | "boolean";
export type Tier = "core" | "search" | "lookup" | "table" | "catalog" | "wide";
/** Paths below `data`, sorted, by tier and kind. `opaque` values of any shape are kept in `_source` alone. */
export type Fields = Readonly<Record<Tier, Readonly<Partial<Record<Kind, readonly string[]>>>>> & {
  readonly opaque: readonly string[];
};

interface Core {
  readonly core: readonly string[];
  readonly search: readonly string[];
  readonly lookup: readonly string[];
}

interface Attribute {
  readonly t?: string;
  readonly o?: string;
  /** 2 required, 1 recommended. */
  readonly r?: number;
}

interface Catalog {
  readonly version: string;
  readonly classes: Record<string, { readonly attributes: Record<string, Attribute> }>;
  readonly objects: Record<string, { readonly attributes: Record<string, Attribute> }>;
}

export type ColumnType =
  | string
  | { readonly struct?: readonly Column[]; readonly list?: ColumnType; readonly map?: unknown };
export interface Table {
  readonly fields: readonly Column[];
}

export type Column = readonly [name: string, type: ColumnType, nullable: boolean];

/** Payloads: as they come from the source, of any shape and size. */
const opaque = [
  "unmapped",
  "raw_data",
  "enrichments.data",
  "api.request.data",
  "api.response.data",
  "resource.data",
  "resources.data",
  "resources.details",
  "evidences.data",
];

/** Fields that the stock template of alerts has below `data` as values: an object there would contradict it. */
const stockValues = new Set(
  "protocol action srcip dstip srcport dstport srcuser dstuser id status url data extra_data system_name type command integration title uid timestamp".split(
    " ",
  ),
);

const kinds: Readonly<Record<string, Kind>> = {
  boolean_t: "boolean",
  boolean: "boolean",
  float_t: "double",
  float: "double",
  integer_t: "long",
  long_t: "long",
  port_t: "long",
  int: "long",
  long: "long",
  timestamp_t: "date",
  datetime_t: "date",
  timestamp: "date",
  ip_t: "ip",
};

function kindOf(type: string): Kind {
  if (type.startsWith("decimal")) return "double";
  return kinds[type] ?? "keyword";
}

/** Versions disagree about these (integer, then string): a keyword takes both. */
const keywords = new Set(["confidence", "priority"]);

type Found = Map<string, Set<Kind | "object">>;

function note(found: Found, path: string, kind: Kind | "object"): void {
  const known = found.get(path);
  if (known === undefined) found.set(path, new Set([kind]));
  else known.add(kind);
}

/** Attributes of `whole` levels, and down to `recommended` levels those that OCSF requires or recommends. */
function walkCatalog(catalog: Catalog, found: Found, whole: number, recommended: number): void {
  const walk = (
    attributes: Record<string, Attribute>,
    prefix: string,
    level: number,
    above: readonly string[],
    chosen: boolean,
  ): void => {
    for (const [name, { t, o, r = 0 }] of Object.entries(attributes)) {
      const path = prefix + name;
      const wanted = chosen && (level === 1 || r >= 1);
      if (t === "json_t") continue;
      if (o !== undefined) {
        note(found, path, "object");
        const inner = catalog.objects[o]?.attributes;
        const deeper = level < whole || (wanted && level < recommended);
        if (inner !== undefined && deeper && !above.includes(o))
          walk(inner, `${path}.`, level + 1, [...above, o], wanted);
      } else if (t !== undefined && (level <= whole || wanted)) {
        note(found, path, keywords.has(name) ? "keyword" : kindOf(t));
      }
    }
  };
  for (const { attributes } of Object.values(catalog.classes)) walk(attributes, "", 1, [], true);
}

function walkTable(columns: readonly Column[], prefix: string, found: Found): void {
  for (const [name, type] of columns) walkColumn(prefix + name, type, found);
}

function walkColumn(path: string, type: ColumnType, found: Found): void {
  if (typeof type === "string")
    note(found, path, keywords.has(path.slice(path.lastIndexOf(".") + 1)) ? "keyword" : kindOf(type));
  else if (type.list !== undefined) walkColumn(path, type.list, found);
  else {
    note(found, path, "object");
    if (type.struct !== undefined) walkTable(type.struct, `${path}.`, found);
  }
}

/** One kind for all; undefined where there is none that takes all. */
function agreed(seen: ReadonlySet<Kind | "object">): Kind | undefined {
  const [only] = seen;
  if (seen.size === 1) return only === "object" ? undefined : only;
  if (seen.has("object")) return undefined;
  if ([...seen].every((kind) => kind === "long" || kind === "double")) return "double";
  if ([...seen].every((kind) => kind === "long" || kind === "date")) return "date";
  return "keyword";
}

function buildFields(catalogs: readonly Catalog[], tables: readonly Table[], core: Core): Fields {
  const customSources = catalogs.filter(({ version }) => before(version, 4));
  const everything: Found = new Map();
  for (const catalog of catalogs) walkCatalog(catalog, everything, 4, 4);
  const columns: Found = new Map();
  for (const { fields } of tables) walkTable(fields, "", columns);
  const near: Found = new Map();
  for (const catalog of customSources) walkCatalog(catalog, near, 2, 3);
  const far: Found = new Map();
  for (const catalog of customSources) walkCatalog(catalog, far, 3, 3);
  for (const catalog of catalogs) walkCatalog(catalog, far, 2, 2);

  /** What the catalog says about the meaning (address, time) beats what the table says about the storage. */
  const kindAt = (path: string): Kind | undefined => {
    const known = everything.get(path);
    const stored = columns.get(path);
    if (stored?.has("object") || (known?.has("object") && stored !== undefined)) return undefined;
    if (known === undefined) return stored && agreed(stored);
    return agreed(known) ?? (known.has("object") ? undefined : "keyword");
  };
  const isOpaque = (path: string): boolean => opaque.some((one) => path === one || path.startsWith(`${one}.`));
  const contradicts = (path: string): boolean => {
    const [top = "", ...rest] = path.split(".");
    return rest.length > 0 && stockValues.has(top);
  };
  const wanted = (path: string): boolean => !isOpaque(path) && !contradicts(path) && kindAt(path) !== undefined;

  const placed = new Set<string>();
  const tier = (paths: Iterable<string>): Partial<Record<Kind, string[]>> => {
    const byKind: Partial<Record<Kind, string[]>> = {};
    for (const path of [...paths].sort()) {
      if (placed.has(path) || !wanted(path) || hasValueAbove(path, everything, columns)) continue;
      placed.add(path);
      const kind = kindAt(path) as Kind;
      byKind[kind] = [...(byKind[kind] ?? []), path];
    }
    return byKind;
  };
  return {
    core: tier(core.core),
    search: tier(core.search),
    lookup: tier(core.lookup),
    table: tier(columns.keys()),
    catalog: tier(near.keys()),
    wide: tier(far.keys()),
    opaque: [...opaque].sort(),
  };
}

/** A field below one that is a value elsewhere cannot be mapped beside it. */
function hasValueAbove(path: string, ...found: readonly Found[]): boolean {
  for (let dot = path.lastIndexOf("."); dot > 0; dot = path.lastIndexOf(".", dot - 1)) {
    const above = path.slice(0, dot);
    if (found.some((map) => [...(map.get(above) ?? [])].some((kind) => kind !== "object"))) return true;
  }
  return false;
}

function before(version: string, minor: number): boolean {
  const [major, second] = version.split(".").map((part) => Number.parseInt(part, 10));
  return major === 1 && (second as number) < minor;
}

/** From the catalogs of ocsf-schema and the tables of the lake generator. */
export function build(): string {
  const root = join(import.meta.dirname, "../../..");
  const catalogs = readFolder<Catalog>(join(root, "packages/ocsf-schema/src/data"), /^catalog-1\..*\.json$/);
  const tables = readFolder<Table>(join(root, "tooling/lake/schemas"), /_[12]_0\.json$/);
  const core = JSON.parse(readFileSync(join(import.meta.dirname, "core.json"), "utf8")) as Core;
  return render(buildFields(catalogs, tables, core));
}

function readFolder<T>(folder: string, pattern: RegExp): T[] {
  return readdirSync(folder)
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as T);
}

/** What is committed: one line for each kind of each tier. */
function render(fields: Fields): string {
  const tiers = Object.entries(fields).map(([name, value]) => {
    if (Array.isArray(value)) return `  ${JSON.stringify(name)}: ${JSON.stringify(value)}`;
    const lines = Object.entries(value)
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([kind, paths]) => `    ${JSON.stringify(kind)}: ${JSON.stringify(paths)}`);
    return `  ${JSON.stringify(name)}: {\n${lines.join(",\n")}\n  }`;
  });
  return `{\n${tiers.join(",\n")}\n}\n`;
}

if (import.meta.main) process.stdout.write(build());
