import { describe, expect, it } from "vitest";
import {
  arbitrary,
  type Codec,
  createRandom,
  eventOf,
  type FileOptions,
  type Group,
  type Leaf,
  type LeafName,
  leafKinds,
  type Node,
  parquetFile,
  type Random,
} from "../src/index.ts";
import type { ValueEncoding } from "../src/parquet/encoding/encode.ts";
import { columnMetadata, readFooter } from "../src/parquet/footer.ts";
import type { Column } from "../src/parquet/shred.ts";
import type { Thrift } from "../src/parquet/thrift.ts";
import { queryWithDuckDb, readWithDuckDb } from "./duckdb.ts";

/** Leaves whose values DuckDB gives back as they are. */
const plainLeaves: readonly LeafName[] = [
  "boolean",
  "int32",
  "int64",
  "float",
  "double",
  "bytes",
  "fixed",
  "string",
  "enum",
  "timestampMillis",
  "decimal9",
  "decimalFixed",
  "uuid",
];

/** Those that DuckDB reads too: BYTE_STREAM_SPLIT it has for floating point only. */
const encodingsByType: Readonly<Record<Leaf["type"], readonly ValueEncoding[]>> = {
  BOOLEAN: ["PLAIN", "RLE"],
  INT32: ["PLAIN", "DELTA_BINARY_PACKED"],
  INT64: ["PLAIN", "DELTA_BINARY_PACKED"],
  INT96: ["PLAIN"],
  FLOAT: ["PLAIN", "BYTE_STREAM_SPLIT"],
  DOUBLE: ["PLAIN", "BYTE_STREAM_SPLIT"],
  BYTE_ARRAY: ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"],
  FIXED_LEN_BYTE_ARRAY: ["PLAIN", "DELTA_BYTE_ARRAY"],
};

function anyOptions(random: Random): FileOptions {
  const encodings = random.hex(8);
  return {
    codec: random.pick<Codec>(["none", "snappy", "gzip", "gzip-members", "zstd", "brotli", "lz4-raw"]),
    pageVersion: random.pick([1, 2] as const),
    pageBytes: random.pick([1, 50, 400, 1 << 20]),
    rowGroupRows: random.pick([7, 30, 1000]),
    dictionary: random.pick(["auto", "always", "never"] as const),
    dictionaryBytes: random.pick([20, 200, 1 << 20]),
    crc: random.chance(0.5),
    statistics: random.chance(0.5),
    encoding: (column: Column) => {
      const choose = createRandom(`${encodings}/${column.path}`);
      return choose.chance(0.6) ? choose.pick(encodingsByType[column.leaf.type]) : undefined;
    },
  };
}

describe("an independent reader finds what was written", () => {
  it("for any schema and rows, under any options", async () => {
    for (let seed = 0; seed < 60; seed++) {
      const random = createRandom(`any/${seed}`);
      const { schema, row } = arbitrary(random, { leaves: plainLeaves });
      const rows = Array.from({ length: random.between(1, 80) }, () => row(random));
      const file = parquetFile(schema, rows, anyOptions(random));
      const event = eventOf(schema, "keep");
      expect(await readWithDuckDb(schema, file), `seed ${seed}`).toEqual(rows.map(event));
    }
  }, 120_000);

  it.each(Object.entries(encodingsByType))("for every encoding of %s", async (type, encodings) => {
    const random = createRandom(type);
    const kinds = plainLeaves.filter((name) => leafKinds[name].type === type).map((name) => leafKinds[name]);
    for (const encoding of encodings) {
      for (const { value, ...kind } of kinds) {
        const schema = root({ name: "value", repetition: "optional", ...kind });
        // More than a block of the delta encodings, with nulls, and a page that has none.
        const rows = Array.from({ length: 700 }, (_, at) => ({ value: at % 5 === 0 ? null : value(random) }));
        const file = parquetFile(schema, rows, { encoding: () => encoding, pageBytes: 2000 });
        expect(encodingIds(file)).toContain(encodingId[encoding]);
        expect(await readWithDuckDb(schema, file)).toEqual(rows.map(eventOf(schema, "keep")));
      }
    }
  });

  it("in the texts that it gives to logical types", async () => {
    const fields: Record<string, readonly [LeafName, unknown, string]> = {
      date: ["date", 19_885, "2024-06-11"],
      before: ["date", -1, "1969-12-31"],
      clock: ["timeMicros", 3_661_000_001n, "01:01:01.000001"],
      local: ["timestampLocal", 1_718_096_730_000_001n, "2024-06-11 09:05:30.000001"],
      int96: ["int96", 1_718_096_730_123_456_789n, "2024-06-11 09:05:30.123456"],
      uuid: ["uuid", "00112233-4455-4677-8899-aabbccddeeff", "00112233-4455-4677-8899-aabbccddeeff"],
      float16: ["float16", -1.5, "-1.5"],
      uint8: ["uint8", 255n, "255"],
      uint32: ["uint32", 4_294_967_295n, "4294967295"],
      uint64: ["uint64", 18_446_744_073_709_551_615n, "18446744073709551615"],
      int64: ["int64", -(2n ** 63n), "-9223372036854775808"],
      decimal18: ["decimal18", -1_000_001n, "-1.000001"],
      decimalWide: ["decimalWide", 12_345_678_901_234_567_890n, "1234567890.1234567890"],
      decimalBytes: ["decimalBytes", -129n, "-129"],
    };
    const schema = root(
      ...Object.entries(fields).map(([name, [leaf]]): Node => {
        const { value: _, ...kind } = leafKinds[leaf];
        return { name, repetition: "required", ...kind };
      }),
    );
    const row = Object.fromEntries(Object.entries(fields).map(([name, [, value]]) => [name, value]));
    const columns = Object.keys(fields).map((name) => `"${name}"::VARCHAR AS "${name}"`);
    const [found] = await queryWithDuckDb(`SELECT ${columns.join()} FROM file`, parquetFile(schema, [row]));
    expect(found).toEqual(Object.fromEntries(Object.entries(fields).map(([name, [, , text]]) => [name, text])));
  });
});

describe("a test of readers", () => {
  const schema = root({ name: "value", repetition: "optional", type: "INT32" });

  it("may change the footer, page headers and what is in the pages", () => {
    const rows = [{ value: 1 }, { value: null }];
    const options: FileOptions = { codec: "none", crc: false };
    const plain = parquetFile(schema, rows, options);
    const footer = (bytes: Uint8Array) => readFooter(bytes).footer;
    expect(
      footer(
        parquetFile(schema, rows, {
          ...options,
          changeFooter: (it) => ({ ...it, 3: { ...(it[3] as Thrift), value: 9 } }),
        }),
      )[3]?.value,
    ).toBe(9n);
    const paths: string[] = [];
    const header = parquetFile(schema, rows, {
      ...options,
      changePageHeader: (it, path) => {
        paths.push(path);
        return { ...it, 3: { ...(it[3] as Thrift), value: 1_000_000 } };
      },
    });
    expect(paths).toEqual(["value"]);
    expect(header).not.toEqual(plain);
    expect(parquetFile(schema, rows, { ...options, changePageBody: (body) => body.map(() => 0xff) })).not.toEqual(
      plain,
    );
  });

  it("learns of a required value that is missing", () => {
    const required = root({ name: "id", repetition: "required", type: "INT32" });
    expect(() => parquetFile(required, [{}])).toThrow(/id is required/);
  });
});

function root(...fields: Node[]): Group {
  return { name: "schema", repetition: "required", fields };
}

const encodingId: Readonly<Record<ValueEncoding, number>> = {
  PLAIN: 0,
  RLE: 3,
  DELTA_BINARY_PACKED: 5,
  DELTA_LENGTH_BYTE_ARRAY: 6,
  DELTA_BYTE_ARRAY: 7,
  BYTE_STREAM_SPLIT: 9,
};

function encodingIds(file: Uint8Array): unknown[] {
  const [column] = columnMetadata(readFooter(file).footer)[0] ?? [];
  return ((column?.[2]?.value ?? []) as readonly Thrift[]).map(({ value }) => value);
}
