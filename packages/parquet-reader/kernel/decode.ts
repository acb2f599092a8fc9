import {
  CONSTANT_ROWS,
  ENCODING_INDEXES,
  FAULT_INDEX,
  FAULT_LEVEL_VALUE,
  FAULT_LEVELS,
  FAULT_VALUES,
  LEAF_CONSTANT,
  LEAF_DEFINITION_RUN,
  LEAF_DEFINITIONS,
  LEAF_ENCODING,
  LEAF_IDS,
  LEAF_INDEX_RUN,
  LEAF_KEY_LENGTH,
  LEAF_LEFT,
  LEAF_LONGEST,
  LEAF_MAX_DEFINITION,
  LEAF_NULL,
  LEAF_REFS,
  LEAF_TABLE,
  LEAF_TABLE_LENGTH,
  LEAF_TABLE_LONGEST,
  LEAF_VALUES,
  LEAF_VALUES_END,
  LEAF_WIDTH,
} from "../src/kernel/layout";
import { fault, get, set } from "./record";
import { constantRun, constantValue, decodeBytes, decodeWords, skipConstant } from "./runs";

export const RAW: u32 = 0x80000000;
export const RAW_OVERHEAD: u32 = 136;
export const ESCAPE_FACTOR: u32 = 6;

/** Room for the definition levels of a step that nobody keeps. */
let levelScratch: u32 = 0;

export function setLevelScratch(at: u32): void {
  levelScratch = at;
}

/** Address of a run record within a leaf's. */
function runOf(leaf: u32, field: u32): u32 {
  return leaf + (field << 2);
}

export function decodeFlat(leaves: u32, count: u32, rows: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const leaf = load<u32>(leaves + (i << 2));
    const constant = constantRef(leaf, rows);
    set(leaf, LEAF_CONSTANT, constant);
    if (constant === 0) decodeLeaf(leaf, rows);
    set(leaf, LEAF_LEFT, get(leaf, LEAF_LEFT) - rows);
  }
}

/** The ref that all of the next rows have, found by comparing run lengths, or 0. */
function constantRef(leaf: u32, rows: u32): u32 {
  if (get(leaf, LEAF_DEFINITIONS) !== 0 || get(leaf, LEAF_IDS) !== 0) return 0;
  if (rows < (CONSTANT_ROWS as u32) && get(leaf, LEAF_CONSTANT) === 0) return 0;
  const maximum = get(leaf, LEAF_MAX_DEFINITION);
  const definitions = runOf(leaf, LEAF_DEFINITION_RUN);
  if (maximum > 0) {
    if (constantRun(definitions) < rows) return 0;
    const level = constantValue(definitions);
    if (level < maximum) {
      skipConstant(definitions, rows);
      return get(leaf, LEAF_NULL);
    }
    if (level > maximum) return 0;
  }
  if (get(leaf, LEAF_ENCODING) !== ENCODING_INDEXES) return 0;
  const indexes = runOf(leaf, LEAF_INDEX_RUN);
  if (constantRun(indexes) < rows) return 0;
  const index = constantValue(indexes);
  if (index >= get(leaf, LEAF_TABLE_LENGTH)) return 0;
  const ref = load<u32>(get(leaf, LEAF_TABLE) + (index << 2));
  if (ref & RAW) return 0;
  skipConstant(indexes, rows);
  if (maximum > 0) skipConstant(definitions, rows);
  return ref;
}

function decodeLeaf(leaf: u32, rows: u32): void {
  const refs = get(leaf, LEAF_REFS);
  const ids = get(leaf, LEAF_IDS);
  if (get(leaf, LEAF_MAX_DEFINITION) === 0) {
    decodeValues(leaf, refs, ids, rows);
    return;
  }
  const kept = get(leaf, LEAF_DEFINITIONS);
  decodeEntries(leaf, kept === 0 ? levelScratch : kept, refs, ids, rows);
}

/** Levels, then the values of those that have one, spread over the entries. */
export function decodeEntries(leaf: u32, levels: u32, refs: u32, ids: u32, count: u32): void {
  const maximum = get(leaf, LEAF_MAX_DEFINITION);
  if (!decodeBytes(runOf(leaf, LEAF_DEFINITION_RUN), levels, count)) fault(leaf, FAULT_LEVELS);
  const values = countLevel(levels, count, maximum);
  if (above) fault(leaf, FAULT_LEVEL_VALUE);
  decodeValues(leaf, refs, ids, values);
  if (values === count) return;
  if (values === 0) fill(refs, count, get(leaf, LEAF_NULL));
  else spread(levels, maximum, refs, values, count, get(leaf, LEAF_NULL));
  if (ids !== 0) spread(levels, maximum, ids, values, count, 0xffffffff);
}

/** Whether the last `countLevel` met a level above the one it counted. */
export let above: bool = false;

/** How many of the level bytes are `level`; notes whether one is above `most`. */
export function countLevel(levels: u32, count: u32, level: u32): u32 {
  const wanted = i8x16.splat(level as i8);
  let found: u32 = 0;
  let high = i8x16.splat(0);
  let i: u32 = 0;
  for (; i + 16 <= count; i += 16) {
    const bytes = v128.load(levels + i);
    found += popcnt(i8x16.bitmask(i8x16.eq(bytes, wanted)));
    high = v128.or(high, i8x16.gt_u(bytes, wanted));
  }
  let over = v128.any_true(high);
  for (; i < count; i++) {
    const byte = load<u8>(levels + i) as u32;
    found += u32(byte === level);
    over = over || byte > level;
  }
  above = over;
  return found;
}

function fill(words: u32, count: u32, value: u32): void {
  const four = i32x4.splat(value);
  for (let i: u32 = 0; i < count; i += 4) v128.store(words + (i << 2), four);
}

/** Moves `values` packed words to the entries that have a value, from the back, so that it works in place. */
function spread(levels: u32, maximum: u32, words: u32, values: u32, count: u32, nothing: u32): void {
  let from = words + (values << 2);
  for (let i = count; i > 0; ) {
    i--;
    const there = (load<u8>(levels + i) as u32) === maximum;
    from -= u32(there) << 2;
    store<u32>(words + (i << 2), select<u32>(load<u32>(from), nothing, there));
  }
}

function decodeValues(leaf: u32, refs: u32, ids: u32, count: u32): void {
  if (count === 0) return;
  if (get(leaf, LEAF_ENCODING) === ENCODING_INDEXES) decodeIndexes(leaf, refs, ids, count);
  else if (get(leaf, LEAF_WIDTH) === 0) decodeStrings(leaf, refs, count);
  else decodeFixed(leaf, refs, count);
}

/** Indexes become refs through the table; one beyond it becomes the null that stands behind its end. */
function decodeIndexes(leaf: u32, refs: u32, ids: u32, count: u32): void {
  const indexes = ids === 0 ? refs : ids;
  if (!decodeWords(runOf(leaf, LEAF_INDEX_RUN), indexes, count)) fault(leaf, FAULT_LEVELS);
  const table = get(leaf, LEAF_TABLE);
  const length = get(leaf, LEAF_TABLE_LENGTH);
  let outside: bool = false;
  for (let i: u32 = 0; i < count << 2; i += 4) {
    const index = load<u32>(indexes + i);
    const beyond = index >= length;
    outside = outside || beyond;
    store<u32>(refs + i, load<u32>(table + (select<u32>(length, index, beyond) << 2)));
  }
  if (outside) fault(leaf, FAULT_INDEX);
  set(leaf, LEAF_LONGEST, max(get(leaf, LEAF_LONGEST), get(leaf, LEAF_TABLE_LONGEST)));
}

function decodeStrings(leaf: u32, refs: u32, count: u32): void {
  const end = get(leaf, LEAF_VALUES_END);
  let position = get(leaf, LEAF_VALUES);
  let longest: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const length = position + 4 <= end ? load<u32>(position) : 0xffffffff;
    if (position + 4 > end || length > end - position - 4) {
      fault(leaf, FAULT_VALUES);
      fill(refs + (i << 2), count - i, get(leaf, LEAF_NULL));
      break;
    }
    store<u32>(refs + (i << 2), position | RAW);
    position += 4 + length;
    longest = max(longest, length);
  }
  set(leaf, LEAF_VALUES, position);
  noteLongest(leaf, longest);
}

function decodeFixed(leaf: u32, refs: u32, count: u32): void {
  const width = get(leaf, LEAF_WIDTH);
  const position = get(leaf, LEAF_VALUES);
  if ((count as u64) * (width as u64) > ((get(leaf, LEAF_VALUES_END) - position) as u64)) {
    fault(leaf, FAULT_VALUES);
    fill(refs, count, get(leaf, LEAF_NULL));
    return;
  }
  for (let i: u32 = 0; i < count; i++) store<u32>(refs + (i << 2), (position + i * width) | RAW);
  set(leaf, LEAF_VALUES, position + count * width);
  noteLongest(leaf, width);
}

function noteLongest(leaf: u32, longest: u32): void {
  const bytes = longest * ESCAPE_FACTOR + RAW_OVERHEAD + get(leaf, LEAF_KEY_LENGTH);
  set(leaf, LEAF_LONGEST, max(get(leaf, LEAF_LONGEST), bytes));
}
