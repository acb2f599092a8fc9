import {
  FAULT_LEVEL_VALUE,
  FAULT_LEVELS,
  FAULT_SHAPE,
  LEAF_CAPACITY,
  LEAF_COUNT,
  LEAF_CURSOR,
  LEAF_DEFINITIONS,
  LEAF_LEFT,
  LEAF_MAX_REPETITION,
  LEAF_REFS,
  LEAF_REPETITION_RUN,
  LEAF_REPETITIONS,
  LEAF_ROWS,
  LEAF_WIDTH,
  RAW_MASK,
} from "../src/kernel/layout";
import { countLevel, decodeEntries, RAW } from "./decode";
import { fault, get, set } from "./record";
import { decodeBytes } from "./runs";

const MIN_ENTRIES: u32 = 16;
const MAX_ENTRIES: u32 = 1024;

/** Whether one of the level bytes is above `most`. */
function anyAbove(levels: u32, count: u32, most: u32): bool {
  const bound = i8x16.splat(most as i8);
  let i: u32 = 0;
  for (; i + 16 <= count; i += 16) if (v128.any_true(i8x16.gt_u(v128.load(levels + i), bound))) return true;
  for (; i < count; i++) if ((load<u8>(levels + i) as u32) > most) return true;
  return false;
}

export function decodeRepeated(leaf: u32, rows: u32, lastPage: bool): u32 {
  const repetitions = get(leaf, LEAF_REPETITIONS);
  const definitions = get(leaf, LEAF_DEFINITIONS);
  const refs = get(leaf, LEAF_REFS);
  const capacity = get(leaf, LEAF_CAPACITY);
  const maximum = get(leaf, LEAF_MAX_REPETITION);
  let begun = get(leaf, LEAF_ROWS);
  let count = get(leaf, LEAF_COUNT);
  let left = get(leaf, LEAF_LEFT);
  // A row is complete when the next one begins, or with the last page.
  while (left > 0 && begun <= rows && count + MAX_ENTRIES <= capacity) {
    const taken = min(min(left, MAX_ENTRIES), max(MIN_ENTRIES, rows - begun + 1));
    const levels = repetitions + count;
    if (!decodeBytes(leaf + (LEAF_REPETITION_RUN << 2), levels, taken)) fault(leaf, FAULT_LEVELS);
    if (anyAbove(levels, taken, maximum)) fault(leaf, FAULT_LEVEL_VALUE);
    begun += countLevel(levels, taken, 0);
    decodeEntries(leaf, definitions + count, refs + (count << 2), 0, taken);
    count += taken;
    left -= taken;
  }
  store<u8>(repetitions + count, 0); // whatever is read past the last entry begins a row
  set(leaf, LEAF_ROWS, begun);
  set(leaf, LEAF_COUNT, count);
  set(leaf, LEAF_LEFT, left);
  if (left === 0 && lastPage) return begun;
  return begun === 0 ? 0 : begun - 1;
}

export function compact(leaf: u32, rows: u32): void {
  const cursor = get(leaf, LEAF_CURSOR);
  const done = load<u32>(cursor);
  const count = get(leaf, LEAF_COUNT);
  const repetitions = get(leaf, LEAF_REPETITIONS);
  if (done > count || !holdsRows(repetitions, done, count, rows)) {
    fault(leaf, FAULT_SHAPE);
    return;
  }
  const left = count - done;
  const definitions = get(leaf, LEAF_DEFINITIONS);
  const refs = get(leaf, LEAF_REFS);
  memory.copy(repetitions, repetitions + done, left);
  memory.copy(definitions, definitions + done, left);
  memory.copy(refs, refs + (done << 2), left << 2);
  store<u8>(repetitions + left, 0);
  set(leaf, LEAF_COUNT, left);
  set(leaf, LEAF_ROWS, get(leaf, LEAF_ROWS) - rows);
  store<u32>(cursor, 0);
}

/** Whether the entries before `done` are exactly `rows` whole rows. */
function holdsRows(repetitions: u32, done: u32, count: u32, rows: u32): bool {
  if (countLevel(repetitions, done, 0) !== rows || load<u8>(repetitions) !== 0) return false;
  return done === count || load<u8>(repetitions + done) === 0;
}

/** The bytes of a waiting entry's raw value when it lies between `from` and `to`, else 0. */
function rawSize(leaf: u32, ref: u32, from: u32, to: u32): u32 {
  const value = ref & RAW_MASK;
  if (!(ref & RAW) || value < from || value >= to) return 0;
  const width = get(leaf, LEAF_WIDTH);
  return width === 0 ? 4 + load<u32>(value) : width;
}

export function rawBytes(leaf: u32, from: u32, to: u32): u32 {
  const refs = get(leaf, LEAF_REFS);
  const count = get(leaf, LEAF_COUNT);
  let sum: u32 = 0;
  for (let i = load<u32>(get(leaf, LEAF_CURSOR)); i < count; i++) {
    sum += rawSize(leaf, load<u32>(refs + (i << 2)), from, to);
  }
  return sum;
}

export function carry(leaf: u32, from: u32, to: u32, out: u32): void {
  const refs = get(leaf, LEAF_REFS);
  const count = get(leaf, LEAF_COUNT);
  for (let i = load<u32>(get(leaf, LEAF_CURSOR)); i < count; i++) {
    const ref = load<u32>(refs + (i << 2));
    const bytes = rawSize(leaf, ref, from, to);
    if (bytes === 0) continue;
    memory.copy(out, ref & RAW_MASK, bytes);
    store<u32>(refs + (i << 2), out | RAW);
    out += bytes;
  }
}
