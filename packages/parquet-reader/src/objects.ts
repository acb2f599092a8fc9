import type { ParquetFile } from "./file.ts";
import { type RowsOptions, rows } from "./rows.ts";

/**
 * All rows as plain objects: the slow way, for small files. Numbers are the language's, so integers beyond 2^53 and long
 * decimals lose digits here; `rows` keeps them.
 */
export async function toObjects<Row = Record<string, unknown>>(
  file: ParquetFile,
  options: RowsOptions = {},
): Promise<Row[]> {
  const all: Row[] = [];
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  for await (const { bytes, offsets, rowCount } of rows(file, options)) {
    for (let i = 0; i < rowCount; i++) {
      all.push(JSON.parse(decoder.decode(bytes.subarray(offsets[i], offsets[i + 1] - 1))) as Row);
    }
  }
  return all;
}
