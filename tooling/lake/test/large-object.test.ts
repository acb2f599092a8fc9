import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { makeLargeObject, parquetSchema } from "../src/index.ts";
import { columnMetadata, readFooter } from "../src/parquet/footer.ts";
import { readTable } from "../src/table.ts";
import { queryWithDuckDb, readWithDuckDb } from "./duckdb.ts";

const to = Date.UTC(2024, 5, 11, 10);

describe("a large object", () => {
  const object = makeLargeObject({ source: "vpc_flow_2_0", rows: 300, to, rowGroupBytes: [300_000, 1_000_000] });
  const file = Buffer.concat([...object.pieces()]);

  it("has row groups of the sizes that were asked for, and the size that it says", () => {
    expect(file.length).toBe(object.size);
    expect(createHash("md5").update(file).digest("hex")).toBe(object.etag);
    const sizes = columnMetadata(readFooter(file).footer).map((columns) =>
      columns.reduce((sum, column) => sum + Number(column[7]?.value), 0),
    );
    expect(sizes).toHaveLength(2);
    expect(sizes[0]).toBeGreaterThanOrEqual(300_000);
    expect(sizes[1]).toBeGreaterThanOrEqual(1_000_000);
    expect(sizes[1]).toBeLessThan(1_100_000);
  });

  it("has its distinct rows again and again", async () => {
    const [counted] = await queryWithDuckDb(
      "SELECT count(*)::INT AS rows, sum(traffic.bytes)::DOUBLE AS bytes FROM file",
      file,
    );
    const events = [...object.events()];
    const once = events.reduce((sum, { traffic }) => sum + ((traffic as { bytes: number | null }).bytes ?? 0), 0);
    expect(events).toHaveLength(object.distinctRows);
    expect(counted).toEqual({ rows: object.rows, bytes: once * (object.rows / object.distinctRows) });
    const small = makeLargeObject({ source: "vpc_flow_2_0", rows: 20, to, rowGroupBytes: [20_000] });
    const rows = await readWithDuckDb(
      parquetSchema(readTable("vpc_flow_2_0"), "asl"),
      Buffer.concat([...small.pieces()]),
    );
    const distinct = [...small.events()];
    expect(rows).toEqual(rows.map((_, at) => distinct[at % distinct.length]));
  });
});
