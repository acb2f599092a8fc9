import { createHash } from "node:crypto";
import { makeLargeObject, makeObject, parquetFile } from "@threatlockdown/tooling-lake";
import { describe, expect, it } from "vitest";
import { type ByteSource, open, rows } from "../src/index.ts";
import { text } from "./reading.ts";

type Cut = readonly [start: number, end: number];

/** A source that writes down what it is asked for, and what it is told to expect. */
function watched(bytes: Uint8Array): ByteSource & { asked: Cut[]; expected: Cut[] } {
  const [asked, expected]: [Cut[], Cut[]] = [[], []];
  return {
    asked,
    expected,
    byteLength: bytes.length,
    async slice(start, end) {
      asked.push([start, end]);
      return bytes.subarray(start, end);
    },
    expect: (start, end) => void expected.push([start, end]),
  };
}

/** Every cut that was expected was asked for later, and no byte twice. */
function checkCuts({ asked, expected }: { asked: Cut[]; expected: Cut[] }): void {
  const place = (cut: Cut) => asked.findIndex(([start, end]) => start === cut[0] && end === cut[1]);
  expect(expected.filter((cut) => place(cut) < 0)).toEqual([]);
  const pages = asked.slice(1).sort((a, b) => a[0] - b[0]); // the first is the file's tail, with the footer
  expect(pages.filter(([start], index) => index > 0 && start < (pages[index - 1] as Cut)[1])).toEqual([]);
}

async function hashOf(source: ByteSource): Promise<{ hash: string; count: number }> {
  const hash = createHash("sha256");
  let count = 0;
  for await (const batch of rows(await open(source))) {
    hash.update(batch.bytes);
    count += batch.rowCount;
  }
  return { hash: hash.digest("hex"), count };
}

/** The rows of a large object are its few distinct ones, again and again. */
function expectedHash(large: ReturnType<typeof makeLargeObject>, distinct: Uint8Array): string {
  const hash = createHash("sha256");
  for (let done = 0; done < large.rows; done += large.distinctRows) hash.update(distinct);
  return hash.digest("hex");
}

describe("many small row groups", () => {
  const { bytes } = makeObject({ source: "cloud_trail_mgmt_2_0", rows: 4000, seed: 1, rowGroupRows: 20 });

  it("come in few slices, and are the same rows", async () => {
    const source = watched(bytes);
    const { hash } = await hashOf(source);
    expect(hash).toBe(
      createHash("sha256")
        .update(await text(bytes))
        .digest("hex"),
    );
    expect(source.asked.length).toBeLessThan(3 + bytes.length / (4 << 20));
    checkCuts(source);
  });

  it("lie apart where few columns are wanted, and come in a slice each", async () => {
    const { bytes: wide } = makeObject({
      source: "eks_audit_2_0",
      rows: 3000,
      seed: 2,
      rowGroupRows: 1000,
      codec: "none",
    });
    const source = watched(wide);
    const project = ["time", "unmapped"];
    let found = "";
    for await (const batch of rows(await open(source), { project })) found += Buffer.from(batch.bytes).toString();
    expect(found).toBe(await text(wide, { project }));
    const fetched = source.asked.slice(1).reduce((sum, [start, end]) => sum + end - start, 0);
    expect(fetched).toBeLessThan(wide.length / 2);
    checkCuts(source);
  });
});

describe("what follows", () => {
  it("is expected as soon as what is before it has come, one stretch of row groups at a time", async () => {
    const mebibyte = 1 << 20;
    const large = makeLargeObject({
      source: "route53_2_0",
      seed: 3,
      rows: 500,
      rowGroupBytes: [3, 3, 6, 1, 1, 1, 5].map((size) => size * mebibyte),
    });
    const bytes = Buffer.concat([...large.pieces()]);
    const source = watched(bytes);
    const file = await open(source);
    const reading = rows(file);
    await reading.next();
    const [, second, third] = file.metadata.rowGroups.map(({ columns }) => columns);
    expect(source.asked).toHaveLength(2);
    const startOf = (columns: typeof second) =>
      Math.min(...(columns ?? []).map(({ dataPageOffset }) => dataPageOffset));
    expect(source.expected).toEqual([[startOf(second), startOf(third)]]);
    for await (const _ of reading);
    expect(source.asked.slice(1)).toHaveLength(5); // the three of 1 MiB together
    expect(source.expected).toHaveLength(4);
    checkCuts(source);
  });

  it.each([
    { what: "pages of a row group too large to hold", pageBytes: 1 << 16 },
    { what: "pages larger than what is fetched at a time", pageBytes: 12 << 20 },
  ])(
    "$what: each byte comes once, as expected, and makes the same rows",
    async ({ pageBytes }) => {
      const sizes = [18, 2, 17].map((size) => size << 20);
      const large = makeLargeObject({
        source: "cloud_trail_mgmt_2_0",
        seed: 4,
        rows: 2000,
        rowGroupBytes: sizes,
        pageBytes,
        codec: "none",
      });
      const bytes = Buffer.concat([...large.pieces()]);
      const distinct = large.distinctRows;
      const first = Buffer.from(
        (await rows(await open(bytes), { maxRows: distinct, maxBytes: 1 << 27 }).next()).value?.bytes ?? [],
      );
      const source = watched(bytes);
      const { hash, count } = await hashOf(source);
      expect(count).toBe(large.rows);
      expect(hash).toBe(expectedHash(large, first));
      expect(source.expected.length).toBeGreaterThan(20);
      checkCuts(source);
    },
    180_000,
  );
});

it("a page larger than what was expected comes in two cuts, the first of them the expected one", async () => {
  const schema = {
    name: "root",
    repetition: "required",
    fields: [{ name: "text", repetition: "required", type: "BYTE_ARRAY", annotation: { is: "STRING" } }],
  } as const;
  // One column: 4 MiB are fetched of it at a time, and its pages have 6.
  const written = Array.from({ length: 20 }, (_, row) => ({ text: String.fromCharCode(97 + row).repeat(1 << 20) }));
  const bytes = parquetFile(schema, written, { codec: "none", dictionary: "never", pageBytes: 6 << 20 });
  const source = watched(bytes);
  let found = 0;
  for await (const batch of rows(await open(source))) {
    for (const line of Buffer.from(batch.bytes).toString().trimEnd().split("\n")) {
      expect(JSON.parse(line).text === written[found++]?.text).toBe(true);
    }
  }
  expect(found).toBe(written.length);
  expect(source.expected.length).toBeGreaterThan(1);
  checkCuts(source);
});

it("a source that fails what it was told to expect fails the row group that needs it, after the rows before it", async () => {
  const large = makeLargeObject({ source: "route53_2_0", seed: 5, rows: 500, rowGroupBytes: [5 << 20, 5 << 20] });
  const bytes = Buffer.concat([...large.pieces()]);
  const file = await open({
    byteLength: bytes.length,
    slice: (start: number, end: number) => {
      if (start > 4 << 20 && end < bytes.length - 1000) return Promise.reject(new Error("no connection"));
      return bytes.subarray(start, end);
    },
    expect: () => {},
  });
  let count = 0;
  const reading = (async () => {
    for await (const batch of rows(file)) count += batch.rowCount;
  })();
  await expect(reading).rejects.toThrow("no connection");
  expect(count).toBe(file.metadata.rowGroups[0]?.rowCount);
});
