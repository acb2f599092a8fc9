import type { Group } from "./parquet/schema.ts";
import { type RowGroup, type WriteOptions, writeParquet } from "./parquet/write.ts";
import type { Layout } from "./table.ts";

/** How the writers of the two layouts write, apart from the schema. */
export const writers: Readonly<Record<Layout, WriteOptions>> = {
  /** parquet-mr 1.10, as Security Lake uses it. */
  asl: {
    codec: "gzip",
    pageVersion: 1,
    pageBytes: 1 << 20,
    dictionary: "auto",
    dictionaryBytes: 1 << 20,
    crc: false,
    statistics: true,
    dictionaryEncoding: "PLAIN_DICTIONARY",
    dictionaryPageOffset: false,
    annotations: "converted",
    formatVersion: 1,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the real files carry the placeholder.
    createdBy: "parquet-mr version 1.10.0 (build ${buildNumber})",
    keyValues: {},
  },
  modern: {
    codec: "zstd",
    pageVersion: 1,
    pageBytes: 1 << 20,
    dictionary: "auto",
    dictionaryBytes: 1 << 20,
    crc: true,
    statistics: true,
    dictionaryEncoding: "RLE_DICTIONARY",
    dictionaryPageOffset: true,
    annotations: "both",
    formatVersion: 2,
    createdBy: "threatlockdown-lake version 0.0.0",
    keyValues: {},
  },
};

export interface FileOptions extends Partial<WriteOptions> {
  /** Rows of a row group; all of them where not said. */
  readonly rowGroupRows?: number;
}

/** A file of any schema and rows; written as the modern writer does where the options do not say otherwise. */
export function parquetFile(schema: Group, rows: readonly unknown[], options: FileOptions = {}): Uint8Array {
  const { rowGroupRows = rows.length, ...written } = options;
  const groups = rowGroups(rows[Symbol.iterator](), rows.length, rowGroupRows);
  return Buffer.concat([...writeParquet(schema, groups, { ...writers.modern, ...written })]);
}

/** Row groups of `size` rows over `count` rows, pulled as they are written. */
export function* rowGroups(rows: Iterator<unknown, unknown>, count: number, size: number): Generator<RowGroup, void> {
  for (let start = 0; start < count; start += size) yield { rows: take(rows, Math.min(size, count - start)) };
}

function* take(items: Iterator<unknown, unknown>, count: number): Generator<unknown, void> {
  for (let at = 0; at < count; at++) {
    const item = items.next();
    if (item.done) return;
    yield item.value;
  }
}
