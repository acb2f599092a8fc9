import type { Arena } from "./arena.ts";
import {
  type Column,
  growEntries,
  loadPage,
  missingRange,
  prepareBooleans,
  type Window,
  type Workshop,
} from "./column.ts";
import { ParquetError } from "./errors.ts";
import {
  CONSTANT_ROWS,
  FLAG_QUOTED,
  LEAF_COLUMN,
  LEAF_CONSTANT,
  LEAF_CURSOR,
  LEAF_DEFINITIONS,
  LEAF_DETAIL,
  LEAF_FLAGS,
  LEAF_IDS,
  LEAF_KEY,
  LEAF_KEY_LENGTH,
  LEAF_MAX_DEFINITION,
  LEAF_MAX_REPETITION,
  LEAF_NULL,
  LEAF_REFS,
  LEAF_RENDER,
  LEAF_SUFFIX,
  LEAF_WIDTH,
  LEAF_WORDS,
  NULL_REF,
} from "./kernel/layout.ts";
import type { ColumnChunk, Footer, RowGroup } from "./metadata.ts";
import type { PlannedLeaf } from "./plan.ts";
import type { LeafText, Shape, Shaping } from "./shape.ts";
import { type ByteSource, read } from "./source.ts";

/** A row group whose columns are set up in the arena. */
export interface OpenGroup {
  readonly number: number;
  readonly rowCount: number;
  readonly columns: readonly Column[];
  /** By leaf number; undefined for leaves that are not read. */
  readonly byLeaf: readonly (Column | undefined)[];
  readonly flats: readonly Column[];
  readonly repeated: readonly Column[];
  /** Address of the list of the flat leaves' records. */
  readonly flatList: number;
  /** Address of the cursors, and their bytes. */
  readonly cursors: number;
  readonly cursorBytes: number;
}

/** What decides how a row group is opened. */
export interface Reading extends Workshop {
  readonly source: ByteSource;
  readonly footer: Footer;
  readonly leafCount: number;
  readonly leaves: readonly PlannedLeaf[];
  readonly shape: Shape;
  readonly shaping: Shaping;
  /** Paths of the columns whose values are wanted beside the rows. */
  readonly wanted: ReadonlySet<string>;
  /** Rows decoded in one step at most. */
  readonly stepRows: number;
  /** Tells the kernel's host which columns are open, by leaf number. */
  expose(columns: readonly (Column | undefined)[]): void;
}

const FIRST_ENTRIES = 8192;

/** Sets up the columns and makes them known to the kernel's host; reads no page. Columns that the row group lacks are left out. */
export function openGroup(reading: Reading, number: number): OpenGroup {
  const { arena, footer, leaves, leafCount, stepRows } = reading;
  const group = footer.rowGroups[number];
  const byLeaf: (Column | undefined)[] = new Array(leafCount).fill(undefined);
  const columns: Column[] = [];
  for (const planned of leaves) {
    const chunk = chunkOf(group, planned, leafCount);
    if (chunk === undefined) continue;
    const column = openColumn(reading, planned, chunk, number);
    columns.push(column);
    byLeaf[planned.index] = column;
  }
  reading.expose(byLeaf);
  for (const column of columns) if (column.planned.leaf.type === "BOOLEAN") prepareBooleans(column, reading);
  const flats = columns.filter((column) => column.planned.leaf.maxRepetition === 0);
  const repeated = columns.filter((column) => column.planned.leaf.maxRepetition > 0);
  const cursorBytes = 4 * (1 + repeated.length);
  const cursors = arena.alloc(cursorBytes);
  const flatList = arena.alloc(4 * flats.length);
  arena.u32.fill(0, cursors >> 2, (cursors + cursorBytes) >> 2);
  flats.forEach((column, i) => {
    arena.u32[column.word + LEAF_CURSOR] = cursors;
    arena.u32[(flatList >> 2) + i] = column.record;
    setFlatBuffers(column, reading, stepRows);
    if (column.chunk.valueCount !== group.rowCount) {
      throw new ParquetError("CORRUPT", `${column.chunk.valueCount} values for ${group.rowCount} rows`, {
        column: column.planned.path,
        rowGroup: number,
      });
    }
  });
  repeated.forEach((column, i) => {
    arena.u32[column.word + LEAF_CURSOR] = cursors + 4 * (i + 1);
    growEntries(column, FIRST_ENTRIES, reading);
  });
  return { number, rowCount: group.rowCount, columns, byLeaf, flats, repeated, flatList, cursors, cursorBytes };
}

/** The chunk of a leaf: by position when the row group has all columns, else by path. */
function chunkOf(group: RowGroup, planned: PlannedLeaf, leafCount: number): ColumnChunk | undefined {
  if (group.columns.length === leafCount) return group.columns[planned.index];
  const { path } = planned.leaf;
  return group.columns.find(
    (chunk) => chunk.path.length === path.length && chunk.path.every((name, i) => name === path[i]),
  );
}

const NO_WINDOW: Window = { bytes: new Uint8Array(0), offset: 0, at: 0 };

function openColumn(reading: Reading, planned: PlannedLeaf, chunk: ColumnChunk, rowGroup: number): Column {
  const { arena, shape, footer } = reading;
  const start = checkChunk(planned, chunk, rowGroup, footer);
  const text = shape.texts[planned.index];
  const record = arena.alloc(LEAF_WORDS * 4);
  const column: Column = {
    planned,
    chunk,
    rowGroup,
    record,
    word: record >> 2,
    isMapKey: text.isMapKey,
    window: { ...NO_WINDOW, offset: start },
    position: start,
    end: start + chunk.compressedBytes,
    header: undefined,
    valuesSeen: 0,
    raw: false,
    page: { at: 0, size: 0 },
    unpacked: { at: 0, size: 0 },
    carried: [],
    starving: planned.leaf.maxRepetition > 0,
    entriesDone: 0,
    capacity: 0,
    dictionary: undefined,
    wanted: reading.wanted.has(planned.path) && planned.leaf.maxRepetition === 0,
    keys: undefined,
  };
  writeRecord(column, text, footer.rowGroups[rowGroup].rowCount < CONSTANT_ROWS, arena);
  return column;
}

/** Checks the footer's claims about a chunk against the file; gives the offset of its first page. */
function checkChunk(planned: PlannedLeaf, chunk: ColumnChunk, rowGroup: number, footer: Footer): number {
  const place = { column: planned.path, rowGroup };
  if (chunk.filePath !== undefined) {
    throw new ParquetError("UNSUPPORTED", `the column chunk is in another file: ${chunk.filePath}`, place);
  }
  if (chunk.encrypted) throw new ParquetError("ENCRYPTED", "the column is encrypted", place);
  if (chunk.type !== planned.leaf.type) {
    throw new ParquetError("CORRUPT", `the chunk holds ${chunk.type}, the schema says ${planned.leaf.type}`, place);
  }
  const { dictionaryPageOffset: dictionary, dataPageOffset: data } = chunk;
  // Security Lake's writer leaves the dictionary's offset out: the first data page is then the dictionary.
  const start = dictionary !== undefined && dictionary > 0 && dictionary < data ? dictionary : data;
  if (start < FIRST_PAGE || start + chunk.compressedBytes > footer.footerOffset) {
    throw new ParquetError("TRUNCATED", `the column chunk of ${chunk.compressedBytes} bytes lies outside the file`, {
      ...place,
      offset: start,
    });
  }
  return start;
}

function writeRecord(column: Column, text: LeafText, few: boolean, arena: Arena): void {
  const { planned, record, word } = column;
  const { leaf, rendering } = planned;
  const { key } = text;
  const keyAt = arena.put(key);
  const nullRef = text.nothing === "" ? NULL_REF : putFragment(arena, text.nothing);
  const { u32 } = arena;
  u32.fill(0, word, (record >> 2) + LEAF_WORDS);
  u32[word + LEAF_COLUMN] = planned.index;
  u32[word + LEAF_MAX_DEFINITION] = leaf.maxDefinition;
  u32[word + LEAF_MAX_REPETITION] = leaf.maxRepetition;
  u32[word + LEAF_RENDER] = rendering.render;
  u32[word + LEAF_WIDTH] = rendering.width;
  u32[word + LEAF_DETAIL] = rendering.detail;
  u32[word + LEAF_FLAGS] = rendering.flags | (text.isMapKey && !rendering.quoted ? FLAG_QUOTED : 0);
  u32[word + LEAF_KEY] = keyAt;
  u32[word + LEAF_KEY_LENGTH] = key.length;
  u32[word + LEAF_SUFFIX] = text.suffix;
  u32[word + LEAF_NULL] = nullRef;
  u32[word + LEAF_CONSTANT] = few ? 0 : NULL_REF; // few rows are not worth looking for constants
}

function putFragment(arena: Arena, text: string): number {
  const bytes = Buffer.from(text);
  const at = arena.alloc(8 + bytes.length);
  arena.u32[at >> 2] = 0;
  arena.u32[(at >> 2) + 1] = bytes.length;
  arena.u8.set(bytes, at + 8);
  return at + 4;
}

function setFlatBuffers(column: Column, { arena, shaping }: Reading, stepRows: number): void {
  const { word, wanted } = column;
  const refs = arena.alloc(4 * stepRows);
  const ids = wanted ? arena.alloc(4 * stepRows) : 0;
  const definitions = shaping.nulls === "keep" ? arena.alloc(stepRows) : 0;
  const { u32, u8 } = arena;
  u32[word + LEAF_REFS] = refs;
  u32[word + LEAF_IDS] = ids;
  u32[word + LEAF_DEFINITIONS] = definitions;
  if (definitions !== 0) u8.fill(0, definitions, definitions + stepRows);
}

// ---- fetching

/** A row group up to this size is fetched whole; of a larger one, windows of each column. */
const WHOLE_BYTES = 16 * 1024 * 1024;
/** Offset behind the magic. */
const FIRST_PAGE = 4;
/** Ranges closer than this are fetched as one. */
const GAP_BYTES = 64 * 1024;
const ALL_WINDOWS = 64 * 1024 * 1024;
const MIN_WINDOW = 128 * 1024;
const MAX_WINDOW = 4 * 1024 * 1024;

/** Fetches what a small row group needs, in as few slices as its columns lie apart. */
export async function prefetch(group: OpenGroup, reading: Reading): Promise<void> {
  const { source, footer, arena } = reading;
  if (footer.tailOffset <= FIRST_PAGE) {
    // A small object goes into the arena at once: its pages are then inflated where they lie.
    const whole: Window = { bytes: footer.tail, offset: footer.tailOffset, at: arena.put(footer.tail) };
    for (const column of group.columns) column.window = whole;
    return;
  }
  const sum = group.columns.reduce((total, column) => total + column.end - column.position, 0);
  if (sum > WHOLE_BYTES) return;
  const ordered = [...group.columns].sort((a, b) => a.position - b.position);
  const runs: { start: number; end: number; columns: Column[] }[] = [];
  for (const column of ordered) {
    const last = runs.at(-1);
    if (last !== undefined && column.position - last.end <= GAP_BYTES) {
      last.end = Math.max(last.end, column.end);
      last.columns.push(column);
    } else runs.push({ start: column.position, end: column.end, columns: [column] });
  }
  await Promise.all(
    runs.map(async ({ start, end, columns }) => {
      const window = await windowOf(source, footer, start, end);
      for (const column of columns) column.window = window;
    }),
  );
}

async function windowOf(source: ByteSource, footer: Footer, start: number, end: number): Promise<Window> {
  if (start >= footer.tailOffset) return { bytes: footer.tail, offset: footer.tailOffset, at: 0 };
  return { bytes: await read(source, start, end), offset: start, at: 0 };
}

/** Loads the next data page of each column, fetching what their windows lack side by side. */
export async function turnPages(columns: readonly Column[], group: OpenGroup, reading: Reading): Promise<void> {
  const size = Math.min(MAX_WINDOW, Math.max(MIN_WINDOW, Math.floor(ALL_WINDOWS / group.columns.length)));
  let waiting = columns;
  while (waiting.length > 0) {
    const fetches: Promise<void>[] = [];
    for (const column of waiting) {
      const range = missingRange(column, reading.limits);
      if (range !== undefined) fetches.push(fetchWindow(column, range, size, reading));
    }
    if (fetches.length > 0) await Promise.all(fetches);
    else waiting = waiting.filter((column) => !loadPage(column, reading));
  }
}

async function fetchWindow(
  column: Column,
  range: { start: number; end: number },
  size: number,
  { source, footer }: Reading,
): Promise<void> {
  const end = Math.min(column.end, Math.max(range.end, range.start + size));
  column.window = await windowOf(source, footer, range.start, end);
}
