import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BulkBodyBuilder } from "../src/bulk-body.ts";
import { createBulkWriter } from "../src/bulk-writer.ts";
import { type Client, connect } from "../src/connection.ts";
import type { Accepted } from "../src/open-writes.ts";
import { savedObjects } from "../src/saved-objects.ts";
import { setup } from "../src/setup.ts";
import { indexTemplate } from "../src/template.ts";
import type { Column, ColumnType, Table } from "../template/build.ts";
import { ownIndices } from "./opensearch.ts";

/** What holds for documents on every OpenSearch; called at the top of a test file. */
export function describeDocuments(server: { readonly url: string }): void {
  let client: Client;
  beforeAll(async () => {
    client = await connect({ nodes: [server.url] });
    await setup(client);
  });
  afterAll(() => client.close());

  const newIndex = ownIndices(() => client);

  async function write(index: string, events: readonly (string | Uint8Array)[], name = "e"): Promise<Accepted> {
    const writer = createBulkWriter(client, {
      keep: async (entry) => {
        throw new Error(`dead letter: ${JSON.stringify(entry)}`);
      },
      close: async () => {},
    });
    const builder = new BulkBodyBuilder();
    const put = (text: string): void => builder.append(new TextEncoder().encode(text));
    events.forEach((event, row) => {
      builder.begin(index, `${name}-${row}`);
      put(
        `{"timestamp":"2026-11-24T08:23:54.162+0000","rule":{"level":3,"description":"d","groups":["amazon_security_lake"]},"data":`,
      );
      if (typeof event === "string") put(event);
      else builder.append(event);
      put(`,"security_lake":{"source":"custom","class_name":"API Activity","row":${row}}}`);
      builder.end();
    });
    const accepted = await writer.write(builder.take());
    await writer.close();
    await client.indices.refresh({ index });
    return accepted;
  }

  async function count(index: string, query: object): Promise<number> {
    const { body } = await client.count({ index, body: { query } } as never);
    return (body as { count: number }).count;
  }

  const { properties } = (indexTemplate().template as { mappings: { properties: Record<string, Mapped> } }).mappings;
  interface Mapped {
    readonly type?: string;
    readonly enabled?: boolean;
    readonly doc_values?: boolean;
    readonly properties?: Record<string, Mapped>;
  }

  /** The definition of a field of the event, or of the payload that it is inside of. */
  function mapped(path: string): Mapped | undefined {
    let at: Mapped | undefined = properties.data;
    for (const name of path.split(".")) {
      at = at?.properties?.[name];
      if (at?.enabled === false) return at;
    }
    return at;
  }

  const values: Readonly<Record<string, unknown>> = {
    ip: "10.20.30.40",
    long: 4_294_967_296,
    double: 9.5,
    date: 1_732_437_834_162,
    boolean: true,
  };

  const schemas = join(import.meta.dirname, "../../../tooling/lake/schemas");
  const tables = readdirSync(schemas)
    .filter((name) => /_[12]_0\.json$/.test(name))
    .map((name) => [name, JSON.parse(readFileSync(join(schemas, name), "utf8")) as Table] as const);

  /** An event with a value in each column, and the values by path. */
  function eventOf(columns: readonly Column[]): {
    readonly event: Record<string, unknown>;
    readonly leaves: Map<string, unknown>;
  } {
    const leaves = new Map<string, unknown>();
    const value = (path: string, type: ColumnType): unknown => {
      if (typeof type === "string") {
        const kind = mapped(path)?.type ?? "";
        const one = values[kind] ?? `value of ${path}`;
        leaves.set(path, one);
        return one;
      }
      if (type.list !== undefined) return [value(path, type.list)];
      if (type.struct !== undefined) return object(type.struct, `${path}.`);
      leaves.set(path, undefined);
      return { "a.key": "x" };
    };
    const object = (inner: readonly Column[], prefix: string): Record<string, unknown> =>
      Object.fromEntries(inner.map(([name, type]) => [name, value(prefix + name, type)]));
    return { event: object(columns, ""), leaves };
  }

  describe("every column of Security Lake's tables but the payloads", () => {
    it.each(tables)("is filterable, and aggregable unless it repeats others: %s", async (_, { fields }) => {
      const index = newIndex();
      const { event, leaves } = eventOf(fields);
      expect(await write(index, [JSON.stringify(event), "{}"])).toMatchObject({ stored: 2 });
      const searchable = [...leaves].filter(([path]) => mapped(path)?.enabled !== false);
      expect(searchable.length).toBeGreaterThan(leaves.size - 8);
      const inColumn = (path: string): boolean => mapped(path)?.doc_values !== false;
      const searches = searchable.flatMap(([path, value]) => [
        {},
        {
          size: 0,
          query: { term: { [`data.${path}`]: value } },
          ...(inColumn(path) && { aggs: { values: { terms: { field: `data.${path}` } } } }),
        },
        {},
        { size: 0, query: { exists: { field: `data.${path}` } } },
      ]);
      const { body } = await client.msearch({ index, body: searches } as never);
      const { responses } = body as unknown as {
        responses: { hits?: { total: { value: number } }; aggregations?: { values: { buckets: unknown[] } } }[];
      };
      expect(searchable.map(([path]) => path).filter((path) => !inColumn(path))).toEqual(
        leaves.has("observables.value") ? ["observables.value"] : [],
      );
      const missed = searchable.filter(([path], i) => {
        const [term, exists] = [responses[i * 2], responses[i * 2 + 1]];
        return (
          term?.hits?.total.value !== 1 ||
          (inColumn(path) && term.aggregations?.values.buckets.length !== 1) ||
          exists?.hits?.total.value !== 1
        );
      });
      expect(missed).toEqual([]);
    });

    it("answers ranges, networks and wildcards from columns alone", async () => {
      const index = newIndex();
      const event = {
        traffic: { bytes: 5_000 },
        time: 1_795_507_200_123,
        start_time: "2026-11-24T08:00:00.123Z",
        time_dt: "2026-11-24T08:00:00.123Z",
        evidences: [{ src_endpoint: { ip: "10.20.30.40" } }],
        metadata: { log_version: "2.31.0" },
      };
      await write(index, [JSON.stringify(event), "{}"]);
      expect(await count(index, { range: { "data.traffic.bytes": { gte: 4_000, lt: 6_000 } } })).toBe(1);
      for (const field of ["data.time", "data.start_time", "data.time_dt"]) {
        expect(await count(index, { range: { [field]: { gte: "2026-11-24", lte: "2026-11-24" } } }), field).toBe(1);
        expect(await count(index, { range: { [field]: { gt: 1_795_507_200_122, lte: 1_795_507_200_123 } } })).toBe(1);
      }
      expect(await count(index, { term: { "data.evidences.src_endpoint.ip": "10.20.0.0/16" } })).toBe(1);
      expect(await count(index, { wildcard: { "data.metadata.log_version": "2.*" } })).toBe(1);
      expect(await count(index, { prefix: { "data.metadata.log_version": "2.3" } })).toBe(1);
      expect(await count(index, { range: { "data.traffic.bytes": { gte: 6_000 } } })).toBe(0);
    });

    it("knows a date in each form that the field has seen", async () => {
      const index = newIndex();
      const noon = Date.UTC(2026, 10, 24, 12);
      const forms = [
        "2026-11-24T12:00:00.000Z",
        "2026-11-24T12:00:00Z",
        "2026-11-24T12:00:00.000000Z",
        "2026-11-24T12:00:00.000",
        "2026-11-24T13:00:00.000+01:00",
        "2026-11-24T12:00:00.000+0000",
        noon,
        String(noon),
      ];
      const events = forms.map((date) => JSON.stringify({ time: date, time_dt: date }));
      await write(index, [...events, JSON.stringify({ time: "-", time_dt: "soon" })]);
      for (const field of ["data.time", "data.time_dt"]) {
        for (const at of [noon, "2026-11-24T12:00:00Z", "2026-11-24T12:00:00.000Z"])
          expect(await count(index, { range: { [field]: { gte: at, lte: at } } })).toBe(forms.length);
        // The last day is whole: what a bound leaves out is rounded up.
        expect(await count(index, { range: { [field]: { gte: "2026-11-24", lte: "2026-11-24" } } })).toBe(forms.length);
        expect(await count(index, { range: { [field]: { gt: "2026-11-24T12:00:00Z||-1h/h", lt: "now+9999d" } } })).toBe(
          forms.length,
        );
        expect(await count(index, { range: { [field]: { lt: "2026-11-24" } } })).toBe(0);
      }
      const aggregations = { days: { date_histogram: { field: "data.time_dt", calendar_interval: "day" } } };
      const { body } = await client.search({ index, body: { size: 0, aggs: aggregations } } as never);
      const { buckets } = (body.aggregations as unknown as { days: { buckets: object[] } }).days;
      expect(buckets).toMatchObject([{ key_as_string: "2026-11-24T00:00:00.000Z", doc_count: forms.length }]);
    });

    it("is found by the free text of the dashboard's search bar where it is of the core", async () => {
      const index = newIndex();
      const flow = { src_endpoint: { instance_uid: "i-0c12d8af864eafcbb" } };
      await write(index, [JSON.stringify({ api: { operation: "AssumeRole" } }), JSON.stringify(flow), "{}"]);
      expect(await count(index, { query_string: { query: "AssumeRole" } })).toBe(1);
      expect(await count(index, { query_string: { query: "data.api.operation:Assume*" } })).toBe(1);
      expect(await count(index, { query_string: { query: "i-0c12d8af864eafcbb" } })).toBe(1);
    });

    it("is found by any of its observables, whole or in part", async () => {
      const index = newIndex();
      const observables = [{ value: "203.0.113.9" }, { value: "arn:aws:iam::111122223333:role/admin" }];
      await write(index, [JSON.stringify({ observables }), "{}"]);
      expect(await count(index, { query_string: { query: '"203.0.113.9"' } })).toBe(1);
      expect(await count(index, { wildcard: { "data.observables.value": "*role/ad*" } })).toBe(1);
      expect(await count(index, { prefix: { "data.observables.value": "203.0." } })).toBe(1);
    });
  });

  interface Aggregation {
    readonly type: string;
    readonly params: { readonly field?: string; readonly size?: number };
  }

  /** What Dashboards asks for a chart, whose aggregations are inside each other in their order. */
  function searchOf(aggregations: readonly Aggregation[], query: string): object {
    const [first, ...inner] = aggregations.filter(({ type }) => type !== "count");
    const sub = inner.length > 0 && { aggs: { inner: innerOf(inner[0] as Aggregation) } };
    return {
      size: 0,
      query: query === "" ? { match_all: {} } : { query_string: { query } },
      ...(first !== undefined && { aggs: { outer: { ...innerOf(first), ...sub } } }),
    };
  }

  function innerOf({ type, params: { field, size } }: Aggregation): object {
    return type === "terms" ? { terms: { field, size } } : { [type]: { field, fixed_interval: "1h" } };
  }

  it("every chart of the dashboard shows events", async () => {
    const index = newIndex();
    const event = {
      api: { operation: "AssumeRole" },
      actor: { user: { name: "someone" } },
      src_endpoint: { ip: "10.20.30.40" },
      dst_endpoint: { port: 443 },
      query: { hostname: "example.com" },
      finding_info: { title: "A finding" },
      cloud: { account: { uid: "123456789012" } },
    };
    await write(index, [JSON.stringify(event), '{"actor":"me"}']);
    const charts = savedObjects().filter(({ type }) => type === "visualization");
    for (const { attributes } of charts) {
      const { aggs } = JSON.parse(attributes.visState as string) as { aggs: Aggregation[] };
      const { searchSourceJSON } = attributes.kibanaSavedObjectMeta as { searchSourceJSON: string };
      const { query } = JSON.parse(searchSourceJSON) as { query: { query: string } };
      const { body } = await client.search({ index, body: searchOf(aggs, query.query) } as never);
      const { hits, aggregations } = body as unknown as {
        readonly hits: { readonly total: { readonly value: number } };
        readonly aggregations?: { readonly outer: { readonly buckets: { inner?: { buckets: unknown[] } }[] } };
      };
      expect(hits.total.value, attributes.title as string).toBeGreaterThan(0);
      if (aggregations === undefined) continue;
      expect(aggregations.outer.buckets.length, attributes.title as string).toBeGreaterThan(0);
      for (const { inner } of aggregations.outer.buckets) {
        if (inner !== undefined) expect(inner.buckets.length, attributes.title as string).toBeGreaterThan(0);
      }
    }
    expect(charts.length).toBeGreaterThan(10);
  });

  const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
  const tenThousand = (value: unknown): object =>
    Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`key${i}`, value]));

  const strange: readonly (readonly [name: string, event: string | Uint8Array])[] = [
    ["10,000 keys that are in no catalog", JSON.stringify({ ...tenThousand({ a: 1 }), unmapped: tenThousand("x") })],
    [
      "words for numbers, dates, addresses and flags",
      '{"time":"yesterday","class_uid":"many","src_endpoint":{"ip":"-","port":"http"},"is_mfa":"perhaps"}',
    ],
    ["an object where a word was", '{"severity":{"a":1},"class_uid":{"b":2},"time":{"c":3}}'],
    ["a word where an object was", '{"actor":"me","metadata":7}'],
    [
      "arrays where a value was, mixed",
      '{"severity":["a",1,null],"time":[1,"2026-11-24"],"src_endpoint":[{"ip":["1.2.3.4","x"]},{"ip":null}]}',
    ],
    ["nulls for everything", '{"actor":null,"severity":null,"src_endpoint":{"ip":null},"unmapped":null}'],
    [
      "keywords of 33 KB",
      JSON.stringify({ severity: "x".repeat(33_000), metadata: { uid: "\u{1f600}".repeat(33_000) } }),
    ],
    ["keys with dots", '{"actor.user.name":"d","a.b.c":1,"unmapped":{"a.b":1,"a":2,"x.":3,".y":4,"..":5}}'],
    ["keys of dots alone", '{"..":1,".x":2,"x.":3}'],
    ["empty keys", '{"":1,"actor":{"":2},"unmapped":{"":3}}'],
    ["blank keys", '{" ":1,"actor":{" ":2}}'],
    ["__proto__ and constructor", '{"__proto__":{"x":1},"constructor":{"prototype":2},"unmapped":{"__proto__":1}}'],
    ["depth 50", `{"unmapped":${nested(50)},"deep":${nested(50)},"actor":${nested(50)}}`],
    ["depth 2,000", `{"unmapped":${nested(2_000)},"deep":${nested(2_000)}}`],
    ["the same key twice", '{"severity":"a","severity":"b"}'],
    ["the same key twice in a payload", '{"unmapped":{"a":1,"a":2}}'],
    [
      "numbers beyond every type",
      '{"class_uid":123456789012345678901234567890,"traffic":{"bytes":1e400,"packets":18446744073709551615}}',
    ],
    ["a number of 5,000 digits", `{"unmapped":{"n":${"9".repeat(5_000)}}}`],
    ["NaN", '{"severity_id":NaN}'],
    ["control characters and half surrogates", '{"severity":"a\\u0000b\\ud800","metadata":{"uid":"\\u007f"}}'],
    ["bytes that are no UTF-8", Buffer.from('{"severity":"\xff\xfe"}', "latin1")],
    ["no object at all", "[1,2]"],
  ];

  describe("an event of a custom source", () => {
    const index = newIndex();

    it.each(strange)("with %s is accepted and visible", async (name, event) => {
      expect(await write(index, [event], name)).toEqual({ stored: 1, alreadyStored: 0, deadLettered: 0 });
      const visible = [
        { term: { "rule.groups": "amazon_security_lake" } },
        { term: { "security_lake.source": "custom" } },
      ];
      expect(await count(index, { bool: { filter: [{ ids: { values: [`${name}-0`] } }, ...visible] } })).toBe(1);
    });

    it("whatever it holds, leaves the mapping as it is", async () => {
      const index = newIndex();
      const fields = async (): Promise<number> => {
        const { body } = await client.indices.getMapping({ index });
        return JSON.stringify(body).split('"type"').length;
      };
      await write(index, ["{}"]);
      const before = await fields();
      await write(
        index,
        strange.map(([, event]) => event),
      );
      expect((await fields()) - before).toBe(0);
    });

    it("that the mapping refuses can be counted by its reason, and its data read", async () => {
      const index = newIndex();
      await write(index, ['{"actor":"me"}', "{}"]);
      expect(await count(index, { exists: { field: "security_lake.rejected" } })).toBe(1);
      expect(await count(index, { wildcard: { "security_lake.rejected": "*data.actor*" } })).toBe(1);
      const { body } = await client.get({ index, id: "e-0" });
      expect((body as { _source: object })._source).toMatchObject({
        data_unindexed: '{"actor":"me"}',
        security_lake: { row: 0 },
      });
    });
  });
}
