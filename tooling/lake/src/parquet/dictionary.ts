import type { Column } from "./shred.ts";
import { type Cell, cellKey, plainSize } from "./value.ts";

/** The distinct cells of a chunk and each cell's index, as far as the dictionary's limit let it go. */
export interface Dictionary {
  readonly cells: readonly Cell[];
  readonly ids: Int32Array;
  /** Cells before this one are in the dictionary; the rest of the chunk falls back to plain pages. */
  readonly covered: number;
}

/**
 * - auto: as parquet-mr does, a dictionary where it makes the chunk smaller;
 * - always, never: as said, whatever the size.
 */
export type DictionaryPolicy = "auto" | "always" | "never";

export function buildDictionary(column: Column, policy: DictionaryPolicy, maxBytes: number): Dictionary | undefined {
  const { leaf, cells } = column;
  if (policy === "never" || leaf.type === "BOOLEAN" || cells.length === 0) return undefined;
  const index = new Map<unknown, number>();
  const distinct: Cell[] = [];
  const ids = new Int32Array(cells.length);
  let dictionaryBytes = 0;
  let plainBytes = 0;
  let covered = 0;
  for (; covered < cells.length; covered++) {
    const cell = cells[covered] as Cell;
    const size = plainSize(leaf, cell);
    const key = cellKey(cell);
    let id = index.get(key);
    if (id === undefined) {
      if (dictionaryBytes + size > maxBytes && distinct.length > 0) break;
      id = distinct.length;
      index.set(key, id);
      distinct.push(cell);
      dictionaryBytes += size;
    }
    ids[covered] = id;
    plainBytes += size;
  }
  const indexBytes = (covered * Math.max(1, Math.ceil(Math.log2(distinct.length)))) / 8;
  if (policy === "auto" && dictionaryBytes + indexBytes >= plainBytes) return undefined;
  return { cells: distinct, ids, covered };
}
