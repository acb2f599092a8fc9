import type { ParquetFile } from "./file.ts";
import type { Losses } from "./losses.ts";
import { rows } from "./rows.ts";

/** What of a file becomes NDJSON. */
export interface NdjsonOptions {
  /** Rows at most; all by default. */
  readonly limit?: number;
  /** Paths of the columns and groups wanted; all by default. */
  readonly select?: readonly string[];
  readonly nulls?: "omit" | "keep";
  readonly signal?: AbortSignal;
  /** Told of what rows have lost: values without a JSON form, map entries whose key came again. */
  lost?(losses: Losses): void;
}

/** A file's rows as pieces of NDJSON, one event a line. A piece is valid until the next is pulled. */
export async function* ndjson(
  file: ParquetFile,
  { limit = Number.POSITIVE_INFINITY, select, nulls, signal, lost }: NdjsonOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = limit;
  if (left <= 0) return;
  const options = {
    ...(select === undefined ? {} : { project: select }),
    ...(nulls === undefined ? {} : { nulls }),
    ...(signal === undefined ? {} : { signal }),
  };
  for await (const { bytes, offsets, rowCount, lost: values, duplicateKeys } of rows(file, options)) {
    if (values.length > 0 || duplicateKeys > 0) lost?.({ lost: values, duplicateKeys });
    if (rowCount >= left) {
      yield bytes.subarray(0, offsets[left]);
      return;
    }
    yield bytes;
    left -= rowCount;
  }
}
