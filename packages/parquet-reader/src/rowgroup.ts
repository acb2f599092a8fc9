import type { Place } from "./assemble.ts";
import type { Column, Window, Workshop } from "./column.ts";
import { prepareBooleans } from "./dictionary-page.ts";
import { growEntries } from "./entries.ts";
import { ParquetError } from "./errors.ts";
import type { Fetched } from "./fetch.ts";
import type { Groundwork } from "./groundwork.ts";
import { CONSTANT_ROWS, LEAF_CONSTANT, NULL_REF } from "./kernel/layout.ts";
import type { ColumnChunk, Footer, RowGroup } from "./metadata.ts";
import type { PlannedLeaf } from "./plan.ts";
import type { ByteSource } from "./source.ts";

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
  /** Goes on from row group to row group. */
  readonly fetched: Fetched;
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
export function chunksOf({ columns }: RowGroup, leafCount: number): (planned: PlannedLeaf) => ColumnChunk | undefined {
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
    expected: 0,
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

/** Offset behind the magic. */
export const FIRST_PAGE = 4;

/** Offset of a chunk's first page, as the footer has it. */
export function startOf({ dictionaryPageOffset: dictionary, dataPageOffset: data }: ColumnChunk): number {
  // Security Lake's writer leaves the dictionary's offset out: the first data page is then the dictionary.
  return dictionary !== undefined && dictionary > 0 && dictionary < data ? dictionary : data;
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
  const start = startOf(chunk);
  if (start < FIRST_PAGE || start + chunk.compressedBytes > footer.footerOffset) {
    throw new ParquetError("TRUNCATED", `the column chunk of ${chunk.compressedBytes} bytes lies outside the file`, {
      ...place,
      offset: start,
    });
  }
  return start;
}
