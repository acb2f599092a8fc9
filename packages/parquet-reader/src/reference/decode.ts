import {
  CONSTANT_ROWS,
  ENCODING_INDEXES,
  FAULT,
  FAULT_COLUMN,
  FAULT_INDEX,
  FAULT_LEVEL_VALUE,
  FAULT_LEVELS,
  FAULT_SHAPE,
  FAULT_VALUES,
  LEAF_CAPACITY,
  LEAF_COLUMN,
  LEAF_CONSTANT,
  LEAF_COUNT,
  LEAF_CURSOR,
  LEAF_DEFINITION_RUN,
  LEAF_DEFINITIONS,
  LEAF_ENCODING,
  LEAF_IDS,
  LEAF_INDEX_RUN,
  LEAF_KEY_LENGTH,
  LEAF_LEFT,
  LEAF_LONGEST,
  LEAF_MAX_DEFINITION,
  LEAF_MAX_REPETITION,
  LEAF_NULL,
  LEAF_REFS,
  LEAF_REPETITION_RUN,
  LEAF_REPETITIONS,
  LEAF_ROWS,
  LEAF_TABLE,
  LEAF_TABLE_LENGTH,
  LEAF_TABLE_LONGEST,
  LEAF_VALUES,
  LEAF_VALUES_END,
  LEAF_WIDTH,
  RAW_BIT,
  RAW_MASK,
} from "../kernel/layout.ts";
import type { Memory } from "./memory.ts";
import { constantRun, constantValue, decodeRun, skipConstant } from "./runs.ts";

/** Entries of a repeated leaf decoded at a time: fewer waste less beyond the rows wanted. */
const MIN_ENTRIES = 16;
const MAX_ENTRIES = 1024;
/** Output bytes of a raw value beside its escaped content. */
export const RAW_OVERHEAD = 136;
/** Output bytes a byte of a string can become: \u00xx. */
export const ESCAPE_FACTOR = 6;

export function fault(u32: Uint32Array, leaf: number, code: number): void {
  if (u32[FAULT >> 2] !== 0) return;
  u32[FAULT >> 2] = code;
  u32[FAULT_COLUMN >> 2] = u32[leaf + LEAF_COLUMN];
}

export function decodeFlat(memory: Memory, leaves: number, count: number, rows: number): void {
  const { u32 } = memory.arena;
  for (let i = 0; i < count; i++) {
    const leaf = u32[(leaves >> 2) + i] >> 2;
    const constant = constantRef(memory, leaf, rows);
    u32[leaf + LEAF_CONSTANT] = constant;
    if (constant === 0) decodeLeaf(memory, leaf, rows);
    u32[leaf + LEAF_LEFT] -= rows;
  }
}

/** The ref that all of the next rows have, found without decoding, or 0. Leaves with levels or ids wanted have none. */
function constantRef({ arena }: Memory, leaf: number, rows: number): number {
  const { u8, u32 } = arena;
  if (u32[leaf + LEAF_DEFINITIONS] !== 0 || u32[leaf + LEAF_IDS] !== 0) return 0;
  if (rows < CONSTANT_ROWS && u32[leaf + LEAF_CONSTANT] === 0) return 0;
  const maximum = u32[leaf + LEAF_MAX_DEFINITION];
  const definitions = leaf + LEAF_DEFINITION_RUN;
  if (maximum > 0) {
    if (constantRun(u8, u32, definitions) < rows) return 0;
    const level = constantValue(u32, definitions);
    if (level < maximum) {
      skipConstant(u32, definitions, rows);
      return u32[leaf + LEAF_NULL];
    }
    if (level > maximum) return 0;
  }
  if (u32[leaf + LEAF_ENCODING] !== ENCODING_INDEXES) return 0;
  const indexes = leaf + LEAF_INDEX_RUN;
  if (constantRun(u8, u32, indexes) < rows) return 0;
  const index = constantValue(u32, indexes);
  if (index >= u32[leaf + LEAF_TABLE_LENGTH]) return 0;
  const ref = u32[(u32[leaf + LEAF_TABLE] >> 2) + index];
  if (ref >= RAW_BIT) return 0;
  skipConstant(u32, indexes, rows);
  if (maximum > 0) skipConstant(u32, definitions, rows);
  return ref;
}

function decodeLeaf(memory: Memory, leaf: number, rows: number): void {
  const { u32 } = memory.arena;
  const refs = u32[leaf + LEAF_REFS] >> 2;
  const ids = u32[leaf + LEAF_IDS] >> 2;
  if (u32[leaf + LEAF_MAX_DEFINITION] === 0) {
    decodeValues(memory, leaf, refs, ids, rows);
    return;
  }
  const kept = u32[leaf + LEAF_DEFINITIONS];
  const levels = kept === 0 ? memory.levels.subarray(0, rows) : memory.arena.u8.subarray(kept, kept + rows);
  decodeEntries(memory, leaf, levels, refs, ids, rows);
}

/** Levels, then the values of those that have one, spread over the entries. */
function decodeEntries(
  memory: Memory,
  leaf: number,
  levels: Uint8Array,
  refs: number,
  ids: number,
  count: number,
): void {
  const { u8, u32 } = memory.arena;
  const maximum = u32[leaf + LEAF_MAX_DEFINITION];
  if (!decodeRun(u8, u32, leaf + LEAF_DEFINITION_RUN, levels, 0, count)) fault(u32, leaf, FAULT_LEVELS);
  let values = 0;
  for (let i = 0; i < count; i++) {
    if (levels[i] === maximum) values++;
    else if (levels[i] > maximum) fault(u32, leaf, FAULT_LEVEL_VALUE);
  }
  decodeValues(memory, leaf, refs, ids, values);
  if (values < count) spread(u32, levels, maximum, refs, ids, values, count, u32[leaf + LEAF_NULL]);
}

/** Moves `values` packed refs (and ids) to the entries that have a value, from the back, so that it works in place. */
function spread(
  u32: Uint32Array,
  levels: Uint8Array,
  maximum: number,
  refs: number,
  ids: number,
  values: number,
  count: number,
  nullRef: number,
): void {
  for (let i = count - 1; i >= 0; i--) {
    const there = levels[i] === maximum;
    if (there) values--;
    u32[refs + i] = there ? u32[refs + values] : nullRef;
    if (ids !== 0) u32[ids + i] = there ? u32[ids + values] : 0xffffffff;
  }
}

function decodeValues(memory: Memory, leaf: number, refs: number, ids: number, count: number): void {
  const { u32 } = memory.arena;
  if (count === 0) return;
  if (u32[leaf + LEAF_ENCODING] === ENCODING_INDEXES) decodeIndexes(memory, leaf, refs, ids, count);
  else if (u32[leaf + LEAF_WIDTH] === 0) decodeStrings(memory, leaf, refs, count);
  else decodeFixed(memory, leaf, refs, count);
}

function decodeIndexes({ arena }: Memory, leaf: number, refs: number, ids: number, count: number): void {
  const { u8, u32 } = arena;
  const at = ids === 0 ? refs : ids;
  if (!decodeRun(u8, u32, leaf + LEAF_INDEX_RUN, u32, at, count)) fault(u32, leaf, FAULT_LEVELS);
  const table = u32[leaf + LEAF_TABLE] >> 2;
  const length = u32[leaf + LEAF_TABLE_LENGTH];
  for (let i = 0; i < count; i++) {
    let index = u32[at + i];
    if (index >= length) {
      fault(u32, leaf, FAULT_INDEX);
      index = length; // the word behind the table is the null ref
    }
    u32[refs + i] = u32[table + index];
  }
  u32[leaf + LEAF_LONGEST] = Math.max(u32[leaf + LEAF_LONGEST], u32[leaf + LEAF_TABLE_LONGEST]);
}

function decodeStrings({ arena }: Memory, leaf: number, refs: number, count: number): void {
  const { u32, view } = arena;
  const end = u32[leaf + LEAF_VALUES_END];
  let position = u32[leaf + LEAF_VALUES];
  let longest = 0;
  for (let i = 0; i < count; i++) {
    const length = position + 4 <= end ? view.getUint32(position, true) : 0xffffffff;
    if (length > end - position - 4) {
      fault(u32, leaf, FAULT_VALUES);
      u32.fill(u32[leaf + LEAF_NULL], refs + i, refs + count);
      break;
    }
    u32[refs + i] = position + RAW_BIT;
    position += 4 + length;
    if (length > longest) longest = length;
  }
  u32[leaf + LEAF_VALUES] = position;
  noteLongest(u32, leaf, longest);
}

function decodeFixed({ arena }: Memory, leaf: number, refs: number, count: number): void {
  const { u32 } = arena;
  const width = u32[leaf + LEAF_WIDTH];
  const position = u32[leaf + LEAF_VALUES];
  if (count * width > u32[leaf + LEAF_VALUES_END] - position) {
    fault(u32, leaf, FAULT_VALUES);
    u32.fill(u32[leaf + LEAF_NULL], refs, refs + count);
    return;
  }
  for (let i = 0; i < count; i++) u32[refs + i] = position + i * width + RAW_BIT;
  u32[leaf + LEAF_VALUES] = position + count * width;
  noteLongest(u32, leaf, width);
}

function noteLongest(u32: Uint32Array, leaf: number, longest: number): void {
  const bytes = longest * ESCAPE_FACTOR + RAW_OVERHEAD + u32[leaf + LEAF_KEY_LENGTH];
  u32[leaf + LEAF_LONGEST] = Math.max(u32[leaf + LEAF_LONGEST], bytes);
}

// ---- repeated leaves

export function decodeRepeated(memory: Memory, address: number, rows: number, lastPage: boolean): number {
  const { u8, u32 } = memory.arena;
  const leaf = address >> 2;
  const repetitions = u32[leaf + LEAF_REPETITIONS];
  const definitions = u32[leaf + LEAF_DEFINITIONS];
  const refs = u32[leaf + LEAF_REFS] >> 2;
  let begun = u32[leaf + LEAF_ROWS];
  let count = u32[leaf + LEAF_COUNT];
  let left = u32[leaf + LEAF_LEFT];
  // A row is complete when the next one begins, or with the last page.
  while (left > 0 && begun <= rows && count + MAX_ENTRIES <= u32[leaf + LEAF_CAPACITY]) {
    const taken = Math.min(left, MAX_ENTRIES, Math.max(MIN_ENTRIES, rows - begun + 1));
    const levels = u8.subarray(repetitions + count, repetitions + count + taken);
    if (!decodeRun(u8, u32, leaf + LEAF_REPETITION_RUN, levels, 0, taken)) fault(u32, leaf, FAULT_LEVELS);
    const maximum = u32[leaf + LEAF_MAX_REPETITION];
    for (let i = 0; i < taken; i++) {
      if (levels[i] === 0) begun++;
      else if (levels[i] > maximum) fault(u32, leaf, FAULT_LEVEL_VALUE);
    }
    const own = u8.subarray(definitions + count, definitions + count + taken);
    decodeEntries(memory, leaf, own, refs + count, 0, taken);
    count += taken;
    left -= taken;
  }
  u8[repetitions + count] = 0; // whatever is read past the last entry begins a row
  u32[leaf + LEAF_ROWS] = begun;
  u32[leaf + LEAF_COUNT] = count;
  u32[leaf + LEAF_LEFT] = left;
  return left === 0 && lastPage ? begun : Math.max(0, begun - 1);
}

export function compact({ arena }: Memory, address: number, rows: number): void {
  const { u8, u32 } = arena;
  const leaf = address >> 2;
  const cursor = u32[leaf + LEAF_CURSOR] >> 2;
  const done = u32[cursor];
  const count = u32[leaf + LEAF_COUNT];
  const repetitions = u32[leaf + LEAF_REPETITIONS];
  if (done > count || !holdsRows(u8, repetitions, done, count, rows)) {
    fault(u32, leaf, FAULT_SHAPE);
    return;
  }
  for (const levels of [repetitions, u32[leaf + LEAF_DEFINITIONS]])
    u8.copyWithin(levels, levels + done, levels + count);
  u8[repetitions + count - done] = 0;
  const refs = u32[leaf + LEAF_REFS] >> 2;
  u32.copyWithin(refs, refs + done, refs + count);
  u32[leaf + LEAF_COUNT] = count - done;
  u32[leaf + LEAF_ROWS] -= rows;
  u32[cursor] = 0;
}

/** Whether the entries before `done` are exactly `rows` whole rows. */
function holdsRows(u8: Uint8Array, repetitions: number, done: number, count: number, rows: number): boolean {
  let begun = 0;
  for (let i = repetitions; i < repetitions + done; i++) if (u8[i] === 0) begun++;
  return begun === rows && u8[repetitions] === 0 && (done === count || u8[repetitions + done] === 0);
}

/** Calls back for each waiting entry whose raw value lies between `from` and `to`: its word, address and bytes. */
function eachRaw(
  { arena }: Memory,
  address: number,
  from: number,
  to: number,
  use: (word: number, value: number, bytes: number) => void,
): void {
  const { u32, view } = arena;
  const leaf = address >> 2;
  const refs = u32[leaf + LEAF_REFS] >> 2;
  const width = u32[leaf + LEAF_WIDTH];
  const end = u32[leaf + LEAF_COUNT];
  for (let i = u32[u32[leaf + LEAF_CURSOR] >> 2]; i < end; i++) {
    const ref = u32[refs + i];
    const value = ref & RAW_MASK;
    if (ref < RAW_BIT || value < from || value >= to) continue;
    use(refs + i, value, width === 0 ? 4 + view.getUint32(value, true) : width);
  }
}

export function rawBytes(memory: Memory, address: number, from: number, to: number): number {
  let sum = 0;
  eachRaw(memory, address, from, to, (_, __, bytes) => {
    sum += bytes;
  });
  return sum;
}

export function carry(memory: Memory, address: number, from: number, to: number, out: number): void {
  const { u8, u32 } = memory.arena;
  eachRaw(memory, address, from, to, (word, value, bytes) => {
    u8.copyWithin(out, value, value + bytes);
    u32[word] = out + RAW_BIT;
    out += bytes;
  });
}
