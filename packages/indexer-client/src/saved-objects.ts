import { indexPattern } from "./template.ts";

/** Raised whenever the objects change, so that installed ones are replaced. */
export const savedObjectsVersion = 1;

/** An object of OpenSearch Dashboards, in the form of its export. */
export interface SavedObject {
  readonly type: "index-pattern" | "search" | "visualization" | "dashboard";
  readonly id: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly references: readonly Reference[];
  /** The release whose form the attributes have; Dashboards brings them to its own. */
  readonly migrationVersion: Readonly<Record<string, string>>;
}

interface Reference {
  readonly name: string;
  readonly type: SavedObject["type"];
  readonly id: string;
}

const prefix = "threatlockdown-security-lake";
export const dashboardId: string = `${prefix}-overview`;
const forms = { "index-pattern": "7.6.0", search: "7.9.3", visualization: "7.10.0", dashboard: "7.9.3" } as const;

function object(
  type: SavedObject["type"],
  id: string,
  attributes: SavedObject["attributes"],
  references: readonly Reference[] = [],
): SavedObject {
  return { type, id, attributes, references, migrationVersion: { [type]: forms[type] } };
}

const pattern: Reference = { name: "kibanaSavedObjectMeta.searchSourceJSON.index", type: "index-pattern", id: prefix };

function searchSource(query: string): { readonly searchSourceJSON: string } {
  const source = { query: { query, language: "kuery" }, filter: [], indexRefName: pattern.name };
  return { searchSourceJSON: JSON.stringify(source) };
}

/** How events are counted: by time, or by the most frequent values of a field. */
interface Chart {
  readonly title: string;
  readonly kind: "histogram" | "pie" | "table" | "metric";
  /** The field whose values are told apart; without one, all are counted together. */
  readonly field?: string;
  readonly size?: number;
  readonly query?: string;
  readonly width: number;
}

const rowHeight = 13;
const fullWidth = 48;

/** In rows of 48 columns, as they are on the dashboard. */
const charts: readonly Chart[] = [
  { title: "Events over time by source", kind: "histogram", field: "security_lake.source", size: 10, width: 36 },
  { title: "Events", kind: "metric", width: 12 },
  { title: "Rules", kind: "table", field: "rule.description", size: 20, width: 24 },
  { title: "Levels", kind: "pie", field: "rule.level", size: 16, width: 12 },
  { title: "Event classes", kind: "pie", field: "security_lake.class_name", size: 12, width: 12 },
  { title: "API operations", kind: "table", field: "data.api.operation", size: 20, width: 16 },
  { title: "Users", kind: "table", field: "data.actor.user.name", size: 20, width: 16 },
  { title: "Source addresses", kind: "table", field: "data.src_endpoint.ip", size: 20, width: 16 },
  { title: "Destination ports", kind: "table", field: "data.dst_endpoint.port", size: 20, width: 16 },
  { title: "Names asked for", kind: "table", field: "data.query.hostname", size: 20, width: 16 },
  { title: "Findings", kind: "table", field: "data.finding_info.title", size: 20, width: 16 },
  { title: "Accounts", kind: "table", field: "data.cloud.account.uid", size: 20, width: 24 },
  {
    title: "Events whose data could not be indexed, by reason",
    kind: "table",
    field: "security_lake.rejected",
    size: 20,
    query: "security_lake.rejected: *",
    width: 24,
  },
];

const counted = { id: "1", enabled: true, type: "count", schema: "metric", params: {} };
const overTime = {
  id: "2",
  enabled: true,
  type: "date_histogram",
  schema: "segment",
  params: { field: "timestamp", interval: "auto", min_doc_count: 1, drop_partials: false, extended_bounds: {} },
};

function aggregationsOf({ kind, field, size }: Chart): readonly object[] {
  if (field === undefined) return [counted];
  const schema = { histogram: "group", table: "bucket", pie: "segment", metric: "group" }[kind];
  const params = { field, size, orderBy: "1", order: "desc", otherBucket: false, missingBucket: false };
  const values = { id: "3", enabled: true, type: "terms", schema, params };
  return kind === "histogram" ? [counted, overTime, values] : [counted, values];
}

const looks: Readonly<Record<Chart["kind"], object>> = {
  histogram: {
    type: "histogram",
    addTooltip: true,
    addLegend: true,
    legendPosition: "right",
    categoryAxes: [
      { id: "CategoryAxis-1", type: "category", position: "bottom", show: true, scale: { type: "linear" } },
    ],
    valueAxes: [
      {
        id: "ValueAxis-1",
        name: "LeftAxis-1",
        type: "value",
        position: "left",
        show: true,
        scale: { type: "linear", mode: "normal" },
        title: { text: "Events" },
      },
    ],
    seriesParams: [
      { show: true, type: "histogram", mode: "stacked", data: { id: "1", label: "Events" }, valueAxis: "ValueAxis-1" },
    ],
  },
  pie: { type: "pie", addTooltip: true, addLegend: true, legendPosition: "right", isDonut: true },
  table: { perPage: 10, showPartialRows: false, showTotal: false },
  metric: {
    addTooltip: true,
    addLegend: false,
    type: "metric",
    metric: { labels: { show: true }, style: { fontSize: 48 } },
  },
};

function chartId({ title }: Chart): string {
  return `${prefix}-${title.toLowerCase().replaceAll(/[^a-z]+/g, "-")}`;
}

function visualization(chart: Chart): SavedObject {
  const title = titled(chart.title);
  const params = looks[chart.kind];
  const attributes = {
    title,
    visState: JSON.stringify({ title, type: chart.kind, aggs: aggregationsOf(chart), params }),
    uiStateJSON: "{}",
    description: "",
    version: 1,
    kibanaSavedObjectMeta: searchSource(chart.query ?? ""),
  };
  return object("visualization", chartId(chart), attributes, [pattern]);
}

function titled(title: string): string {
  return `Security Lake: ${title}`;
}

const events: SavedObject = object(
  "search",
  `${prefix}-events`,
  {
    title: titled("events"),
    description: "",
    columns: [
      "rule.level",
      "rule.description",
      "security_lake.source",
      "data.api.operation",
      "data.actor.user.name",
      "data.src_endpoint.ip",
      "data.dst_endpoint.ip",
      "data.dst_endpoint.port",
      "data.cloud.account.uid",
      "data.cloud.region",
    ],
    sort: [["timestamp", "desc"]],
    version: 1,
    kibanaSavedObjectMeta: searchSource(""),
  },
  [pattern],
);

function dashboard(): SavedObject {
  const shown = [...charts.map((chart) => ({ ...chart, type: "visualization" as const, id: chartId(chart) }))];
  const panels: object[] = [];
  const references: Reference[] = [];
  let [x, y] = [0, 0];
  const place = (type: SavedObject["type"], id: string, width: number): void => {
    if (x + width > fullWidth) [x, y] = [0, y + rowHeight];
    const index = String(panels.length + 1);
    const name = `panel_${index}`;
    const gridData = { x, y, w: width, h: rowHeight, i: index };
    panels.push({ version: "7.10.0", gridData, panelIndex: index, embeddableConfig: {}, panelRefName: name });
    references.push({ name, type, id });
    x += width;
  };
  for (const { type, id, width } of shown) place(type, id, width);
  place(events.type, events.id, fullWidth);
  const attributes = {
    title: titled("overview"),
    description: descriptionOf(savedObjectsVersion),
    hits: 0,
    panelsJSON: JSON.stringify(panels),
    optionsJSON: JSON.stringify({ useMargins: true, hidePanelTitles: false }),
    version: 1,
    timeRestore: false,
    kibanaSavedObjectMeta: {
      searchSourceJSON: JSON.stringify({ query: { query: "", language: "kuery" }, filter: [] }),
    },
  };
  return object("dashboard", dashboardId, attributes, references);
}

function descriptionOf(version: number): string {
  return `Events of Amazon Security Lake. Installed by ThreatLockDown, version ${version}.`;
}

/** The version that a dashboard's description names; undefined where it is not of this product. */
export function versionOf(description: string): number | undefined {
  const [, version] = /Installed by ThreatLockDown, version (\d+)\./.exec(description) ?? [];
  return version === undefined ? undefined : Number(version);
}

/** The index pattern, a search of the events and a dashboard of what they are, each after what it refers to. */
export function savedObjects(): SavedObject[] {
  return [
    object("index-pattern", prefix, { title: indexPattern, timeFieldName: "timestamp" }),
    events,
    ...charts.map(visualization),
    dashboard(),
  ];
}

/** The same as the file that Dashboards imports: one object a line. */
export function savedObjectsFile(): string {
  return savedObjects()
    .map((one) => `${JSON.stringify(one)}\n`)
    .join("");
}
