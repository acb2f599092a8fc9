import type { Arena } from "./arena.ts";
import { decompress, type Packed } from "./codec/decompress.ts";
import { type Column, fit, type Workshop } from "./column.ts";
import { toPlain } from "./encoding/plain.ts";
import { keepUnfinished } from "./entries.ts";
import { ParquetError } from "./errors.ts";
import {
  ENCODING_INDEXES,
  ENCODING_PLAIN,
  LEAF_DEFINITION_RUN,
  LEAF_ENCODING,
  LEAF_INDEX_RUN,
  LEAF_LEFT,
  LEAF_REPETITION_RUN,
  LEAF_TABLE,
  LEAF_VALUES,
  LEAF_VALUES_END,
} from "./kernel/layout.ts";
import { levelWidth, packedLevels, setRun } from "./levels.ts";
import { encodings } from "./metadata.ts";
import type { PageHeader } from "./page.ts";

const PLAIN = encodings.indexOf("PLAIN");
const RLE = encodings.indexOf("RLE");
const PLAIN_DICTIONARY = encodings.indexOf("PLAIN_DICTIONARY");
const RLE_DICTIONARY = encodings.indexOf("RLE_DICTIONARY");

/** Unpacks a data page and sets its levels and values up to be decoded. */
export function loadData(column: Column, workshop: Workshop, header: PageHeader, packed: Packed): void {
  const { chunk, page, word, planned } = column;
  const { arena } = workshop;
  if (header.valueCount > chunk.valueCount - column.valuesSeen) {
    throw new ParquetError("CORRUPT", `pages hold more than the ${chunk.valueCount} values of their column chunk`);
  }
  if (planned.leaf.maxRepetition > 0) keepUnfinished(column, workshop);
  fit(page, header.uncompressedBytes, arena);
  const levels = header.definitionBytes + header.repetitionBytes;
  const start = packed.start + levels;
  if (levels > 0) arena.u8.set(packed.bytes.subarray(packed.start, start), page.at);
  const codec = header.compressed ? chunk.codec : "UNCOMPRESSED";
  decompress(codec, { ...packed, start }, page.at + levels, header.uncompressedBytes - levels, workshop);
  const end = page.at + header.uncompressedBytes;
  const values =
    header.kind === "data" ? startLevels(column, workshop, header, end) : startLevelsV2(column, arena, header);
  startValues(column, workshop, header, values, end);
  arena.u32[word + LEAF_LEFT] = header.valueCount;
  column.valuesSeen += header.valueCount;
  column.starving = false;
}

/** Version 1: levels before the values, each with its length. Gives where the values start. */
function startLevels(column: Column, workshop: Workshop, header: PageHeader, end: number): number {
  const { leaf } = column.planned;
  let position = column.page.at;
  position = startLevel(column, workshop, header, position, end, leaf.maxRepetition, LEAF_REPETITION_RUN);
  return startLevel(column, workshop, header, position, end, leaf.maxDefinition, LEAF_DEFINITION_RUN);
}

function startLevel(
  column: Column,
  { arena }: Workshop,
  header: PageHeader,
  position: number,
  end: number,
  maximum: number,
  run: number,
): number {
  if (maximum === 0) {
    setRun(arena, column.word + run, 0, 0, 0);
    return position;
  }
  const width = levelWidth(maximum);
  const encoding = run === LEAF_REPETITION_RUN ? header.repetitionEncoding : header.definitionEncoding;
  if (encoding === RLE) {
    const length = position + 4 <= end ? arena.view.getUint32(position, true) : 0xffffffff;
    if (length > end - position - 4) throw new ParquetError("CORRUPT", "levels reach beyond their page");
    setRun(arena, column.word + run, position + 4, position + 4 + length, width);
    return position + 4 + length;
  }
  if (encodings[encoding] !== "BIT_PACKED") {
    throw new ParquetError("UNSUPPORTED", `level encoding ${encodings[encoding] ?? encoding}`);
  }
  const length = Math.ceil((header.valueCount * width) / 8);
  if (length > end - position) throw new ParquetError("CORRUPT", "levels reach beyond their page");
  packedLevels(arena, column.word + run, position, length, width, header.valueCount);
  return position + length;
}

/** Version 2: repetition levels, then definition levels, lengths in the header. */
function startLevelsV2(column: Column, arena: Arena, header: PageHeader): number {
  const { leaf } = column.planned;
  const definitions = column.page.at + header.repetitionBytes;
  const values = definitions + header.definitionBytes;
  setRun(arena, column.word + LEAF_REPETITION_RUN, column.page.at, definitions, levelWidth(leaf.maxRepetition));
  setRun(arena, column.word + LEAF_DEFINITION_RUN, definitions, values, levelWidth(leaf.maxDefinition));
  return values;
}

function startValues(column: Column, workshop: Workshop, header: PageHeader, position: number, end: number): void {
  const { arena } = workshop;
  const { planned } = column;
  const { encoding } = header;
  if (planned.leaf.type === "BOOLEAN" && (encoding === PLAIN || encoding === RLE)) {
    startBooleans(column, arena, encoding, position, end, header.valueCount);
    return;
  }
  if (encoding === PLAIN_DICTIONARY || encoding === RLE_DICTIONARY) {
    startIndexes(column, arena, position, end);
    return;
  }
  if (encoding === PLAIN) {
    plainValues(column, arena, position, end);
    return;
  }
  const source = arena.u8.subarray(position, end);
  const plain = toPlain(encoding, source, header.valueCount, planned, workshop.limits);
  fit(column.unpacked, plain.length, arena);
  arena.u8.set(plain, column.unpacked.at);
  plainValues(column, arena, column.unpacked.at, column.unpacked.at + plain.length);
}

function plainValues(column: Column, { u32 }: Arena, position: number, end: number): void {
  u32[column.word + LEAF_ENCODING] = ENCODING_PLAIN;
  u32[column.word + LEAF_VALUES] = position;
  u32[column.word + LEAF_VALUES_END] = end;
  column.raw = true;
}

function startIndexes(column: Column, arena: Arena, position: number, end: number): void {
  if (arena.u32[column.word + LEAF_TABLE] === 0) {
    throw new ParquetError("CORRUPT", "dictionary indexes without a dictionary page");
  }
  arena.u32[column.word + LEAF_ENCODING] = ENCODING_INDEXES;
  const width = position < end ? arena.u8[position] : 0;
  if (width > 32) throw new ParquetError("CORRUPT", `dictionary indexes of ${width} bits`);
  setRun(arena, column.word + LEAF_INDEX_RUN, position + 1, end, width);
}

function startBooleans(
  column: Column,
  arena: Arena,
  encoding: number,
  position: number,
  end: number,
  count: number,
): void {
  arena.u32[column.word + LEAF_ENCODING] = ENCODING_INDEXES;
  if (encoding === RLE) {
    const length = position + 4 <= end ? arena.view.getUint32(position, true) : 0xffffffff;
    if (length > end - position - 4) throw new ParquetError("CORRUPT", "booleans reach beyond their page");
    setRun(arena, column.word + LEAF_INDEX_RUN, position + 4, position + 4 + length, 1);
    return;
  }
  setRun(arena, column.word + LEAF_INDEX_RUN, position, end, 1, Math.min(count, (end - position) * 8));
}
