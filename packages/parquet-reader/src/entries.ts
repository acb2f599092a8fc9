import { type Carried, type Column, isLastPage, type Workshop } from "./column.ts";
import {
  LEAF_CAPACITY,
  LEAF_COUNT,
  LEAF_CURSOR,
  LEAF_DEFINITIONS,
  LEAF_LEFT,
  LEAF_REFS,
  LEAF_REPETITIONS,
} from "./kernel/layout.ts";

/** Copies raw values of rows that are not assembled yet out of the page that is about to be replaced. */
export function keepUnfinished(column: Column, { arena, kernel }: Workshop): void {
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
