import type { Arena } from "./arena.ts";
import type { Column } from "./column.ts";
import { type Dictionary, PlainValues } from "./dictionary.ts";
import {
  ENCODING_INDEXES,
  LEAF_ENCODING,
  LEAF_IDS,
  LEAF_LOST,
  LEAF_LOST_ROW,
  LEAF_REFS,
  RAW_BIT,
} from "./kernel/layout.ts";

/** The values of a column beside the rows. */
export interface ColumnValues {
  /** Per row the index of its value in the dictionary; -1 is null. */
  readonly ids: Int32Array;
  readonly dictionary: Dictionary;
}

/** Values of a column that have no JSON form, such as a year of five digits: null took their place. */
export interface LostValues {
  readonly column: string;
  readonly count: number;
  /** Number in the file of the first row. */
  readonly firstRow: number;
}

/** Rows as JSON, one a line, and the values of some columns beside them. */
export interface RowBatch {
  /** Number in the file of the first row. */
  readonly firstRow: number;
  readonly rowCount: number;
  /** NDJSON: row i is `bytes.subarray(offsets[i], offsets[i + 1] - 1)`. Valid until the next batch is pulled. */
  readonly bytes: Uint8Array;
  /** `rowCount + 1` entries. */
  readonly offsets: Uint32Array;
  /** By path, the wanted columns that the row group has; columns in lists and maps are left out. */
  readonly columns: ReadonlyMap<string, ColumnValues>;
  readonly lost: readonly LostValues[];
  /** Map entries left out because their key came again in the same map. */
  readonly duplicateKeys: number;
}

interface Gathered {
  readonly column: Column;
  ids: Int32Array;
  dictionary: Dictionary | undefined;
}

const none = new Int32Array(0);

/** A batch while it is gathered from one or more steps. */
export interface Gathering {
  /** Whether the wanted columns' values of the coming step can go into this batch: their dictionaries are the same. */
  accepts(): boolean;
  /** Takes the rows `from`…`to` of the step. */
  take(from: number, to: number): void;
  columns(): ReadonlyMap<string, ColumnValues>;
  /** Rows taken so far. A method: an object literal's getter is slow, and keeps its surroundings alive. */
  rowCount(): number;
}

export function gather(wanted: readonly Column[], maxRows: number, arena: Arena): Gathering {
  const gathered: Gathered[] = wanted.map((column) => ({ column, ids: none, dictionary: undefined }));
  let rowCount = 0;
  return {
    rowCount: () => rowCount,
    accepts: () => gathered.every((values) => fits(values, arena)),
    take(from, to) {
      const needed = rowCount + to - from;
      for (const values of gathered) {
        // Most files are small: the first step brings all rows of the batch.
        if (needed > values.ids.length) values.ids = grown(values.ids, rowCount === 0 ? needed : maxRows);
        takeIds(values, from, to, rowCount, arena);
      }
      rowCount = needed;
    },
    columns() {
      const columns = new Map<string, ColumnValues>();
      for (const { column, ids, dictionary } of gathered) {
        if (dictionary !== undefined) columns.set(column.planned.path, { ids: ids.subarray(0, rowCount), dictionary });
      }
      return columns;
    },
  };
}

function grown(ids: Int32Array, length: number): Int32Array {
  const larger = new Int32Array(length);
  larger.set(ids);
  return larger;
}

function hasIndexes({ word }: Column, { u32 }: Arena): boolean {
  return u32[word + LEAF_ENCODING] === ENCODING_INDEXES;
}

/** Ids of a dictionary page and of plain values do not mix. */
function fits({ column, dictionary }: Gathered, arena: Arena): boolean {
  if (dictionary === undefined) return true;
  return hasIndexes(column, arena) ? dictionary === column.dictionary : dictionary instanceof PlainValues;
}

const EMPTY: Dictionary = {
  length: 0,
  value: (id) => {
    throw new RangeError(`id ${id} in an empty dictionary`);
  },
};

function takeIds(values: Gathered, from: number, to: number, at: number, arena: Arena): void {
  const { column, ids } = values;
  const { u32, u8, view } = arena;
  if (hasIndexes(column, arena)) {
    values.dictionary ??= column.dictionary ?? EMPTY; // without a dictionary page all values are null
    const word = u32[column.word + LEAF_IDS] >> 2;
    ids.set(u32.subarray(word + from, word + to), at);
    return;
  }
  values.dictionary ??= new PlainValues(column.planned);
  const plain = values.dictionary as PlainValues;
  const refs = u32[column.word + LEAF_REFS] >> 2;
  for (let i = from; i < to; i++) {
    const ref = u32[refs + i];
    ids[at + i - from] = ref >= RAW_BIT ? plain.add(ref, u8, view) : -1;
  }
}

/** The counts of values without a JSON form since the last call. */
export function takeLost(columns: readonly Column[], { u32 }: Arena): LostValues[] {
  const lost: LostValues[] = [];
  for (const { word, planned } of columns) {
    const count = u32[word + LEAF_LOST];
    if (count === 0) continue;
    lost.push({ column: planned.path, count, firstRow: u32[word + LEAF_LOST_ROW] });
    u32[word + LEAF_LOST] = 0;
  }
  return lost;
}
