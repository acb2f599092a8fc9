import { createHash } from "node:crypto";
import type { Nulls } from "./event.ts";
import { type ObjectOptions, planObject } from "./object.ts";
import { encodeChunk } from "./parquet/chunk.ts";
import { shredder } from "./parquet/shred.ts";
import { type RowGroup, writeParquet } from "./parquet/write.ts";
import type { SourceName } from "./sources/sources.ts";

export interface LargeObjectOptions extends Omit<ObjectOptions, "rowGroupRows"> {
  /** Compressed bytes that each row group has at least, one entry a row group. */
  readonly rowGroupBytes: readonly number[];
}

export interface LargeObject {
  readonly source: SourceName;
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** MD5 of the bytes in hex, without quotes. */
  readonly etag: string;
  /** Rows of the whole file: the distinct ones, again and again. */
  readonly rows: number;
  readonly distinctRows: number;
  /** The file from its beginning, in pieces of about a megabyte. */
  pieces(): Generator<Uint8Array, void>;
  /** The events of the distinct rows; row `i` of a row group is event `i % distinctRows`. */
  events(nulls?: Nulls): Generator<Record<string, unknown>, void>;
}

/**
 * An object of any size out of few distinct rows (2000 where not said), whose pages are compressed once and written many
 * times: fast, and in the memory of one row group's distinct pages.
 */
export function makeLargeObject({ rowGroupBytes, ...options }: LargeObjectOptions): LargeObject {
  const { schema, key, count, rows, events, writeOptions } = planObject({ rows: 2000, ...options });

  const { columns, add } = shredder(schema);
  for (const row of rows()) add(row);
  const chunks = columns.map((column) => encodeChunk(column, writeOptions));
  const bytesOf = (repeat: number): number => chunks.reduce((sum, chunk) => sum + chunk.sizes(repeat).compressed, 0);
  const once = bytesOf(1);
  const perTurn = bytesOf(2) - once;
  const repeats = rowGroupBytes.map((bytes) => Math.max(1, 1 + Math.ceil((bytes - once) / perTurn)));

  function* groups(): Generator<RowGroup, void> {
    for (const repeat of repeats) yield { rows: rows(), repeat };
  }
  const write = (): Generator<Uint8Array, void> => writeParquet(schema, groups(), writeOptions);
  const hash = createHash("md5");
  let size = 0;
  for (const piece of gathered(write())) {
    hash.update(piece);
    size += piece.length;
  }
  const etag = hash.digest("hex");
  return {
    source: options.source,
    key,
    size,
    etag,
    rows: count * repeats.reduce((sum, repeat) => sum + repeat, 0),
    distinctRows: count,
    pieces: () => gathered(write()),
    events,
  };
}

const pieceBytes = 1 << 20;

/** Pages of few rows are small; writes should not be. */
function* gathered(pieces: Iterable<Uint8Array>): Generator<Uint8Array, void> {
  let pending: Uint8Array[] = [];
  let length = 0;
  for (const piece of pieces) {
    pending.push(piece);
    length += piece.length;
    if (length < pieceBytes) continue;
    yield Buffer.concat(pending);
    pending = [];
    length = 0;
  }
  yield Buffer.concat(pending);
}
