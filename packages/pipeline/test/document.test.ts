import { bufferSource, open, type RowBatch, rows } from "@threatlockdown/parquet-reader";
import { createRuleset } from "@threatlockdown/ruleset";
import { makeObject } from "@threatlockdown/tooling-lake";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createDocuments, documentColumns, type Manager } from "../src/document.ts";
import type { Discard } from "../src/filter.ts";
import { parseObjectKey } from "../src/object-key.ts";
import type { LakeObject } from "../src/s3-object.ts";

const day = Date.UTC(2024, 5, 11);
const generated = makeObject({ source: "cloud_trail_mgmt_2_0", rows: 20, from: day, to: day + 3_600_000, seed: 7 });

function lakeObject(overrides: Partial<LakeObject> = {}): LakeObject {
  const key = overrides.key ?? generated.key;
  return {
    bucket: "lake",
    key,
    etag: generated.etag,
    lastModified: new Date("2024-06-11T05:00:00Z"),
    origin: parseObjectKey(key),
    source: bufferSource(generated.bytes),
    ...overrides,
  };
}

async function batchOf(bytes: Uint8Array): Promise<RowBatch> {
  for await (const batch of rows(await open(bytes), { columns: documentColumns })) return batch;
  throw new Error("no rows");
}

interface Document {
  readonly index: string;
  readonly id: string;
  // biome-ignore lint/suspicious/noExplicitAny: documents are read as the dashboard does, by path.
  readonly source: Record<string, any>;
}

function documentsOf(batch: RowBatch, object: LakeObject, manager: Manager, discard?: Discard): Document[] {
  const body = createDocuments(manager, createRuleset(), discard).render(batch, object);
  return Array.from({ length: body.count }, (_, document) => {
    const [action, source] = Buffer.from(body.bytes.subarray(body.offsets[document], body.offsets[document + 1]))
      .toString()
      .split("\n");
    const { create } = JSON.parse(action);
    return { index: create._index, id: create._id, source: JSON.parse(source) };
  });
}

/** A batch whose only column is `time`. */
function batchAt(...times: unknown[]): RowBatch {
  const text = times.map(() => "{}\n").join("");
  return {
    firstRow: 0,
    rowCount: times.length,
    bytes: Buffer.from(text),
    offsets: Uint32Array.from({ length: times.length + 1 }, (_, row) => row * 3),
    columns: new Map([
      [
        "time",
        {
          ids: Int32Array.from(times, (time, row) => (time === null ? -1 : row)),
          dictionary: { length: times.length, value: (id: number) => times[id] as number },
        },
      ],
    ]),
  } as unknown as RowBatch;
}

describe("createDocuments", () => {
  it("puts rule and envelope around each event, whose own bytes stay as they are", async () => {
    const object = lakeObject();
    const documents = documentsOf(await batchOf(generated.bytes), object, { name: "manager-1" });
    const events = [...generated.events("omit")];
    expect(documents).toHaveLength(20);
    for (const [row, { id, index, source }] of documents.entries()) {
      const { rule, data, timestamp, "@timestamp": at, ...envelope } = source;
      expect(data).toEqual(JSON.parse(JSON.stringify(events[row])));
      expect(at).toBe(new Date(data.time).toISOString());
      expect(timestamp).toBe(at.replace("Z", "+0000"));
      expect(index).toBe(`wazuh-alerts-4.x-security-lake-${at.slice(0, 10).replaceAll("-", ".")}`);
      expect(rule).toMatchObject({ id: expect.any(String), level: expect.any(Number), firedtimes: 1 });
      expect(rule.groups[0]).toBe("amazon_security_lake");
      expect(envelope).toEqual({
        agent: { id: "000", name: "manager-1" },
        manager: { name: "manager-1" },
        decoder: { name: "json" },
        input: { type: "log" },
        location: "Wazuh-AWS",
        id,
        security_lake: {
          bucket: "lake",
          key: generated.key,
          etag: generated.etag,
          source: "CLOUD_TRAIL_MGMT",
          source_version: "2.0",
          region: object.origin.region,
          account: object.origin.account,
          event_day: "2024-06-11",
          class_uid: data.class_uid,
          class_name: data.class_name,
          ocsf_version: data.metadata.version,
          row,
        },
      });
    }
  });

  it("names cluster and node of a clustered manager", async () => {
    const cluster = { name: "prod", node: "worker-2" };
    const [{ source }] = documentsOf(await batchOf(generated.bytes), lakeObject(), { name: "m", cluster });
    expect(source.cluster).toEqual(cluster);
    expect(source.manager).toEqual({ name: "m" });
  });

  it("leaves out what is to be discarded; the others keep their row numbers", async () => {
    const batch = await batchOf(generated.bytes);
    const all = documentsOf(batch, lakeObject(), { name: "m" });
    const first = all[0].source.data.api.operation;
    const discard = { field: "api.operation", pattern: new RegExp(`^${first}$`) };
    const kept = documentsOf(batch, lakeObject(), { name: "m" }, discard);
    const expected = all.filter(({ source }) => source.data.api.operation !== first);
    expect(kept.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
    expect(kept.length).toBeGreaterThan(0);
    expect(documentsOf(batch, lakeObject(), { name: "m" }, { field: "no.such", pattern: /./ })).toHaveLength(20);
  });

  it("gives ids that depend on bucket, key, ETag and row, and on nothing else", async () => {
    const batch = await batchOf(generated.bytes);
    const ids = (object: LakeObject) => documentsOf(batch, object, { name: "m" }).map(({ id }) => id);
    const first = ids(lakeObject());
    expect(new Set(first).size).toBe(20);
    expect(ids(lakeObject({ lastModified: new Date("2026-01-01") }))).toEqual(first);
    for (const other of [{ bucket: "lake2" }, { key: `${generated.key}x` }, { etag: "other" }]) {
      expect(ids(lakeObject(other)).filter((id) => first.includes(id))).toEqual([]);
    }
    expect(first[3]).toMatch(/^[\w-]{22}-3$/);
  });

  it("sends an event to its own day, and one with an odd clock to the object's", () => {
    const days = 86_400_000;
    const times = [
      day + 5,
      day + 7 * days,
      day + 8 * days,
      day - 7 * days,
      day - 8 * days,
      0,
      null,
      1e300,
      -5n,
      "x",
      "2024-06-12T00:00:00Z",
      BigInt(day),
    ];
    const indices = documentsOf(batchAt(...times), lakeObject(), { name: "m" }).map(({ index }) => index.slice(-10));
    expect(indices).toEqual([
      "2024.06.11",
      "2024.06.18",
      "2024.06.11",
      "2024.06.04",
      ...Array(6).fill("2024.06.11"),
      "2024.06.12",
      "2024.06.11",
    ]);
  });

  describe("of a time that is text", () => {
    afterEach(() => {
      vi.unstubAllEnvs();
    });

    it.each(["UTC", "Asia/Tokyo", "America/New_York"])("knows the moment, whatever the machine's zone (%s)", (zone) => {
      vi.stubEnv("TZ", zone);
      expect(new Date(day).getTimezoneOffset() === 0).toBe(zone === "UTC");
      const texts = [
        "2024-06-12T01:02:03.004Z",
        "2024-06-12T01:02:03.004",
        "2024-06-12T01:02:03.004567",
        "2024-06-12 01:02:03.004",
        "2024-06-12T10:02:03.004+09:00",
        "2024-06-12T10:02:03.004+0900",
        String(Date.UTC(2024, 5, 12, 1, 2, 3, 4)),
      ];
      const documents = documentsOf(batchAt(...texts, "2024-06-12"), lakeObject(), { name: "m" });
      const moments = documents.map(({ source }) => source["@timestamp"]);
      expect(moments).toEqual([...texts.map(() => "2024-06-12T01:02:03.004Z"), "2024-06-12T00:00:00.000Z"]);
      expect(new Set(documents.map(({ index }) => index.slice(-10)))).toEqual(new Set(["2024.06.12"]));
    });

    it.each(["Jun 12 2024", "2024-06-12T25:00:00", "2024-13-12", "12/06/2024", "2024", ""])(
      "takes the object's day where it is in no form of ISO 8601 (%j)",
      (text) => {
        const [{ source, index }] = documentsOf(batchAt(text), lakeObject(), { name: "m" });
        expect(source["@timestamp"]).toBe("2024-06-11T00:00:00.000Z");
        expect(index).toMatch(/2024\.06\.11$/);
      },
    );
  });

  it("takes the day of writing where the key tells none", () => {
    for (const key of [
      "ext/okta/part.parquet",
      "ext/okta/eventDay=99999999/part.parquet",
      "ext/okta/eventDay=today/p",
    ]) {
      const object = lakeObject({ key, lastModified: new Date("2024-02-29T10:00:00Z") });
      const [{ index }] = documentsOf(batchAt(null), object, { name: "m" });
      expect(index).toBe("wazuh-alerts-4.x-security-lake-2024.02.29");
    }
    const object = lakeObject({ key: "ext/okta/part.parquet", lastModified: new Date("2024-02-29T10:00:00Z") });
    const [{ source }] = documentsOf(batchAt(null), object, { name: "m" });
    expect(source["@timestamp"]).toBe("2024-02-29T00:00:00.000Z");
    expect(source.security_lake).toMatchObject({ source: "okta", event_day: "2024-02-29" });
  });
});
