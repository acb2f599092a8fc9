import type { Arena } from "./arena.ts";
import type { Place } from "./assemble.ts";
import { bytesOf, decompress, type Packed } from "./codec/decompress.ts";
import { type Dictionary, storedDictionary } from "./dictionary.ts";
import { toPlain } from "./encoding/plain.ts";
import { ParquetError, placed } from "./errors.ts";
import type { Kernel } from "./kernel/kernel.ts";
import {
  ENCODING_INDEXES,
  ENCODING_PLAIN,
  FAULT,
  FAULT_INDEX,
  FAULT_LEVEL_VALUE,
  FAULT_LEVELS,
  FAULT_SHAPE,
  FAULT_VALUES,
  LEAF_CAPACITY,
  LEAF_COUNT,
  LEAF_CURSOR,
  LEAF_DEFINITION_RUN,
  LEAF_DEFINITIONS,
  LEAF_ENCODING,
  LEAF_INDEX_RUN,
  LEAF_LEFT,
  LEAF_NULL,
  LEAF_REFS,
  LEAF_REPETITION_RUN,
  LEAF_REPETITIONS,
  LEAF_TABLE,
  LEAF_TABLE_LENGTH,
  LEAF_VALUES,
  LEAF_VALUES_END,
} from "./kernel/layout.ts";
import { levelWidth, packedLevels, setRun } from "./levels.ts";
import { type Limits, within } from "./limits.ts";
import { type ColumnChunk, encodings } from "./metadata.ts";
import { checkCrc, checkPage, type PageHeader, parsePageHeader } from "./page.ts";

/** Bytes of the file from `offset` on. */
export interface Window {
  readonly bytes: Uint8Array;
  readonly offset: number;
  /** Address of a copy of them in the arena, or 0. */
  readonly at: number;
}

interface Block {
  at: number;
  size: number;
}

/** Raw values of unfinished rows whose page is gone, kept until entry `until` is assembled. */
interface Carried extends Block {
  readonly until: number;
}

/** A column chunk being read: its record in the arena and what the driver knows of its pages. */
export interface Column extends Place {
  readonly chunk: ColumnChunk;
  readonly rowGroup: number;
  readonly isMapKey: boolean;
  window: Window;
  /** File offset of the next page, and of the chunk's end. */
  position: number;
  readonly end: number;
  /** The header at `position` once it was read. */
  header: PageHeader | undefined;
  /** Values of the pages taken so far. */
  valuesSeen: number;
  /** Whether refs may be raw values. */
  raw: boolean;
  /** The page being decoded, and the plain form of an encoding that is not. */
  readonly page: Block;
  readonly unpacked: Block;
  carried: readonly Carried[];
  /** Whether a repeated column has no complete row without its next page. */
  starving: boolean;
  /** Entries assembled, all steps together. */
  entriesDone: number;
  /** Capacity of the entry buffers, in entries. */
  capacity: number;
  /** Whether somebody wants its values beside the rows; then what the ids of its dictionary page point into. */
  readonly wanted: boolean;
  dictionary: Dictionary | undefined;
  /** Map keys: the bytes of each dictionary entry by its ref. */
  keys: Map<number, string> | undefined;
}

/** What columns need to work. */
export interface Workshop {
  readonly arena: Arena;
  readonly kernel: Kernel;
  readonly limits: Limits;
}

// ---- pages, in the order they are needed

/** The range of the file that must be in the window before the next page can be loaded; undefined when it is there. */
export function missingRange(column: Column, limits: Limits): { start: number; end: number } | undefined {
  const { window, position, end } = column;
  const windowEnd = window.offset + window.bytes.length;
  if (position >= end || isLastPage(column)) throw ended(column);
  if (column.header === undefined) {
    if (position < window.offset || position >= windowEnd) return { start: position, end: position + 1 };
    try {
      column.header = parsePageHeader(window.bytes, position - window.offset, window.offset);
    } catch (error) {
      const short = error instanceof ParquetError && error.code === "TRUNCATED";
      if (!short || windowEnd >= end) throw at(column, error);
      const have = windowEnd - position;
      within(limits, "pageHeaderBytes", have, "page header", place(column));
      return { start: position, end: Math.min(end, position + 2 * have) };
    }
  }
  const pageEnd = position + column.header.headerBytes + column.header.compressedBytes;
  if (pageEnd > end) {
    throw at(
      column,
      new ParquetError("TRUNCATED", `a page of ${column.header.compressedBytes} bytes reaches beyond its column chunk`),
    );
  }
  return pageEnd > windowEnd ? { start: position, end: pageEnd } : undefined;
}

/** Loads the page whose bytes are in the window; true when it was a data page with values. */
export function loadPage(column: Column, workshop: Workshop): boolean {
  const { header, window } = column;
  if (header === undefined) throw ended(column);
  try {
    checkPage(header, workshop.limits);
    const start = column.position + header.headerBytes - window.offset;
    const packed: Packed = { bytes: window.bytes, start, end: start + header.compressedBytes, at: window.at };
    if (header.crc !== undefined) checkCrc(header.crc, bytesOf(packed));
    switch (header.kind) {
      case "dictionary":
        loadDictionary(column, workshop, header, packed);
        break;
      case "data":
      case "data v2":
        if (header.valueCount > 0) loadData(column, workshop, header, packed);
        break;
      case "other":
        break;
    }
  } catch (error) {
    throw at(column, error);
  }
  column.position += header.headerBytes + header.compressedBytes;
  column.header = undefined;
  return header.kind.startsWith("data") && header.valueCount > 0;
}

export const isLastPage = (column: Column): boolean => column.valuesSeen === column.chunk.valueCount;

function place(column: Column): { offset: number; column: string; rowGroup: number } {
  return { offset: column.position, column: column.planned.path, rowGroup: column.rowGroup };
}

export function at(column: Column, error: unknown): unknown {
  return placed(error, place(column));
}

function ended(column: Column): unknown {
  const { valuesSeen, chunk } = column;
  return at(
    column,
    new ParquetError("CORRUPT", `the column chunk ends after ${valuesSeen} of its ${chunk.valueCount} values`),
  );
}

/** Makes the block hold `size` bytes; its content is lost. */
function fit(block: Block, size: number, arena: Arena): void {
  if (block.size >= size && block.at !== 0) return;
  if (block.at !== 0) arena.release(block.at, block.size);
  block.at = 0;
  block.at = arena.alloc(size);
  block.size = size;
}

const faults: Readonly<Record<number, string>> = {
  [FAULT_LEVELS]: "levels or dictionary indexes end before the values of their page",
  [FAULT_INDEX]: "a dictionary index is beyond the dictionary",
  [FAULT_VALUES]: "a value reaches beyond its page",
  [FAULT_SHAPE]: "columns disagree on the entries of a row",
  [FAULT_LEVEL_VALUE]: "a level is above its maximum",
};

/** Throws what the kernel found wrong since the last check, in a column it names. */
export function checkFault({ u32 }: Arena, column: Column | undefined): void {
  const code = u32[FAULT >> 2];
  if (code === 0) return;
  const error = new ParquetError("CORRUPT", faults[code] ?? `fault ${code}`);
  throw column === undefined ? error : at(column, error);
}

// ---- dictionary

/** Above this many values, a dictionary whose entries are used less than twice is not rendered. */
const RENDER_ALWAYS_BELOW = 200;
/** Output bytes of an entry beside key and content: header, quotes, suffix, alignment, the longest number. */
const ENTRY_OVERHEAD = 96;

function loadDictionary(column: Column, workshop: Workshop, header: PageHeader, packed: Packed): void {
  if (column.valuesSeen > 0) throw new ParquetError("CORRUPT", "a dictionary page after data pages");
  const { arena } = workshop;
  const { rendering, leaf } = column.planned;
  const count = header.valueCount;
  const size = header.uncompressedBytes;
  if (leaf.type === "BOOLEAN") throw new ParquetError("CORRUPT", "a dictionary of booleans");
  if (count * (rendering.width || 4) > size) {
    throw new ParquetError("CORRUPT", `a dictionary of ${count} entries in ${size} bytes`);
  }
  const source: Block = { at: arena.alloc(size), size };
  decompress(column.chunk.codec, packed, source.at, size, workshop);
  const { valueCount } = column.chunk;
  const raw = !column.isMapKey && valueCount > RENDER_ALWAYS_BELOW && count * 2 > valueCount;
  buildTable(column, workshop, source, count, raw);
}

/** Fills the table of refs from the plain values in `source`, which is released when no ref points into it. */
function buildTable(column: Column, workshop: Workshop, source: Block, count: number, raw: boolean): void {
  const { arena, kernel } = workshop;
  const { planned, word } = column;
  const table = arena.alloc(4 * (count + 1));
  arena.u32[(table >> 2) + count] = arena.u32[word + LEAF_NULL];
  arena.u32[word + LEAF_TABLE] = table;
  arena.u32[word + LEAF_TABLE_LENGTH] = count;
  const keyBytes = planned.path.length * 6;
  const out: Block = { at: 0, size: raw ? 16 : 6 * source.size + count * (keyBytes + ENTRY_OVERHEAD) };
  out.at = arena.alloc(out.size);
  const end = kernel.renderDictionary(column.record, source.at, source.at + source.size, count, out.at, raw);
  arena.shrink(out, end - out.at);
  checkFault(arena, column);
  if (column.isMapKey) nameKeys(column, arena, source.at, table, count);
  if (column.wanted)
    column.dictionary = storedDictionary(planned, arena.u8.slice(source.at, source.at + source.size), count);
  column.raw = raw || hasRaw(arena, table, count);
  if (!column.raw) arena.release(source.at, source.size);
}

function hasRaw({ u32 }: Arena, table: number, count: number): boolean {
  const from = table >> 2;
  for (let i = from; i < from + count; i++) if (u32[i] >= 0x80000000) return true;
  return false;
}

/** Equal keys get one ref, so that refs alone tell whether a key comes again. */
function nameKeys(column: Column, { u8, u32, view }: Arena, source: number, table: number, count: number): void {
  const { width } = column.planned.rendering;
  const first = new Map<string, number>();
  column.keys = new Map();
  for (let i = table >> 2, end = i + count, at = source; i < end; i++) {
    const length = width === 0 ? view.getUint32(at, true) : width;
    const start = width === 0 ? at + 4 : at;
    const bytes = Buffer.from(u8.buffer, start, length).toString("latin1");
    const ref = first.get(bytes) ?? u32[i];
    first.set(bytes, ref);
    column.keys.set(ref, bytes);
    u32[i] = ref;
    at = start + length;
  }
}

const BOOLEANS: Uint8Array = new Uint8Array([0, 1]);

/** Booleans are indexes into a dictionary of two. */
export function prepareBooleans(column: Column, workshop: Workshop): void {
  const { arena } = workshop;
  buildTable(column, workshop, { at: arena.put(BOOLEANS), size: BOOLEANS.length }, BOOLEANS.length, false);
}

// ---- data pages

const PLAIN = encodings.indexOf("PLAIN");
const RLE = encodings.indexOf("RLE");
const PLAIN_DICTIONARY = encodings.indexOf("PLAIN_DICTIONARY");
const RLE_DICTIONARY = encodings.indexOf("RLE_DICTIONARY");

function loadData(column: Column, workshop: Workshop, header: PageHeader, packed: Packed): void {
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

// ---- entries of repeated columns

/** Copies raw values of rows that are not assembled yet out of the page that is about to be replaced. */
function keepUnfinished(column: Column, { arena, kernel }: Workshop): void {
  for (const block of [column.page, column.unpacked]) {
    if (block.at === 0) continue;
    const size = kernel.rawBytes(column.record, block.at, block.at + block.size);
    if (size === 0) continue;
    const until = column.entriesDone + arena.u32[column.word + LEAF_COUNT];
    const copy: Carried = { at: arena.alloc(size), size, until };
    kernel.carry(column.record, block.at, block.at + block.size, copy.at);
    column.carried = [...column.carried, copy];
  }
}

/** Drops the entries that were assembled as `rows` rows. */
export function compactEntries(column: Column, rows: number, { arena, kernel }: Workshop): void {
  column.entriesDone += arena.u32[arena.u32[column.word + LEAF_CURSOR] >> 2];
  kernel.compact(column.record, rows);
  if (column.carried.length === 0) return;
  column.carried = column.carried.filter((block) => {
    if (block.until > column.entriesDone) return true;
    arena.release(block.at, block.size);
    return false;
  });
}

const ENTRY_BUFFERS = [
  { field: LEAF_REFS, bytes: 4 },
  { field: LEAF_DEFINITIONS, bytes: 1 },
  { field: LEAF_REPETITIONS, bytes: 1 },
] as const;
/** Entries that the decoder may write beyond the last full step. */
const ENTRY_SLACK = 1024;

/** Gives the column buffers for `capacity` entries, with what they hold. */
export function growEntries(column: Column, capacity: number, { arena }: Workshop): void {
  const held = arena.u32[column.word + LEAF_COUNT];
  for (const { field, bytes } of ENTRY_BUFFERS) {
    const old = arena.u32[column.word + field];
    const fresh = arena.alloc((capacity + ENTRY_SLACK) * bytes);
    if (old !== 0) {
      arena.u8.copyWithin(fresh, old, old + held * bytes);
      if (field === LEAF_REPETITIONS) arena.u8[fresh + held] = 0;
      arena.release(old, (column.capacity + ENTRY_SLACK) * bytes);
    }
    arena.u32[column.word + field] = fresh;
  }
  column.capacity = capacity;
  arena.u32[column.word + LEAF_CAPACITY] = capacity;
}

/** Rows that are complete among the decoded entries, once `rows` are wanted; may be fewer when the page ends. */
export function decodeRows(column: Column, rows: number, workshop: Workshop): number {
  const { arena, kernel } = workshop;
  for (;;) {
    const complete = kernel.decodeRepeated(column.record, rows, isLastPage(column));
    const full = arena.u32[column.word + LEAF_LEFT] > 0 && complete === 0;
    if (!full) return complete;
    growEntries(column, column.capacity * 2, workshop);
  }
}
