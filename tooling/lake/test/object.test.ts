import { describe, expect, it } from "vitest";
import { makeLake, makeObject, type ObjectOptions, parquetSchema, sourceNames } from "../src/index.ts";
import { type Codec, codecs } from "../src/parquet/codec/codec.ts";
import { columnMetadata, readFooter } from "../src/parquet/footer.ts";
import type { Struct, Thrift } from "../src/parquet/thrift.ts";
import { readTable } from "../src/table.ts";
import { readWithDuckDb } from "./duckdb.ts";

const to = Date.UTC(2024, 5, 11, 10);

async function expectReadable(options: ObjectOptions): Promise<void> {
  const object = makeObject({ to, ...options });
  const layout = options.layout ?? (options.source === "identity_provider" ? "modern" : "asl");
  const found = await readWithDuckDb(parquetSchema(readTable(options.source), layout), object.bytes);
  expect(found).toEqual([...object.events()]);
}

describe("an independent reader finds the expected events", () => {
  it.each(sourceNames)("in an object of %s", async (source) => {
    await expectReadable({ source, rows: 300 });
  });

  it.each(sourceNames)("in %s in the modern layout", async (source) => {
    await expectReadable({ source, rows: 120, layout: "modern", codec: "zstd", seed: 2 });
  });

  // DuckDB knows no LZ4 in Hadoop frames.
  it.each(Object.keys(codecs).filter((codec) => codec !== "lz4") as Codec[])("compressed with %s", async (codec) => {
    await expectReadable({ source: "cloud_trail_mgmt_2_0", rows: 400, codec });
  });

  it.each([1, 2] as const)("in pages of version %i, small ones, in several row groups", async (pageVersion) => {
    const small = { rows: 500, rowGroupRows: 130, pageBytes: 600, pageVersion } as const;
    await expectReadable({ source: "eks_audit_2_0", ...small });
    await expectReadable({ source: "sh_findings_2_0", ...small, layout: "modern" });
  });

  it.each(["always", "never"] as const)("with dictionaries %s", async (dictionary) => {
    await expectReadable({ source: "waf_2_0", rows: 200, dictionary });
  });

  it("with dictionaries that are given up in mid-chunk", async () => {
    const options = { source: "vpc_flow_2_0", rows: 3000, dictionary: "always", dictionaryBytes: 400 } as const;
    await expectReadable({ ...options, pageBytes: 900 });
    const [columns] = columnMetadata(readFooter(makeObject({ to, ...options }).bytes).footer);
    const mixed = columns?.filter((column) => encodingIds(column).includes(0) && encodingIds(column).includes(2));
    expect(mixed?.length).toBeGreaterThan(5);
  });

  it("in an object of no rows and of one", async () => {
    await expectReadable({ source: "waf_2_0", rows: 0 });
    await expectReadable({ source: "sh_findings_1_0", rows: 1 });
  });
});

describe("an object", () => {
  it("is the same for the same seed and options, and another for another seed", () => {
    const make = (seed: number) => makeObject({ source: "route53_2_0", rows: 50, to, seed });
    expect(make(7).bytes).toEqual(make(7).bytes);
    expect(make(7).key).toBe(make(7).key);
    expect(make(8).etag).not.toBe(make(7).etag);
    expect(make(8).key).not.toBe(make(7).key);
  });

  it("has the key of its source, account, region and day", () => {
    const object = makeObject({ source: "vpc_flow_2_0", rows: 1, to, account: "210987654321", region: "eu-west-1" });
    expect(object.key).toMatch(
      /^aws\/VPC_FLOW\/2\.0\/region=eu-west-1\/accountId=210987654321\/eventDay=20240611\/[0-9a-f]{32}\.gz\.parquet$/,
    );
    expect(makeObject({ source: "identity_provider", rows: 1, to }).key).toMatch(/^ext\/.+\.zstd\.parquet$/);
  });

  it("has its events sorted by time, inside of the window", () => {
    const from = to - 60_000;
    const times = [...makeObject({ source: "waf_2_0", rows: 200, from, to }).events()].map(
      ({ time }) => time as number,
    );
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(times[0]).toBeGreaterThanOrEqual(from);
    expect(times.at(-1)).toBeLessThan(to);
  });

  it("tells its events without nulls and empty groups on request", () => {
    const [event] = makeObject({ source: "vpc_flow_1_0", rows: 1, to }).events("omit");
    expect(JSON.stringify(event)).not.toContain("null");
    const [kept] = makeObject({ source: "sh_findings_1_0", rows: 1, to }).events("keep");
    expect(kept).toMatchObject({ process: { name: null, parent_process: { pid: null } } });
  });
});

describe("a lake", () => {
  it("has objects of every source, accounts and keys of their own", () => {
    const objects = [...makeLake({ objects: 3, rows: 5, to })];
    expect(objects).toHaveLength(3 * sourceNames.length);
    expect(new Set(objects.map(({ key }) => key)).size).toBe(objects.length);
    expect(new Set(objects.map(({ source }) => source))).toEqual(new Set(sourceNames));
    expect(new Set(objects.map(({ key }) => /accountId=(\d{12})/.exec(key)?.[1])).size).toBe(3);
  });
});

function encodingIds(column: Struct): number[] {
  return ((column[2]?.value ?? []) as readonly Thrift[]).map(({ value }) => value as number);
}
