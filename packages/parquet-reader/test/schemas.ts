import {
  type Arbitrary,
  type ArbitraryOptions,
  arbitrary,
  createRandom,
  eventOf,
  type FileOptions,
  parquetFile,
  type Random,
} from "@threatlockdown/tooling-lake";

/** A file of any schema, any rows and any way to write them; the same seed gives the same file. */
export interface AnyFile extends Arbitrary {
  readonly bytes: Uint8Array;
  readonly rows: readonly Record<string, unknown>[];
  readonly options: FileOptions;
  /** Its rows as events with exact numbers. */
  expected(nulls: "keep" | "omit"): unknown[];
}

const encodings = [
  "PLAIN",
  "DELTA_BINARY_PACKED",
  "DELTA_LENGTH_BYTE_ARRAY",
  "DELTA_BYTE_ARRAY",
  "BYTE_STREAM_SPLIT",
  "RLE",
] as const;
const fitting: Readonly<Record<string, readonly (typeof encodings)[number][]>> = {
  BOOLEAN: ["PLAIN", "RLE"],
  INT32: ["PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"],
  INT64: ["PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"],
  INT96: ["PLAIN"],
  FLOAT: ["PLAIN", "BYTE_STREAM_SPLIT"],
  DOUBLE: ["PLAIN", "BYTE_STREAM_SPLIT"],
  BYTE_ARRAY: ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"],
  FIXED_LEN_BYTE_ARRAY: ["PLAIN", "DELTA_BYTE_ARRAY", "BYTE_STREAM_SPLIT"],
};

function fileOptions(random: Random): FileOptions {
  const dictionary = random.pick(["auto", "always", "never"] as const);
  return {
    codec: random.pick(["none", "snappy", "gzip", "gzip-members", "brotli", "lz4", "zstd", "lz4-raw"] as const),
    pageVersion: random.pick([1, 2] as const),
    pageBytes: random.pick([60, 400, 5000, 1 << 20]),
    dictionary,
    dictionaryBytes: random.pick([50, 1 << 20]),
    crc: random.chance(0.5),
    dictionaryEncoding: random.pick(["PLAIN_DICTIONARY", "RLE_DICTIONARY"] as const),
    dictionaryPageOffset: random.chance(0.5),
    annotations: "both", // neither style alone has a name for everything
    rowGroupRows: random.pick([7, 100, 10_000]),
    encoding: ({ leaf }) => (dictionary === "never" ? random.pick(fitting[leaf.type]) : undefined),
  };
}

export function anyFile(seed: string | number, schema: ArbitraryOptions = {}, most: number = 300): AnyFile {
  const random = createRandom(String(seed));
  const made = arbitrary(random, schema);
  const rows = Array.from({ length: random.between(0, random.chance(0.2) ? most : 30) }, () => made.row(random));
  const options = fileOptions(random);
  return {
    ...made,
    rows,
    options,
    bytes: parquetFile(made.schema, rows, options),
    expected: (nulls) => rows.map((row) => exact(JSON.stringify(eventOf(made.schema, nulls, "exact")(row)))),
  };
}

/** Parses JSON with numbers left as their text, so that none loses digits. */
export function exact(json: string): unknown {
  const keepSource = (_: string, value: unknown, { source }: { source?: string }): unknown =>
    typeof value === "number" ? `number ${source}` : value;
  return JSON.parse(json, keepSource as (this: unknown, key: string, value: unknown) => unknown);
}
