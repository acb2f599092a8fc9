import { describe, expect, it } from "vitest";
import { type ByteSource, open, rows } from "../src/index.ts";
import { batches, generated, objects, parse, samples, text, withoutNulls } from "./reading.ts";

const all = [...samples(), ...generated()];

/** A source over a buffer that counts what is cut out of it. */
function counted(bytes: Uint8Array): ByteSource & { slices: [number, number][] } {
  const slices: [number, number][] = [];
  return {
    slices,
    byteLength: bytes.length,
    async slice(start, end) {
      slices.push([start, end]);
      return bytes.slice(start, end);
    },
  };
}

describe.each(all)("$name", ({ bytes, rows: expected }) => {
  it("has the expected rows, nulls kept", async () => {
    expect(await objects(bytes, { nulls: "keep" })).toEqual(expected);
  });

  it("has the expected rows, nulls and all-null groups omitted", async () => {
    expect(await objects(bytes)).toEqual(expected.map((row) => withoutNulls(row) ?? {}));
  });

  it("has the same rows in batches of three", async () => {
    const found = await batches(bytes, { maxRows: 3 });
    expect(found.every(({ rowCount }) => rowCount >= 1 && rowCount <= 3)).toBe(true);
    expect(found.map((batch) => Buffer.from(batch.bytes).toString()).join("")).toBe(await text(bytes));
  });

  it("comes in at most two slices, the footer first", async () => {
    const source = counted(bytes);
    const file = await open(source);
    expect(source.slices).toEqual([[Math.max(0, bytes.length - 65_536), bytes.length]]);
    let count = 0;
    for await (const batch of rows(file)) count += batch.rowCount;
    expect(count).toBe(expected.length);
    expect(source.slices.length).toBeLessThanOrEqual(1 + file.metadata.rowGroups.length);
  });
});

describe("batches", () => {
  const many = generated().find(({ rows: expected }) => expected.length === 120);
  const bytes = many?.bytes ?? Buffer.alloc(0);

  it("are cut by offsets without parsing", async () => {
    for (const batch of await batches(bytes, { maxRows: 50 })) {
      expect(batch.offsets).toHaveLength(batch.rowCount + 1);
      const lines = Array.from({ length: batch.rowCount }, (_, i) =>
        Buffer.from(batch.bytes.subarray(batch.offsets[i], batch.offsets[i + 1] - 1)).toString(),
      );
      expect(parse(lines.join("\n"))).toEqual(parse(Buffer.from(batch.bytes).toString()));
    }
  });

  it("know the number of their first row", async () => {
    let next = 0;
    for (const batch of await batches(bytes, { maxRows: 7 })) {
      expect(batch.firstRow).toBe(next);
      next += batch.rowCount;
    }
    expect(next).toBe(120);
  });

  it("end with the row that reaches the bytes wanted", async () => {
    const found = await batches(bytes, { maxBytes: 5000 });
    expect(found.length).toBeGreaterThan(10);
    for (const { bytes: part, offsets, rowCount } of found) {
      expect(offsets[rowCount - 1]).toBeLessThan(5000);
      expect(offsets[rowCount]).toBe(part.length);
    }
    expect(found.map((batch) => Buffer.from(batch.bytes).toString()).join("")).toBe(await text(bytes));
  });

  it("stop when the signal is aborted", async () => {
    const controller = new AbortController();
    const reading = rows(await open(bytes), { maxRows: 10, signal: controller.signal });
    await reading.next();
    controller.abort(new Error("enough"));
    await expect(reading.next()).rejects.toThrow("enough");
  });
});

describe("columns", () => {
  const paths = ["class_uid", "time", "metadata.product.name", "severity", "status", "time_dt", "no.such.column"];
  const at = (row: unknown, path: string): unknown =>
    path.split(".").reduce((value: unknown, key) => (value as Record<string, unknown> | null | undefined)?.[key], row);

  it.each(all)("of $name hold what the rows hold", async ({ bytes, rows: expected }) => {
    for (const batch of await batches(bytes, { columns: paths, maxRows: 50 })) {
      expect(batch.columns.has("no.such.column")).toBe(false);
      for (const [path, { ids, dictionary }] of batch.columns) {
        expect(ids).toHaveLength(batch.rowCount);
        ids.forEach((id, i) => {
          const value = id < 0 ? null : dictionary.value(id);
          expect(value).toEqual(at(expected[batch.firstRow + i], path) ?? null);
        });
      }
    }
  });

  it("keep the same dictionary while a row group lasts", async () => {
    const bytes = generated().find(({ rows: expected }) => expected.length === 120)?.bytes ?? Buffer.alloc(0);
    const found = await batches(bytes, { columns: ["class_uid"], maxRows: 16 });
    const dictionaries = new Set(found.map((batch) => batch.columns.get("class_uid")?.dictionary));
    expect(dictionaries.size).toBe(2);
  });
});

describe("project", () => {
  it("gives the wanted columns and groups alone", async () => {
    const [first] = samples();
    const [row] = await objects(first.bytes, { project: ["cloud", "metadata.product.name", "unmapped"] });
    const event = first.rows[0] as Record<string, Record<string, Record<string, unknown>>>;
    expect(row).toEqual({
      cloud: event.cloud,
      metadata: { product: { name: event.metadata.product.name } },
      unmapped: event.unmapped,
    });
  });
});
