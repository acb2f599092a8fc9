import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { type Group, parquetFile } from "@threatlockdown/tooling-lake";
import parquetjs from "parquetjs-lite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { objects, samples, text } from "./reading.ts";

const folder = mkdtempSync(join(tmpdir(), "parquet-peers-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("what DuckDB writes", () => {
  let database: DuckDBInstance;
  beforeAll(async () => {
    database = await DuckDBInstance.create(":memory:");
  });
  afterAll(() => database.closeSync());

  const query = `SELECT
      i AS whole, i * 1000000007 AS long, ((i % 200) - 100)::TINYINT AS tiny, (i % 250)::UTINYINT AS utiny,
      CASE WHEN i % 7 = 0 THEN NULL ELSE 'name "' || (i % 13) || '" é' END AS name,
      i / 8.0 AS ratio, i % 2 = 0 AS even, ('00000000-0000-4000-8000-' || lpad(i::VARCHAR, 12, '0'))::UUID AS id,
      (i * 1.25)::DECIMAL(9, 2) AS price, (i::HUGEINT * 123456789012345)::DECIMAL(30, 3) AS wide,
      DATE '2020-02-28' + i::INTEGER AS day,
      [i, NULL, i + 1] AS list, CASE WHEN i % 3 = 0 THEN [] ELSE [[i], [], [i, i]] END AS lists,
      {'a': i, 'b': {'c': 'x' || i, 'd': NULL::INTEGER}} AS struct,
      [{'k': i, 'v': ['p', 'q']}, {'k': NULL, 'v': NULL}] AS structs,
      map {'one': i, 'two': NULL} AS map
    FROM range(500) t(i)`;
  const ways = ["snappy", "zstd", "gzip", "brotli", "lz4_raw", "uncompressed"].flatMap((codec) =>
    ["V1", "V2"].map((version) => ({ codec, version })),
  );

  it.each(ways)("is read as DuckDB itself reads it: $codec, $version", async ({ codec, version }) => {
    const connection = await database.connect();
    const path = join(folder, `${codec}-${version}.parquet`);
    const json = `${path}.json`;
    const options = `FORMAT parquet, CODEC '${codec}', PARQUET_VERSION '${version}', ROW_GROUP_SIZE 200`;
    await connection.run(`COPY (${query}) TO '${path}' (${options})`);
    await connection.run(`COPY (SELECT * FROM '${path}') TO '${json}' (FORMAT json)`);
    const expected = readFileSync(json, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(await objects(readFileSync(path), { nulls: "keep" })).toEqual(expected);
    connection.closeSync();
  });
});

describe("what pyarrow writes", () => {
  it.each(["int", "bytes", "int96"])("is read to the text of its own values: types/%s.parquet", async (name) => {
    const fixture = (ending: string): Buffer =>
      readFileSync(new URL(`./fixtures/types/${name}.${ending}`, import.meta.url));
    expect(await text(fixture("parquet"), { nulls: "keep" })).toBe(fixture("ndjson").toString());
  });
});

describe("parquetjs-lite", () => {
  it("writes what we read", async () => {
    const schema = new parquetjs.ParquetSchema({
      name: { type: "UTF8", compression: "SNAPPY" },
      count: { type: "INT64", optional: true, compression: "GZIP" },
      when: { type: "TIMESTAMP_MILLIS" },
      tags: { type: "UTF8", repeated: true },
      stock: { repeated: true, fields: { price: { type: "DOUBLE" }, places: { type: "UTF8", repeated: true } } },
    });
    const path = join(folder, "parquetjs.parquet");
    const writer = await parquetjs.ParquetWriter.openFile(schema, path);
    const rows = Array.from({ length: 300 }, (_, i) => ({
      name: `n${i}`,
      ...(i % 3 === 0 ? {} : { count: i }),
      when: new Date(1.7e12 + i),
      tags: Array.from({ length: i % 4 }, (_, j) => `t${j}`),
      stock: Array.from({ length: i % 3 }, (_, j) => ({ price: j / 2, places: ["a", "b"].slice(0, j + 1) })),
    }));
    for (const row of rows) await writer.appendRow(row);
    await writer.close();
    expect(await objects(readFileSync(path))).toEqual(rows.map((row) => ({ ...row, when: row.when.toISOString() })));
  });

  const readBack = async (bytes: Uint8Array): Promise<unknown[]> => {
    const path = join(folder, "peer.parquet");
    writeFileSync(path, bytes);
    const reader = await parquetjs.ParquetReader.openFile(path);
    try {
      const cursor = reader.getCursor();
      const rows: unknown[] = [];
      for (let row = await cursor.next(); row; row = await cursor.next()) rows.push(row);
      return rows;
    } finally {
      await reader.close();
    }
  };

  const one: Group = {
    name: "r",
    repetition: "required",
    fields: [{ name: "s", repetition: "required", type: "BYTE_ARRAY", annotation: { is: "STRING" } }],
  };
  const old = { codec: "gzip", formatVersion: 1, annotations: "converted", dictionary: "never", crc: false } as const;

  it("reads the same from a file that it supports", async () => {
    const bytes = parquetFile(one, [{ s: "a" }, { s: "b" }], old);
    expect(await readBack(bytes)).toEqual(await objects(bytes));
  });

  it.each([
    ["version 2 of the footer", { ...old, formatVersion: 2 } as const],
    ["the codec of custom sources, zstd", { ...old, codec: "zstd" } as const],
  ])("does not read %s", async (_, options) => {
    const bytes = parquetFile(one, [{ s: "a" }, { s: "b" }], options);
    const found = await readBack(bytes).catch((error: unknown) => error);
    expect(await objects(bytes)).toEqual([{ s: "a" }, { s: "b" }]);
    expect(found).not.toEqual(await objects(bytes));
  });

  it("does not read what Security Lake writes, which is why it is no more than a peer here", async () => {
    const [{ bytes, rows: expected }] = samples();
    const found = await readBack(bytes).catch((error: unknown) => error);
    expect(found).not.toEqual(expected);
  });
});
