import type { Place } from "./assemble.ts";
import type { Column, Window, Workshop } from "./column.ts";
import { prepareBooleans } from "./dictionary-page.ts";
import { growEntries } from "./entries.ts";
import { ParquetError } from "./errors.ts";
import type { Groundwork } from "./groundwork.ts";
import { CONSTANT_ROWS, LEAF_CONSTANT, NULL_REF } from "./kernel/layout.ts";
import type { ColumnChunk, Footer, RowGroup } from "./metadata.ts";
import type { PlannedLeaf } from "./plan.ts";
import { type ByteSource, read } from "./source.ts";
import { loadPage, missingRange } from "./turning.ts";

/** A row group whose columns are set up in the arena. */
export interface OpenGroup {
  readonly number: number;
  readonly rowCount: number;
  readonly columns: readonly Column[];
  /** By leaf number; undefined for leaves that are not read. */
  readonly byLeaf: readonly (Column | undefined)[];
  readonly flats: readonly Column[];
  readonly repeated: readonly Column[];
}

/** What a row group is opened with. */
export interface Reading extends Workshop {
  readonly source: ByteSource;
  readonly footer: Footer;
  readonly groundwork: Groundwork;
  readonly signal: AbortSignal | undefined;
  /** Tells the kernel's host which columns are open, by leaf number. */
  expose(columns: readonly (Column | undefined)[]): void;
}

const FIRST_ENTRIES = 8192;

/** Sets up the columns and makes them known to the kernel's host; reads no page. Columns that the row group lacks are left out. */
export function openGroup(reading: Reading, number: number): OpenGroup {
  const { arena, footer, groundwork } = reading;
  const { leaves, leafCount } = groundwork.way;
  const group = footer.rowGroups[number];
  const byLeaf: (Column | undefined)[] = new Array(leafCount).fill(undefined);
  const columns: Column[] = [];
  const chunkOf = chunksOf(group, leafCount);
  for (const planned of leaves) {
    const { index } = planned;
    const place = groundwork.places[index];
    const chunk = chunkOf(planned);
    if (place === undefined || chunk === undefined) continue;
    const column = openColumn(reading, place, chunk, number);
    columns.push(column);
    byLeaf[index] = column;
  }
  reading.expose(byLeaf);
  const flats = columns.filter(({ planned }) => planned.leaf.maxRepetition === 0);
  const repeated = columns.filter(({ planned }) => planned.leaf.maxRepetition > 0);
  // Few rows are not worth looking for constants.
  const constant = group.rowCount < CONSTANT_ROWS ? 0 : NULL_REF;
  for (const column of columns) {
    arena.u32[column.word + LEAF_CONSTANT] = constant;
    if (column.planned.leaf.type === "BOOLEAN") prepareBooleans(column, reading);
  }
  flats.forEach((column, i) => {
    arena.u32[(groundwork.flatList >> 2) + i] = column.record;
    if (column.chunk.valueCount !== group.rowCount) {
      throw new ParquetError("CORRUPT", `${column.chunk.valueCount} values for ${group.rowCount} rows`, {
        column: column.planned.path,
        rowGroup: number,
      });
    }
  });
  for (const column of repeated) growEntries(column, FIRST_ENTRIES, reading);
  return { number, rowCount: group.rowCount, columns, byLeaf, flats, repeated };
}

/**
 * The chunk of a leaf. They come in the schema's order (FileMetaData), but for writers that leave columns out: whoever is
 * not in its place is looked for by path.
 */
function chunksOf({ columns }: RowGroup, leafCount: number): (planned: PlannedLeaf) => ColumnChunk | undefined {
  let byPath: Map<string, ColumnChunk> | undefined;
  return ({ index, leaf, pathBytes }) => {
    const inPlace = columns[index];
    if (inPlace?.hasPath(pathBytes)) return inPlace;
    byPath ??= new Map(columns.map((chunk) => [chunk.path.join("\0"), chunk]));
    return byPath.get(leaf.path.join("\0")) ?? (columns.length === leafCount ? inPlace : undefined);
  };
}

const NO_WINDOW: Window = { bytes: new Uint8Array(0), offset: 0, at: 0 };

function openColumn({ footer, groundwork }: Reading, place: Place, chunk: ColumnChunk, rowGroup: number): Column {
  const { planned, record, word } = place;
  const { shape, wanted } = groundwork.way;
  const start = checkChunk(planned, chunk, rowGroup, footer);
  const repeated = planned.leaf.maxRepetition > 0;
  return {
    planned,
    record,
    word,
    chunk,
    rowGroup,
    isMapKey: shape.texts[planned.index].isMapKey,
    window: NO_WINDOW,
    position: start,
    end: start + chunk.compressedBytes,
    header: undefined,
    valuesSeen: 0,
    raw: false,
    page: { at: 0, size: 0 },
    unpacked: { at: 0, size: 0 },
    carried: [],
    starving: repeated,
    entriesDone: 0,
    capacity: 0,
    dictionary: undefined,
    wanted: !repeated && wanted.includes(planned.path),
    keys: undefined,
  };
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
  const { footer, arena } = reading;
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
      const window = await windowOf(reading, start, end);
      for (const column of columns) column.window = window;
    }),
  );
}

async function windowOf({ source, footer, signal }: Reading, start: number, end: number): Promise<Window> {
  if (start >= footer.tailOffset) return { bytes: footer.tail, offset: footer.tailOffset, at: 0 };
  return { bytes: await unlessAborted(read(source, start, end), signal), offset: start, at: 0 };
}

/** The bytes, unless the signal comes first: a source may take its time. */
async function unlessAborted(
  bytes: Uint8Array | Promise<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  if (signal === undefined || bytes instanceof Uint8Array) return bytes;
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([bytes, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
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
  reading: Reading,
): Promise<void> {
  const end = Math.min(column.end, Math.max(range.end, range.start + size));
  column.window = await windowOf(reading, range.start, end);
}
