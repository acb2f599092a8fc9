import fields from "./data/fields.json" with { type: "json" };

/**
 * How much of an event can be searched; all of it is in `_source` at every level.
 * - `lean`: what analysts filter and rules read, indexed where a value finds few events. Smallest and fastest.
 * - `standard`: the same, and every other column of Security Lake's tables and the attributes of OCSF's classes from
 *   their column values (filters, ranges and aggregations work, on a day's index only slower than on an index).
 * - `full`: the columns indexed too, and three levels of every class of OCSF by column values.
 */
export type Level = "lean" | "standard" | "full";
export const levels: readonly Level[] = ["lean", "standard", "full"];

export interface TemplateOptions {
  /** Default `standard`. */
  readonly level?: Level;
  /** Default 1. */
  readonly shards?: number;
  /** A number, or a range such as "0-1" that follows the number of nodes. Default "0-1". */
  readonly replicas?: number | `${number}-${number | "all"}`;
  /** How soon documents are found. Default "5s". */
  readonly refreshInterval?: string;
  /** Default `default`. `best_compression` takes three fifths of its bytes and is a tenth slower; zstd needs a plugin. */
  readonly codec?: "default" | "best_compression" | "zstd" | "zstd_no_dict";
  /** Keep each index sorted by time, newest first: faster searches by time, slower writing. Default false. */
  readonly sorted?: boolean;
}

export const templateName = "security-lake";
/** Above the stock template of alerts. */
export const templatePriority = 500;
export const indexPattern = "wazuh-alerts-4.x-security-lake-*";
/** Raised whenever what the template says changes, so that an installed one is replaced. */
export const templateVersion = 5;

type Kind = "keyword" | "long" | "double" | "date" | "ip" | "boolean";
type Paths = Partial<Record<Kind, readonly string[]>>;
type Field = Record<string, unknown>;
interface Objects {
  [name: string]: Field | { properties: Objects };
}

/** UTF-16 units; three bytes each at the most, so that a value never exceeds Lucene's 32,766. Longer ones stay in `_source`. */
const longestKeyword = 4_096;

const keyword: Field = { type: "keyword", ignore_above: longestKeyword };
/**
 * What is tried first decides: dates cost most of all fields. A pattern without optional parts is read in a third of the
 * time of `strict_date_optional_time`; it is what the reader writes of a timestamp in milliseconds. `rfc3339_lenient`
 * would be as fast, but only alone: OpenSearch passes it over where it is one of several formats.
 */
const date: Field = { type: "date", format: "uuuu-MM-dd'T'HH:mm:ss.SSSX||strict_date_optional_time||epoch_millis" };
/** OCSF's times are milliseconds, and words in `…_dt`. */
const milliseconds: Field = { type: "date", format: "epoch_millis||strict_date_optional_time" };
/** Searched by its values, column by column: no index to write, slower to search. */
const column: Field = { ...keyword, index: false };
const dateColumn: Field = { ...date, index: false };
const opaque: Field = { type: "object", enabled: false };

function indexed(kind: Kind, path: string): Field {
  if (kind === "keyword") return keyword;
  if (kind === "date") return path.endsWith("_dt") ? date : milliseconds;
  return { type: kind };
}

/** Found by an index and in no column: cannot be sorted or aggregated, as the fields can whose values it repeats. */
function indexOnly(kind: Kind, path: string): Field {
  return { ...indexed(kind, path), doc_values: false };
}

function columnOnly(kind: Kind, path: string): Field {
  return { ...indexed(kind, path), index: false };
}

/**
 * The part of an alert that the stock template types too, with the same types, and where the event came from. Indexed is
 * what every search of the dashboard asks for and what finds few of the documents; values that all or many of them
 * share, and words that stand for a number beside them, are found as soon by column. What is unique to each document
 * (`id`, which is its `_id` again, `etag`, `row`) is in `_source` alone: it would cost most and be asked for least.
 */
const envelope: Readonly<Record<string, Field>> = {
  timestamp: date,
  "@timestamp": dateColumn,
  location: column,
  full_log: { type: "text" },
  "input.type": column,
  "decoder.name": column,
  "agent.id": column,
  "agent.name": column,
  "agent.ip": column,
  "manager.name": keyword,
  "cluster.name": keyword,
  "cluster.node": column,
  "rule.id": keyword,
  "rule.level": { type: "long" },
  "rule.description": column,
  "rule.groups": keyword,
  "rule.firedtimes": { type: "long", index: false },
  "rule.mail": { type: "boolean", index: false },
  "rule.mitre.id": keyword,
  "rule.mitre.tactic": column,
  "rule.mitre.technique": column,
  "rule.pci_dss": keyword,
  "rule.gdpr": keyword,
  "rule.hipaa": keyword,
  "rule.nist_800_53": keyword,
  "rule.tsc": keyword,
  "rule.gpg13": keyword,
  "GeoLocation.location": { type: "geo_point" },
  "GeoLocation.country_name": keyword,
  "GeoLocation.region_name": keyword,
  "GeoLocation.city_name": keyword,
  "security_lake.bucket": column,
  "security_lake.key": column,
  "security_lake.source": column,
  "security_lake.source_version": column,
  "security_lake.region": column,
  "security_lake.account": column,
  "security_lake.event_day": column,
  "security_lake.class_uid": { type: "long", index: false },
  "security_lake.class_name": column,
  "security_lake.ocsf_version": column,
  "security_lake.rejected": keyword,
  data_unindexed: opaque,
};

const eventFields: Readonly<Record<Level, () => Iterable<[path: string, field: Field]>>> = {
  *lean() {
    yield* typed(fields.core, indexed);
    yield* typed(fields.search, indexOnly);
    yield* typed(fields.lookup, columnOnly);
  },
  *standard() {
    yield* typed(fields.core, indexed);
    yield* typed(fields.search, indexOnly);
    yield* typed(fields.lookup, columnOnly);
    yield* typed(fields.table, columnOnly);
    yield* typed(fields.catalog, columnOnly);
  },
  *full() {
    yield* typed(fields.core, indexed);
    yield* typed(fields.search, indexed);
    yield* typed(fields.lookup, indexed);
    yield* typed(fields.table, indexed);
    yield* typed(fields.catalog, indexed);
    yield* typed(fields.wide, columnOnly);
  },
};

function* typed(paths: Paths, field: (kind: Kind, path: string) => Field): Generator<[string, Field]> {
  for (const [kind, group] of Object.entries(paths) as [Kind, readonly string[]][]) {
    for (const path of group) yield [path, field(kind, path)];
  }
}

/** The composable index template; priority and pattern put it before the stock template of alerts. */
export function indexTemplate(options: TemplateOptions = {}): Record<string, unknown> {
  const level = options.level ?? "standard";
  const root: Objects = {};
  for (const [path, field] of Object.entries(envelope)) put(root, path, field);
  const data: Objects = {};
  for (const [path, field] of eventFields[level]()) put(data, path, field);
  for (const path of fields.opaque) put(data, path, opaque);
  const mappings = {
    // What the template does not name stays in _source: no event can make the mapping grow.
    dynamic: false,
    date_detection: false,
    numeric_detection: false,
    properties: { ...root, data: { properties: data } },
  };
  return {
    index_patterns: [indexPattern],
    priority: templatePriority,
    version: templateVersion,
    template: { settings: settingsOf(options, sizeOf(mappings.properties)), mappings },
  };
}

/** Identifiers that somebody types into the search bar, too, though they are found by column. */
const byColumn = ["src_endpoint.instance_uid", "dst_endpoint.instance_uid"];

function settingsOf(options: TemplateOptions, mapped: number): Record<string, unknown> {
  const { replicas = "0-1" } = options;
  return {
    "index.number_of_shards": options.shards ?? 1,
    ...(typeof replicas === "number"
      ? { "index.number_of_replicas": replicas }
      : { "index.auto_expand_replicas": replicas }),
    "index.refresh_interval": options.refreshInterval ?? "5s",
    "index.codec": options.codec ?? "default",
    ...(options.sorted ? { "index.sort.field": "timestamp", "index.sort.order": "desc" } : {}),
    "index.mapping.total_fields.limit": mapped + 100,
    // "-" where an address should be, a word where a number should: the field is passed over, not the event.
    "index.mapping.ignore_malformed": true,
    // The dashboard asks for every date of a document by its column.
    "index.max_docvalue_fields_search": 1_000,
    "index.query.default_field": [
      "rule.description",
      "rule.groups",
      "rule.id",
      ...[...fields.core.keyword, ...fields.search.keyword, ...byColumn].map((path) => `data.${path}`),
    ],
  };
}

function put(objects: Objects, path: string, field: Field): void {
  const names = path.split(".");
  const last = names.pop() as string;
  let at = objects;
  for (const name of names) {
    at[name] ??= { properties: {} };
    at = (at[name] as { properties: Objects }).properties;
  }
  at[last] = field;
}

/** Fields and objects, as the indexer counts them. */
function sizeOf(objects: Objects): number {
  return Object.values(objects).reduce(
    (sum, field) => sum + 1 + ("properties" in field ? sizeOf(field.properties as Objects) : 0),
    0,
  );
}
