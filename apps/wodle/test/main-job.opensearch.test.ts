import { createLab, generatedSamples, type Lab, realSamples, until } from "@threatlockdown/tooling-lab";
import { makeLake, makeObject } from "@threatlockdown/tooling-lake";
import { useOpenSearch } from "@threatlockdown/tooling-opensearch/vitest";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const server = useOpenSearch();
const indices = "wazuh-alerts-4.x-security-lake-*";
let lab: Lab;

interface Hit {
  readonly _index: string;
  readonly _id: string;
  readonly _version: number;
  // biome-ignore lint/suspicious/noExplicitAny: documents are read as the dashboard does, by path.
  readonly _source: Record<string, any>;
}

/** What an analyst finds by the product's filter, of this test's lake: the server may hold others. */
async function found(query: object = { term: { "rule.groups": "amazon_security_lake" } }): Promise<Hit[]> {
  await server.request("POST", `/${indices}/_refresh`);
  const filter = [query, { term: { "security_lake.bucket": lab.subscription.bucket } }];
  const search = { query: { bool: { filter } }, size: 10_000, version: true };
  const answer = await server.request("POST", `/${indices}/_search`, search);
  return (answer as { hits: { hits: Hit[] } }).hits.hits;
}

/** Bucket's place in the lake, and the row: what each event is known by. */
const place = ({ _source }: Hit) => `${_source.security_lake.key} ${_source.security_lake.row}`;
const places = (objects: readonly { key: string; rows: number }[]) =>
  objects.flatMap(({ key, rows }) => Array.from({ length: rows }, (_, row) => `${key} ${row}`)).sort();

describe("the main job, on real OpenSearch", () => {
  let now = 0;
  beforeEach(async () => {
    now = 0;
    lab = await createLab({
      indexer: indexerOf(server.url),
      aws: { now: () => Date.now() + now },
      cluster: { name: "prod", node: "worker-1" },
      subscription: { visibilityTimeout: 60 },
    });
  });
  afterEach(async () => {
    const hits = await found();
    const deletions = hits.map(({ _index, _id }) => `${JSON.stringify({ delete: { _index, _id } })}\n`);
    if (hits.length > 0) await server.request("POST", "/_bulk?refresh=true", deletions.join(""));
    await lab.close();
  });

  it("shows every event of samples and generated objects once, in its day's index, and a replay changes nothing", async () => {
    const samples = [...realSamples(), ...generatedSamples()];
    const objects = [...makeLake({ rows: 20, seed: 11 })];
    const lake = [
      ...samples.map(({ key, bytes, events }) => ({
        key,
        bytes,
        rows: events.length,
        events: events.map(withoutNulls),
      })),
      ...objects.map((object) => ({ ...object, events: [...object.events("omit")] })),
    ];
    for (const file of lake) lab.put(file);
    const run = await lab.once("--json");
    expect(run.stderr()).not.toMatch(/ERROR|WARNING/);
    expect(run.code).toBe(0);
    expect(lab.messages()).toBe(0);
    expect(await lab.deadLetters()).toEqual([]);

    const hits = await found();
    expect(hits.map(place).sort()).toEqual(places(lake));
    const events = new Map(lake.map(({ key, events }) => [key, events]));
    for (const { _index, _id, _version, _source } of hits) {
      const { data, security_lake: origin, rule } = _source;
      expect(data).toEqual(events.get(origin.key)?.[origin.row]);
      expect(_index.slice(-10)).toBe(new Date(data.time).toISOString().slice(0, 10).replaceAll("-", "."));
      expect(_version).toBe(1);
      expect(_source).toMatchObject({
        "@timestamp": new Date(data.time).toISOString(),
        timestamp: new Date(data.time).toISOString().replace("Z", "+0000"),
        id: _id,
        location: "Wazuh-AWS",
        decoder: { name: "json" },
        input: { type: "log" },
        agent: { id: "000" },
        cluster: { name: "prod", node: "worker-1" },
        security_lake: { bucket: lab.subscription.bucket, region: "us-east-1", account: "111122223333" },
      });
      expect(_source.manager.name).toBe(_source.agent.name);
      expect(rule.level).toBeGreaterThanOrEqual(3);
    }

    for (const { key } of lake) {
      lab.aws.announce({ bucket: lab.subscription.bucket, key, queue: lab.subscription.queueUrl });
    }
    const again = JSON.parse((await lab.once("--json")).stdout());
    expect(again).toMatchObject({ events: hits.length, stored: 0, alreadyStored: hits.length });
    const identity = ({ _index, _id, _version }: Hit) => `${_index} ${_id} ${_version}`;
    expect((await found()).map(identity).sort()).toEqual(hits.map(identity).sort());
  });

  it("answers what an analyst asks of the typed fields", async () => {
    lab.put(makeObject({ source: "vpc_flow_2_0", rows: 200, seed: 12 }));
    await lab.once();
    const total = (await found()).length;
    expect(total).toBe(200);
    const { aggregations } = (await server.request("POST", `/${indices}/_search`, {
      size: 0,
      query: {
        bool: {
          filter: [
            { range: { timestamp: { gte: "now-1d", lte: "now" } } },
            { term: { "security_lake.bucket": lab.subscription.bucket } },
          ],
        },
      },
      aggs: {
        source: { terms: { field: "security_lake.source" } },
        severity: { terms: { field: "data.severity" } },
        level: { terms: { field: "rule.level" } },
      },
    })) as { aggregations: Record<string, { buckets: { doc_count: number }[] }> };
    for (const name of ["source", "severity", "level"]) {
      expect(aggregations[name].buckets.reduce((sum, { doc_count }) => sum + doc_count, 0)).toBe(200);
    }
    expect((await found({ term: { "data.src_endpoint.ip": "0.0.0.0/0" } })).length).toBeGreaterThan(0);
  });

  it("loses and doubles nothing when it is killed in the middle", async () => {
    const objects = Array.from({ length: 40 }, (_, seed) =>
      makeObject({ source: "route53_2_0", rows: 50, seed: `k${seed}` }),
    );
    for (const object of objects) lab.put(object);
    const slow = lab.aws.faults.add({ service: "s3", operation: "GetObject", latency: 50 });
    const killed = lab.wodle(["once", "--concurrency", "3"]);
    await until(() => lab.messages() < objects.length);
    killed.kill("SIGKILL");
    expect((await killed.ended).signal).toBe("SIGKILL");
    const stored = (await found()).length;
    expect(stored).toBeLessThan(2000);
    slow();
    now = 61_000; // The leases of the dead process run out.
    const { code, stderr } = await lab.once();
    expect(stderr()).not.toMatch(/ERROR/);
    expect(code).toBe(0);
    expect(lab.messages()).toBe(0);
    expect((await found()).map(place).sort()).toEqual(places(objects));
  });

  it("finishes what is running on SIGTERM, and leaves the rest in the queue", async () => {
    const objects = Array.from({ length: 60 }, (_, seed) =>
      makeObject({ source: "route53_2_0", rows: 20, seed: `t${seed}` }),
    );
    for (const object of objects) lab.put(object);
    lab.aws.faults.add({ service: "s3", operation: "GetObject", latency: 100 });
    lab.aws.requests.clear();
    const wodle = lab.wodle(["once", "--concurrency", "2", "--json"]);
    await until(() => lab.messages() < objects.length);
    wodle.kill("SIGTERM");
    expect((await wodle.ended).code).toBe(0);
    const { deleted, events, left } = JSON.parse(wodle.stdout());
    // What was begun is finished. What a poll brought after the signal goes back unopened, and counts as left.
    expect(deleted).toBe(lab.aws.requests.count({ operation: "GetObject" }));
    expect(left).toBeLessThanOrEqual(60 - deleted);
    expect(deleted).toBeLessThan(60);
    expect(events).toBe(deleted * 20);
    expect(lab.messages()).toBe(60 - deleted);
    expect((await found()).length).toBe(events);
  });
});

/** OPENSEARCH_URL may carry user and password, which ossec.conf may not. */
function indexerOf(text: string): { url: string; username?: string; password?: string } {
  const { origin, username, password } = new URL(text);
  if (username === "") return { url: origin };
  return { url: origin, username: decodeURIComponent(username), password: decodeURIComponent(password) };
}

/** As the reader renders events by default: nulls and groups without any value are left out. */
function withoutNulls(value: Record<string, unknown>): Record<string, unknown> {
  const clean = (item: unknown): unknown => {
    if (Array.isArray(item)) return item.map((element) => clean(element) ?? (element === null ? null : {}));
    if (typeof item !== "object" || item === null) return item ?? undefined;
    const members = Object.entries(item).flatMap(([name, member]) => {
      const kept = clean(member);
      return kept === undefined ? [] : [[name, kept] as const];
    });
    return members.length === 0 && Object.keys(item).length > 0 ? undefined : Object.fromEntries(members);
  };
  return clean(value) as Record<string, unknown>;
}
