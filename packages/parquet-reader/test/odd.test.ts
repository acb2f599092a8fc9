import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { hadoopLz4 } from "../src/codec/lz4.ts";
import { open, type ParquetError, type RowsOptions, rows } from "../src/index.ts";
import { batches, text } from "./reading.ts";

function odd(name: string): Uint8Array {
  const bytes = readFileSync(new URL(`./fixtures/odd/${name}`, import.meta.url));
  return name.endsWith(".gz") ? gunzipSync(bytes) : bytes;
}

const lines = async (name: string, options: RowsOptions = {}): Promise<string[]> =>
  (await text(odd(name), options)).split("\n").slice(0, -1);

describe("what few writers write", () => {
  it.each([
    ["int96.parquet", ['{"x":"1970-01-01T00:00:00.000000000Z"}', '{"x":"1969-12-31T23:59:59.999999999Z"}', "{}", "{}"]],
    [
      "interval.parquet",
      ['{"x":"P1M2DT3.004S"}', '{"x":"P0M0DT0.000S"}', '{"x":"P4294967295M4294967295DT4294967.295S"}'],
    ],
    ["enum.parquet", ['{"x":"A"}']],
    ["json.parquet", ['{"x":"{\\"a\\":1}"}']],
    ["bson.parquet", ['{"x":"QQ=="}']],
    ["list-tuple.parquet", ['{"l":[{"str":1},{"str":2}]}', '{"l":[]}', "{}"]],
    ["list-array-group1.parquet", ['{"l":[{"str":1},{"str":2}]}', '{"l":[]}', "{}"]],
    ["list-bag.parquet", ['{"l":[1,null]}', '{"l":[]}', "{}"]],
    ["int32-time-micros-misfit.parquet", ['{"x":255}']],
    ["swapped-columns.parquet", ['{"x":2,"y":1}']],
    ["map-empty-and-nullkey.parquet", ['{"m":{"":"1","b":"3"}}']],
    ["pyarrow-empty.parquet", []],
  ])("is read: %s", async (name, expected) => {
    expect(await lines(name)).toEqual(expected);
  });

  it("is read: levels that are bit-packed", async () => {
    const expected = JSON.parse(
      readFileSync(new URL("./fixtures/odd/bitpacked2.expected.json", import.meta.url), "utf8"),
    );
    expect((await lines("bitpacked2.parquet", { nulls: "keep" })).map((line) => JSON.parse(line))).toEqual(expected);
  });

  it("is read: decimals of 70 digits behind the point", async () => {
    const [first] = await lines("decimal256-70.parquet");
    expect(first).toBe(`{"d":0.${"1".padStart(70, "0")},"ok":1}`);
  });

  it("is read: thousands of columns of which a row group lacks one", async () => {
    const [first] = await lines("wide-column-missing.parquet.gz");
    expect(Object.keys(JSON.parse(first))).toHaveLength(4999);
  });

  it("is read: LZ4 blocks of which several make up a frame, and frames of nothing", () => {
    const block = (letters: string): Buffer => {
      const bytes = Buffer.from([letters.length << 4, ...Buffer.from(letters)]);
      return Buffer.concat([uint32(bytes.length), bytes]);
    };
    const empty = Buffer.concat([uint32(0), uint32(1), Buffer.from([0])]);
    const packed = Buffer.concat([uint32(6), block("abc"), block("def"), empty, uint32(2), block("gh")]);
    const out = new Uint8Array(8);
    expect(hadoopLz4(packed, out)).toBe(8);
    expect(Buffer.from(out).toString()).toBe("abcdefgh");
  });
});

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

describe("a value without a JSON form", () => {
  it.each([
    ["year10000.parquet", "x", ["{}", '{"x":"1970-01-01T00:00:00.000Z"}']],
    ["decimal-400000.parquet", "d", ["{}"]],
    ["decimalfix-400000.parquet", "d", ["{}"]],
  ])("is null, counted, and undefined among the column's values: %s", async (name, column, expected) => {
    const [batch] = await batches(odd(name), { columns: [column] });
    expect(Buffer.from(batch.bytes).toString().trimEnd().split("\n")).toEqual(expected);
    expect(batch.lost).toEqual([{ column, count: 1, firstRow: 0 }]);
    const { ids, dictionary } = batch.columns.get(column) as NonNullable<ReturnType<typeof batch.columns.get>>;
    expect(dictionary.value(ids[0])).toBeUndefined();
  });
});

describe("few bytes that ask for much", () => {
  it.each([
    ["delta-2e31.parquet", "LIMIT", "pageBytes"],
    ["delta-full-2e27.parquet", "LIMIT", "pageBytes"],
    ["dictionary-wrap.parquet.gz", "LIMIT", "memoryBytes"],
    ["nocols-2e28.parquet", "LIMIT", "rowsPerByte"],
    ["nulls-2e28.parquet", "LIMIT", "rowsPerByte"],
  ])("are refused with the limit's name: %s", async (name, code, limit) => {
    const error = await batches(odd(name)).then(
      () => undefined,
      (reason: unknown) => reason as ParquetError,
    );
    expect(error).toMatchObject({ name: "ParquetError", code, message: expect.stringContaining(limit) });
    expect(error?.cause).toBeUndefined(); // a check of its own, not what the engine threw
  });

  it("are refused before a list of millions of nothing is made of them", async () => {
    const limits = { footerElements: 3 };
    await expect(open(odd("list-bag.parquet"), { limits })).rejects.toThrow("footerElements of 3");
  });
});

describe("what cannot be read", () => {
  it.each([
    ["lzo.parquet", "UNSUPPORTED", /LZO/],
    ["encfooter.parquet", "ENCRYPTED", /footer is encrypted/],
  ])("is named: %s", async (name, code, message) => {
    await expect(batches(odd(name))).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });
});

it("a limit holds for a schema that was let through before", async () => {
  const bytes = odd("list-bag.parquet");
  await open(bytes);
  await expect(open(bytes, { limits: { depth: 1 } })).rejects.toThrow("depth of 1");
});

it("a project path may leave out the levels that lists have in the schema", async () => {
  expect(await lines("list-tuple.parquet", { project: ["l.str"] })).toEqual(await lines("list-tuple.parquet"));
});

it("a signal ends the wait for a source that does not answer", async () => {
  const bytes = Buffer.concat([odd("list-bag.parquet")]);
  const abort = new AbortController();
  let footer = true;
  const source = {
    byteLength: bytes.length,
    slice: (start: number, end: number) => {
      if (footer) return bytes.subarray(start, end);
      abort.abort(new Error("enough"));
      return new Promise<Uint8Array>(() => {});
    },
  };
  const file = await open(source);
  footer = false;
  // As of an object whose footer came without its pages.
  const apart = { ...file, footer: { ...file.footer, tailOffset: bytes.length, tail: new Uint8Array(0) } };
  await expect(rows(apart, { signal: abort.signal }).next()).rejects.toThrow("enough");
});
