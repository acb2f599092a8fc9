import type { Arena } from "./arena.ts";
import { emptyShelf, type Place, type Shelf, shelve } from "./assemble.ts";
import type { Kernel } from "./kernel/kernel.ts";
import {
  FLAG_QUOTED,
  LEAF_COLUMN,
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
import type { PlannedLeaf } from "./plan.ts";
import type { LeafText, Shape, Shaping } from "./shape.ts";

/** How rows are read, as far as it decides what their columns need in the arena. */
export interface Way {
  readonly shape: Shape;
  readonly shaping: Shaping;
  readonly leafCount: number;
  readonly leaves: readonly PlannedLeaf[];
  /** Paths of the columns whose values are wanted beside the rows. */
  readonly wanted: readonly string[];
  /** Rows decoded in one step at most. */
  readonly stepRows: number;
}

/**
 * What the columns of all row groups that are read in one way have at the bottom of the arena: records, buffers, programs.
 * Most objects are small and alike, so it is kept from one to the next.
 */
export interface Groundwork {
  readonly way: Way;
  /** By leaf number; undefined for leaves that are not read. */
  readonly places: readonly (Place | undefined)[];
  /** Room for the list of the flat leaves' records. */
  readonly flatList: number;
  /** Address of the cursors, and their bytes. */
  readonly cursors: number;
  readonly cursorBytes: number;
  /** Address of the records, and what they are before a row group. */
  readonly records: number;
  readonly image: Uint8Array;
  readonly shelf: Shelf;
  /** Where the arena is free. */
  top: number;
}

/** The groundwork of the way: the one that is there where it serves, else a new one. Blocks above it are forgotten. */
export function groundworkOf(
  way: Way,
  before: Groundwork | undefined,
  arena: Arena,
  kernel: Kernel,
  memoryBytes: number,
): Groundwork {
  if (before === undefined || !same(before.way, way)) {
    arena.reset(memoryBytes);
    kernel.prepare(way.stepRows);
    return lay(way, arena);
  }
  arena.reset(memoryBytes, before.top);
  arena.u8.set(before.image, before.records);
  arena.u8.fill(0, before.cursors, before.cursors + before.cursorBytes);
  shelve(before.shelf, before.places, arena);
  before.top = arena.mark();
  return before;
}

function same(a: Way, b: Way): boolean {
  return (
    a.shape === b.shape &&
    a.leaves === b.leaves &&
    a.stepRows === b.stepRows &&
    a.wanted.length === b.wanted.length &&
    a.wanted.every((path, i) => path === b.wanted[i])
  );
}

const RECORD_BYTES = (LEAF_WORDS * 4 + 15) & ~15;

function lay(way: Way, arena: Arena): Groundwork {
  const { leaves, shape, leafCount } = way;
  const size = leaves.length * RECORD_BYTES;
  const records = arena.alloc(size);
  arena.u8.fill(0, records, records + size);
  const places: (Place | undefined)[] = new Array(leafCount).fill(undefined);
  const repeated = leaves.filter(({ leaf }) => leaf.maxRepetition > 0);
  const cursorBytes = 4 * (1 + repeated.length);
  const cursors = arena.alloc(cursorBytes);
  const flatList = arena.alloc(4 * leaves.length);
  arena.u8.fill(0, cursors, cursors + cursorBytes);
  let nextCursor = cursors;
  leaves.forEach((planned, i) => {
    const record = records + i * RECORD_BYTES;
    const place = { planned, record, word: record >> 2 };
    places[planned.index] = place;
    writeRecord(place, shape.texts[planned.index], arena);
    if (planned.leaf.maxRepetition === 0) {
      arena.u32[place.word + LEAF_CURSOR] = cursors;
      setFlatBuffers(place, way, arena);
    } else {
      nextCursor += 4;
      arena.u32[place.word + LEAF_CURSOR] = nextCursor;
    }
  });
  const image = arena.u8.slice(records, records + size);
  const top = arena.mark();
  return { way, places, flatList, cursors, cursorBytes, records, image, shelf: emptyShelf(), top };
}

function writeRecord({ planned, word }: Place, text: LeafText, arena: Arena): void {
  const { leaf, rendering } = planned;
  const { key } = text;
  const keyAt = arena.put(key);
  const nullRef = text.nothing === "" ? NULL_REF : putFragment(arena, text.nothing);
  const { u32 } = arena;
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
}

function putFragment(arena: Arena, text: string): number {
  const bytes = Buffer.from(text);
  const at = arena.alloc(8 + bytes.length);
  arena.u32[at >> 2] = 0;
  arena.u32[(at >> 2) + 1] = bytes.length;
  arena.u8.set(bytes, at + 8);
  return at + 4;
}

function setFlatBuffers({ planned, word }: Place, { wanted, shaping, stepRows }: Way, arena: Arena): void {
  const refs = arena.alloc(4 * stepRows);
  const ids = wanted.includes(planned.path) ? arena.alloc(4 * stepRows) : 0;
  const definitions = shaping.nulls === "keep" ? arena.alloc(stepRows) : 0;
  const { u32, u8 } = arena;
  u32[word + LEAF_REFS] = refs;
  u32[word + LEAF_IDS] = ids;
  u32[word + LEAF_DEFINITIONS] = definitions;
  if (definitions !== 0) u8.fill(0, definitions, definitions + stepRows);
}
