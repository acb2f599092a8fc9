import { crc32 } from "node:zlib";
import { Bytes } from "./bytes.ts";
import { type Codec, codecs } from "./codec/codec.ts";
import type { Dictionary } from "./dictionary.ts";
import { type Encoding, encodeValues, encodings, type ValueEncoding, writeSizedHybrid } from "./encoding/encode.ts";
import { bitWidthOf, writeHybrid } from "./encoding/hybrid.ts";
import type { Column } from "./shred.ts";
import { statistics } from "./statistics.ts";
import { bool, encodeStruct, i32, type Struct, struct } from "./thrift.ts";
import type { Cell } from "./value.ts";

export interface PageOptions {
  readonly codec: Codec;
  readonly pageVersion: 1 | 2;
  /** CRC-32 of the page's bytes in its header. */
  readonly crc: boolean;
  readonly statistics: boolean;
  /** Name that dictionaries have: PLAIN_DICTIONARY in the first version of the format, RLE_DICTIONARY since. */
  readonly dictionaryEncoding: "PLAIN_DICTIONARY" | "RLE_DICTIONARY";
  /** Changes what is compressed into a page (v1: levels and values, v2: values) before it is; for tests of readers. */
  readonly changePageBody?: ((body: Uint8Array, path: string) => Uint8Array) | undefined;
  /** Changes a page header before it is written; for tests of readers. */
  readonly changePageHeader?: ((header: Struct, path: string) => Struct) | undefined;
}

/** Entries (levels) and cells of a page: `end`s are exclusive. */
export interface PageRange {
  readonly start: number;
  readonly end: number;
  readonly cellStart: number;
  readonly cellEnd: number;
}

export interface Page {
  readonly bytes: Uint8Array;
  /** Bytes of header and body as if the body were not compressed. */
  readonly uncompressedLength: number;
  readonly encoding: Encoding;
}

/** Ids of PageType in parquet.thrift. */
const pageTypes = { data: 0, dictionary: 2, dataV2: 3 } as const;

export function dictionaryPage(column: Column, dictionary: Dictionary, options: PageOptions): Page {
  const values = new Bytes();
  encodeValues(values, column.leaf, dictionary.cells, "PLAIN");
  const encoding = options.dictionaryEncoding === "PLAIN_DICTIONARY" ? "PLAIN_DICTIONARY" : "PLAIN";
  const body = compressed(column, values.written(), options);
  const header = { 7: struct({ 1: i32(dictionary.cells.length), 2: i32(encodings[encoding]) }) };
  return page(column, pageTypes.dictionary, header, [body], values.length, encoding, options);
}

/** A data page of the cells, by their dictionary index where there is a dictionary. */
export function dataPage(
  column: Column,
  range: PageRange,
  coding: Dictionary | ValueEncoding,
  options: PageOptions,
): Page {
  const values = new Bytes();
  if (typeof coding === "string")
    encodeValues(values, column.leaf, column.cells.slice(range.cellStart, range.cellEnd), coding);
  else writeIndexes(values, coding, range);
  const encoding = typeof coding === "string" ? coding : options.dictionaryEncoding;
  return options.pageVersion === 1
    ? dataPageV1(column, range, coding, values.written(), encoding, options)
    : dataPageV2(column, range, coding, values.written(), encoding, options);
}

function writeIndexes(out: Bytes, dictionary: Dictionary, { cellStart, cellEnd }: PageRange): void {
  const bitWidth = bitWidthOf(dictionary.cells.length - 1);
  out.u8(bitWidth);
  writeHybrid(out, dictionary.ids, cellStart, cellEnd, bitWidth);
}

function dataPageV1(
  column: Column,
  range: PageRange,
  coding: Dictionary | ValueEncoding,
  values: Uint8Array,
  encoding: Encoding,
  options: PageOptions,
): Page {
  const { repetitions, definitions, maxRepetition, maxDefinition } = column;
  const content = new Bytes(values.length + 64);
  if (maxRepetition > 0)
    writeSizedHybrid(content, repetitions.values, bitWidthOf(maxRepetition), range.start, range.end);
  if (maxDefinition > 0)
    writeSizedHybrid(content, definitions.values, bitWidthOf(maxDefinition), range.start, range.end);
  content.bytes(values);
  // parquet-mr names BIT_PACKED where there are no levels at all.
  const levelEncoding = (max: number) => i32(max === 0 ? encodings.BIT_PACKED : encodings.RLE);
  const header = {
    5: struct({
      1: i32(range.end - range.start),
      2: i32(encodings[encoding]),
      3: levelEncoding(maxDefinition),
      4: levelEncoding(maxRepetition),
      5: pageStatistics(column, range, coding, options),
    }),
  };
  const body = compressed(column, content.written(), options);
  return page(column, pageTypes.data, header, [body], content.length, encoding, options);
}

function dataPageV2(
  column: Column,
  range: PageRange,
  coding: Dictionary | ValueEncoding,
  values: Uint8Array,
  encoding: Encoding,
  options: PageOptions,
): Page {
  const { repetitions, definitions, maxRepetition, maxDefinition } = column;
  const levels = (values: Uint8Array, max: number): Uint8Array => {
    const out = new Bytes();
    if (max > 0) writeHybrid(out, values, range.start, range.end, bitWidthOf(max));
    return out.written();
  };
  const repetitionBytes = levels(repetitions.values, maxRepetition);
  const definitionBytes = levels(definitions.values, maxDefinition);
  const entries = range.end - range.start;
  let rows = 0;
  for (let at = range.start; at < range.end; at++) if (repetitions.values[at] === 0) rows++;
  const header = {
    8: struct({
      1: i32(entries),
      2: i32(entries - (range.cellEnd - range.cellStart)),
      3: i32(rows),
      4: i32(encodings[encoding]),
      5: i32(definitionBytes.length),
      6: i32(repetitionBytes.length),
      7: bool(options.codec !== "none"),
      8: pageStatistics(column, range, coding, options),
    }),
  };
  const parts = [repetitionBytes, definitionBytes, compressed(column, values, options)];
  const uncompressed = repetitionBytes.length + definitionBytes.length + values.length;
  return page(column, pageTypes.dataV2, header, parts, uncompressed, encoding, options);
}

function pageStatistics(
  column: Column,
  range: PageRange,
  coding: Dictionary | ValueEncoding,
  options: PageOptions,
): ReturnType<typeof struct> | undefined {
  if (!options.statistics) return undefined;
  const nulls = range.end - range.start - (range.cellEnd - range.cellStart);
  return struct(statistics(column.leaf, distinctCells(column, range, coding), nulls));
}

/** The cells of a range, each one of a dictionary once. */
export function* distinctCells(
  column: Column,
  { cellStart, cellEnd }: PageRange,
  coding: Dictionary | ValueEncoding,
): Generator<Cell> {
  if (typeof coding === "string") {
    for (let at = cellStart; at < cellEnd; at++) yield column.cells[at] as Cell;
    return;
  }
  const seen = new Uint8Array(coding.cells.length);
  for (let at = cellStart; at < cellEnd; at++) seen[coding.ids[at] as number] = 1;
  for (const [id, cell] of coding.cells.entries()) if (seen[id] === 1) yield cell;
}

function compressed(column: Column, body: Uint8Array, { codec, changePageBody }: PageOptions): Uint8Array {
  return codecs[codec].compress(changePageBody?.(body, column.path.join(".")) ?? body);
}

function page(
  column: Column,
  type: number,
  header: Struct,
  body: readonly Uint8Array[],
  uncompressedBody: number,
  encoding: Encoding,
  options: PageOptions,
): Page {
  const compressed = Buffer.concat(body);
  const plainHeader: Struct = {
    1: i32(type),
    2: i32(uncompressedBody),
    3: i32(compressed.length),
    // The thrift field is signed.
    4: options.crc ? i32(crc32(compressed) | 0) : undefined,
    ...header,
  };
  const changed = options.changePageHeader?.(plainHeader, column.path.join(".")) ?? plainHeader;
  const headerBytes = encodeStruct(changed);
  return {
    bytes: Buffer.concat([headerBytes, compressed]),
    uncompressedLength: headerBytes.length + uncompressedBody,
    encoding,
  };
}
