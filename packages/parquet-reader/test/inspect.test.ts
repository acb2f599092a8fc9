import { expect, it } from "vitest";
import { inspect, ndjson, open, toObjects } from "../src/index.ts";
import { generated, samples } from "./reading.ts";

const [sample] = samples();

it("a file is described from its footer alone", async () => {
  const found = inspect(await open(sample.bytes));
  expect(found).toMatchObject({ version: 1, rows: 1, keyValues: { "writer.model.name": "avro" } });
  expect(found.createdBy).toContain("parquet-mr version 1.10.0");
  expect(found.rowGroups).toHaveLength(1);
  const column = found.rowGroups[0].columns.find(({ path }) => path === "metadata.product.name");
  expect(column).toMatchObject({ type: "BYTE_ARRAY", codec: "GZIP", values: 1 });
  expect(found.schema).toContain("repeated group map (MAP) {");
  expect(found.schema).toContain("required int64 time;");
});

it("rows come as objects where a few are wanted", async () => {
  expect(await toObjects(await open(sample.bytes), { nulls: "keep" })).toEqual(sample.rows);
});

it("a file becomes NDJSON, so many rows and those columns", async () => {
  const file = await open(generated().find(({ rows }) => rows.length === 120)?.bytes ?? Buffer.alloc(0));
  let text = "";
  for await (const piece of ndjson(file, { limit: 70, select: ["class_uid"] })) text += Buffer.from(piece).toString();
  const lines = text.split("\n");
  expect(lines).toHaveLength(71);
  expect(lines[0]).toMatch(/^\{"class_uid":\d+\}$/);
});
