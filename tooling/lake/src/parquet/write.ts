import { type ChunkOptions, encodeChunk } from "./chunk.ts";
import { type AnnotationStyle, type Group, schemaElements } from "./schema.ts";
import { shredder } from "./shred.ts";
import { binary, encodeStruct, i32, i64, list, type Struct, struct, type Thrift } from "./thrift.ts";

export interface WriteOptions extends ChunkOptions {
  readonly annotations: AnnotationStyle;
  readonly formatVersion: 1 | 2;
  readonly createdBy: string;
  readonly keyValues: Readonly<Record<string, string>>;
  /** Changes the footer (FileMetaData of parquet.thrift) before it is written; for tests of readers. */
  readonly changeFooter?: ((footer: Struct) => Struct) | undefined;
}

export interface RowGroup {
  readonly rows: Iterable<unknown>;
  /** Writes the data pages of each column this many times, one after the other: large row groups from few rows. */
  readonly repeat?: number;
}

const magic = Buffer.from("PAR1");

/** The pieces of a Parquet file in their order. Holds one row group at a time, and only its distinct pages. */
export function* writeParquet(
  root: Group,
  rowGroups: Iterable<RowGroup>,
  options: WriteOptions,
): Generator<Uint8Array, void> {
  const groups: Thrift[] = [];
  let offset = magic.length;
  let rows = 0;
  yield magic;
  for (const rowGroup of rowGroups) {
    const written = yield* writeRowGroup(root, rowGroup, offset, options);
    groups.push(written.metadata);
    rows += written.rows;
    offset = written.end;
  }
  const columnCount = shredder(root).columns.length;
  const footer: Struct = {
    1: i32(options.formatVersion),
    2: list(schemaElements(root, options.annotations)),
    3: i64(rows),
    4: list(groups),
    5: list(Object.entries(options.keyValues).map(([key, value]) => struct({ 1: binary(key), 2: binary(value) }))),
    6: binary(options.createdBy),
    7: list(Array.from({ length: columnCount }, () => struct({ 1: struct({}) }))),
  };
  const bytes = encodeStruct(options.changeFooter?.(footer) ?? footer);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  yield bytes;
  yield length;
  yield magic;
}

function* writeRowGroup(
  root: Group,
  { rows, repeat = 1 }: RowGroup,
  start: number,
  options: WriteOptions,
): Generator<Uint8Array, { metadata: Thrift; rows: number; end: number }> {
  const { columns, add } = shredder(root);
  let count = 0;
  for (const row of rows) {
    add(row);
    count++;
  }
  const chunks: Thrift[] = [];
  let offset = start;
  let uncompressed = 0;
  for (const column of columns) {
    const chunk = encodeChunk(column, options);
    // The cells are in the pages now.
    column.cells.length = 0;
    if (chunk.dictionary) yield chunk.dictionary.bytes;
    for (let turn = 0; turn < repeat; turn++) for (const page of chunk.pages) yield page.bytes;
    chunks.push(struct(chunk.metadata(offset, repeat)));
    const sizes = chunk.sizes(repeat);
    offset += sizes.compressed;
    uncompressed += sizes.uncompressed;
  }
  const metadata = struct({ 1: list(chunks), 2: i64(uncompressed), 3: i64(count * repeat) });
  return { metadata, rows: count * repeat, end: offset };
}
