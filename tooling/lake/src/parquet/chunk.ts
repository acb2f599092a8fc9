import { codecs } from "./codec/codec.ts";
import { buildDictionary, type Dictionary, type DictionaryPolicy } from "./dictionary.ts";
import { type Encoding, encodings, type ValueEncoding } from "./encoding/encode.ts";
import { dataPage, dictionaryPage, distinctCells, type Page, type PageOptions, type PageRange } from "./page.ts";
import { physicalTypes } from "./schema.ts";
import type { Column } from "./shred.ts";
import { statistics } from "./statistics.ts";
import { binary, i32, i64, list, type Struct, struct, type Thrift } from "./thrift.ts";
import { type Cell, plainSize } from "./value.ts";

export interface ChunkOptions extends PageOptions {
  /** A page ends with the row that takes it to this many bytes. */
  readonly pageBytes: number;
  readonly dictionary: DictionaryPolicy;
  /** The rest of a chunk is written without dictionary once it would outgrow this. */
  readonly dictionaryBytes: number;
  /** Encoding of values without dictionary; naming one for a column means no dictionary there. */
  readonly encoding?: ((column: Column) => ValueEncoding | undefined) | undefined;
  /** Whether the footer says where the dictionary page is; parquet-mr 1.10 does not. */
  readonly dictionaryPageOffset: boolean;
}

export interface Chunk {
  readonly dictionary: Page | undefined;
  readonly pages: readonly Page[];
  /** ColumnChunk of parquet.thrift for a chunk at this offset whose data pages are written `repeat` times. */
  metadata(offset: number, repeat: number): Struct;
  /** Bytes with page headers, before and after compression. */
  sizes(repeat: number): { readonly uncompressed: number; readonly compressed: number };
}

export function encodeChunk(column: Column, options: ChunkOptions): Chunk {
  const explicit = options.encoding?.(column);
  const dictionary =
    explicit === undefined ? buildDictionary(column, options.dictionary, options.dictionaryBytes) : undefined;
  const pages: Page[] = [];
  for (const { range, coding } of pageRanges(column, dictionary, explicit ?? "PLAIN", options.pageBytes))
    pages.push(dataPage(column, range, coding, options));
  const first = dictionary && dictionaryPage(column, dictionary, options);
  const chunkStatistics = options.statistics ? struct(wholeStatistics(column, dictionary)) : undefined;

  const sizes: Chunk["sizes"] = (repeat) => ({
    uncompressed: (first?.uncompressedLength ?? 0) + repeat * sum(pages, (page) => page.uncompressedLength),
    compressed: (first?.bytes.length ?? 0) + repeat * sum(pages, (page) => page.bytes.length),
  });
  const metadata: Chunk["metadata"] = (offset, repeat) => {
    const { uncompressed, compressed } = sizes(repeat);
    const dataOffset = first && options.dictionaryPageOffset ? offset + first.bytes.length : offset;
    return {
      2: i64(offset),
      3: struct({
        1: i32(physicalTypes.indexOf(column.leaf.type)),
        2: list(encodingsOf(column, first, pages).map((name) => i32(encodings[name]))),
        3: list(column.path.map((name) => binary(name))),
        4: i32(codecs[options.codec].id),
        5: i64(column.repetitions.length * repeat),
        6: i64(uncompressed),
        7: i64(compressed),
        9: i64(dataOffset),
        11: first && options.dictionaryPageOffset ? i64(offset) : undefined,
        12: repeat === 1 ? chunkStatistics : undefined,
        13: list(encodingStatistics(first, pages, repeat, options.pageVersion)),
      }),
    };
  };
  return { dictionary: first, pages, metadata, sizes };
}

/** Cuts the entries into pages: at rows, by size, and where the dictionary ends. */
function* pageRanges(
  column: Column,
  dictionary: Dictionary | undefined,
  plain: ValueEncoding,
  pageBytes: number,
): Generator<{ range: PageRange; coding: Dictionary | ValueEncoding }> {
  const count = column.repetitions.length;
  const repetitions = column.repetitions.values;
  const definitions = column.definitions.values;
  let start = 0;
  let cellStart = 0;
  let coding: Dictionary | ValueEncoding = dictionary ?? plain;
  while (start < count) {
    let end = start;
    let cellEnd = cellStart;
    let size = 0;
    // The last place where the page may end, which is in front of a row.
    let rowStart = start;
    let cellAtRowStart = cellStart;
    for (; end < count; end++) {
      if (repetitions[end] === 0) {
        rowStart = end;
        cellAtRowStart = cellEnd;
        if (size >= pageBytes) break;
      }
      if (definitions[end] !== column.maxDefinition) continue;
      if (typeof coding !== "string" && cellEnd >= coding.covered) break;
      size += typeof coding === "string" ? plainSize(column.leaf, column.cells[cellEnd] as Cell) : indexSize;
      cellEnd++;
    }
    if (end < count) {
      end = rowStart;
      cellEnd = cellAtRowStart;
    }
    if (end > start) yield { range: { start, end, cellStart, cellEnd }, coding };
    if (end < count && typeof coding !== "string" && cellEnd + rowCells(column, end, cellEnd) > coding.covered)
      coding = plain;
    start = end;
    cellStart = cellEnd;
  }
}

/** parquet-mr counts an index as an int while it fills a page. */
const indexSize = 4;

/** Cells of the row that starts at this entry. */
function rowCells(column: Column, entry: number, cell: number): number {
  let cells = 0;
  for (let at = entry; at < column.repetitions.length; at++) {
    if (at > entry && column.repetitions.values[at] === 0) break;
    if (column.definitions.values[at] === column.maxDefinition) cells++;
  }
  return Math.min(cells, column.cells.length - cell);
}

function wholeStatistics(column: Column, dictionary: Dictionary | undefined): Struct {
  const covered = dictionary !== undefined && dictionary.covered === column.cells.length ? dictionary : "PLAIN";
  const range = { start: 0, end: column.repetitions.length, cellStart: 0, cellEnd: column.cells.length };
  const nulls = column.repetitions.length - column.cells.length;
  return statistics(column.leaf, distinctCells(column, range, covered), nulls);
}

function encodingsOf(column: Column, dictionary: Page | undefined, pages: readonly Page[]): Encoding[] {
  const names = new Set<Encoding>(pages.map((page) => page.encoding));
  if (dictionary) names.add(dictionary.encoding);
  names.add("RLE");
  if (column.maxRepetition === 0) names.add("BIT_PACKED");
  if (column.maxRepetition === 0 && column.maxDefinition === 0) names.delete("RLE");
  return [...names];
}

/** PageEncodingStats of parquet.thrift. */
function encodingStatistics(
  dictionary: Page | undefined,
  pages: readonly Page[],
  repeat: number,
  pageVersion: 1 | 2,
): Thrift[] {
  const counts = new Map<Encoding, number>();
  for (const { encoding } of pages) counts.set(encoding, (counts.get(encoding) ?? 0) + repeat);
  const entry = (type: number, encoding: Encoding, count: number) =>
    struct({ 1: i32(type), 2: i32(encodings[encoding]), 3: i32(count) });
  const data = [...counts].map(([encoding, count]) => entry(pageVersion === 1 ? 0 : 3, encoding, count));
  return dictionary ? [entry(2, dictionary.encoding, 1), ...data] : data;
}

function sum<T>(items: readonly T[], size: (item: T) => number): number {
  return items.reduce((total, item) => total + size(item), 0);
}
