import {
  CALL_BASE,
  CALL_CURSOR_BYTES,
  CALL_CURSORS,
  CALL_DUPLICATES,
  CALL_END,
  CALL_ENDS,
  CALL_FIRST_ROW,
  CALL_HARD_END,
  CALL_OUT,
  CALL_OVERFULL,
  CALL_PROGRAM,
  CALL_ROW,
  CALL_SAVED,
  CALL_SOFT_END,
  CALL_STACK,
  DROPPED_REF,
  FAULT_SHAPE,
  LEAF_COLUMN,
  LEAF_COUNT,
  LEAF_CURSOR,
  LEAF_DEFINITIONS,
  LEAF_LOST,
  LEAF_LOST_ROW,
  LEAF_MAX_REPETITION,
  LEAF_NULL,
  LEAF_REFS,
  LEAF_REPETITIONS,
  OP_CLOSE,
  OP_CLOSE_KEPT,
  OP_ENTRY,
  OP_FLAT_RAW,
  OP_FLATS,
  OP_GROUP,
  OP_KEY,
  OP_LIST,
  OP_LITERAL,
  OP_MAP,
  OP_NEXT,
  OP_OPEN,
  OP_PAIRS,
  OP_ROW_END,
  OP_VALUE,
  OP_VALUES,
  OP_WORDS,
  RAW_MASK,
} from "../src/kernel/layout";
import { copyTo } from "./copy";
import { RAW } from "./decode";
import { writeRaw } from "./dictionary";
import { dropRepeatedKeys } from "./host";
import { fault, get, set } from "./record";
import { writeFragment } from "./text";

const COMMA: u32 = 0x2c;
const CLOSE_BRACE: u32 = 0x7d;
const CLOSE_BRACKET: u32 = 0x5d;
const NEWLINE: u32 = 0x0a;
/** On the stack in place of a position: the entry's key is dropped. */
const DROPPED: u32 = 0xffffffff;
const OP_BYTES: u32 = OP_WORDS << 2;

/** The running call, its row and its stack. */
let current: u32 = 0;
let row: u32 = 0;
let stack: u32 = 0;
/** Stamped into the keys of the map at hand. */
let generation: u32 = 0;

export function assemble(call: u32): void {
  const cursors = get(call, CALL_CURSORS);
  const cursorBytes = get(call, CALL_CURSOR_BYTES);
  const saved = get(call, CALL_SAVED);
  const end = get(call, CALL_END);
  const softEnd = get(call, CALL_SOFT_END);
  const hardEnd = get(call, CALL_HARD_END);
  const base = get(call, CALL_BASE);
  const program = get(call, CALL_PROGRAM);
  let ends = get(call, CALL_ENDS);
  let out = get(call, CALL_OUT);
  current = call;
  row = get(call, CALL_ROW);
  set(call, CALL_OVERFULL, 0);
  while (row < end && out < softEnd) {
    store<u32>(cursors, row);
    memory.copy(saved, cursors, cursorBytes);
    stack = get(call, CALL_STACK);
    const next = out > hardEnd ? 0 : assembleRow(program, out, hardEnd);
    if (next === 0) {
      memory.copy(cursors, saved, cursorBytes);
      set(call, CALL_OVERFULL, 1);
      break;
    }
    out = next;
    store<u32>(ends, out - base);
    ends += 4;
    row++;
  }
  set(call, CALL_ROW, row);
  set(call, CALL_OUT, out);
}

/** Runs the program once; gives the row's end, or 0 when it passes the hard end. */
function assembleRow(program: u32, out: u32, hardEnd: u32): u32 {
  for (let op = program; op !== 0; op += OP_BYTES) {
    switch (load<u32>(op)) {
      case OP_LITERAL: {
        const length = get(op, 2);
        copyTo(out, get(op, 1), length);
        out += length;
        break;
      }
      case OP_FLATS: {
        const rowOffset = row << 2;
        const table = get(op, 1);
        const end = table + (get(op, 2) << 2);
        for (let column = table; column < end; column += 4) {
          const ref = load<u32>(load<u32>(column) + rowOffset);
          const length = load<u32>(ref);
          copyTo(out, ref + 4, length);
          out += length;
        }
        break;
      }
      case OP_FLAT_RAW: {
        const leaf = get(op, 1);
        out = writeRef(leaf, load<u32>(get(leaf, LEAF_REFS) + (row << 2)), out);
        break;
      }
      case OP_VALUE: {
        const leaf = get(op, 1);
        out = writeRef(leaf, takeRef(leaf), out);
        break;
      }
      case OP_OPEN: {
        store<u32>(stack, out);
        stack += 4;
        const length = get(op, 2);
        copyTo(out, get(op, 1), length);
        out += length;
        break;
      }
      case OP_CLOSE: {
        stack -= 4;
        const start = load<u32>(stack);
        if (out === start + get(op, 1)) out = start;
        else out = close(out, CLOSE_BRACE);
        break;
      }
      case OP_CLOSE_KEPT:
        out = close(out, CLOSE_BRACE);
        break;
      case OP_GROUP: {
        if (definition(get(op, 1)) < get(op, 2)) {
          out = writeFragment(out, get(op, 3));
          skipEntries(get(op, 4));
          op += get(op, 5) << 2;
        }
        break;
      }
      case OP_LIST:
      case OP_MAP: {
        const leaf = get(op, 1);
        const level = definition(leaf);
        if (level > get(op, 2)) {
          out = writeFragment(out, get(op, 3));
          if (load<u32>(op) === OP_MAP) dropKeys(leaf);
        } else {
          out = writeFragment(out, level === get(op, 2) ? get(op, 4) : get(op, 5));
          skipEntries(get(op, 6));
          op += get(op, 7) << 2;
        }
        break;
      }
      case OP_NEXT: {
        if (out > hardEnd) return 0;
        if (goesOn(get(op, 1), get(op, 2))) op -= (get(op, 3) << 2) + OP_BYTES;
        else out = close(out, get(op, 4));
        break;
      }
      case OP_KEY:
        out = writeKey(get(op, 1), out);
        break;
      case OP_ENTRY:
        out = endEntry(out);
        break;
      case OP_VALUES:
        out = writeList(op, out, hardEnd);
        if (out === 0) return 0;
        break;
      case OP_PAIRS:
        out = writeMap(op, out, hardEnd);
        if (out === 0) return 0;
        break;
      case OP_ROW_END:
        if ((load<u8>(out - 1) as u32) === COMMA) out--;
        store<u16>(out, (CLOSE_BRACE | (NEWLINE << 8)) as u16);
        return out + 2;
    }
  }
  return 0;
}

function writeRef(leaf: u32, ref: u32, out: u32): u32 {
  if (!(ref & RAW)) return writeFragment(out, ref);
  const end = writeRaw(leaf, ref & RAW_MASK, out);
  if (end !== 0) return end;
  lose(leaf);
  return writeFragment(out, get(leaf, LEAF_NULL));
}

function lose(leaf: u32): void {
  const lost = get(leaf, LEAF_LOST);
  set(leaf, LEAF_LOST, lost + 1);
  if (lost === 0) set(leaf, LEAF_LOST_ROW, get(current, CALL_FIRST_ROW) + row);
}

/** The ref of the leaf's next entry. */
function takeRef(leaf: u32): u32 {
  const cursor = get(leaf, LEAF_CURSOR);
  const entry = load<u32>(cursor);
  if (entry >= get(leaf, LEAF_COUNT)) {
    fault(leaf, FAULT_SHAPE);
    return get(leaf, LEAF_NULL);
  }
  store<u32>(cursor, entry + 1);
  return load<u32>(get(leaf, LEAF_REFS) + (entry << 2));
}

function definition(leaf: u32): u32 {
  return load<u8>(get(leaf, LEAF_DEFINITIONS) + load<u32>(get(leaf, LEAF_CURSOR))) as u32;
}

/** Whether the leaf's next entry belongs to the same list. */
function goesOn(leaf: u32, repetition: u32): bool {
  const entry = load<u32>(get(leaf, LEAF_CURSOR));
  return entry < get(leaf, LEAF_COUNT) && (load<u8>(get(leaf, LEAF_REPETITIONS) + entry) as u32) >= repetition;
}

/** Passes one entry of each cursor in the table: its length, then the cursors' addresses. */
function skipEntries(table: u32): void {
  const end = table + (load<u32>(table) << 2);
  for (let at = table + 4; at <= end; at += 4) {
    const cursor = load<u32>(at);
    store<u32>(cursor, load<u32>(cursor) + 1);
  }
}

/** Puts the bracket in the place of the last comma, or behind an empty opening. */
function close(out: u32, bracket: u32): u32 {
  out -= u32((load<u8>(out - 1) as u32) === COMMA);
  store<u16>(out, (bracket | (COMMA << 8)) as u16);
  return out + 2;
}

/** Asks the driver to drop repeated keys when one is stamped already, or is a raw value that carries no stamp. */
function dropKeys(key: u32): void {
  const refs = get(key, LEAF_REFS);
  const levels = get(key, LEAF_REPETITIONS);
  const count = get(key, LEAF_COUNT);
  const repetition = get(key, LEAF_MAX_REPETITION); // a key is a leaf of the map's own level
  const from = load<u32>(get(key, LEAF_CURSOR));
  let suspicious: bool = false;
  let end = from;
  generation++;
  do {
    const ref = load<u32>(refs + (end << 2));
    if (ref & RAW) suspicious = true;
    else {
      suspicious = suspicious || load<u32>(ref - 4) === generation;
      store<u32>(ref - 4, generation);
    }
    end++;
  } while (end < count && (load<u8>(levels + end) as u32) >= repetition);
  if (!suspicious || end - from < 2) return;
  set(current, CALL_DUPLICATES, get(current, CALL_DUPLICATES) + dropRepeatedKeys(get(key, LEAF_COLUMN), from, end));
}

function writeKey(leaf: u32, out: u32): u32 {
  const start = out;
  const ref = takeRef(leaf);
  const lost = ref === get(leaf, LEAF_NULL);
  if (lost) lose(leaf);
  out = writeRef(leaf, ref, out);
  store<u32>(stack, start);
  store<u32>(stack + 4, ref === DROPPED_REF || lost || out === start ? DROPPED : out);
  stack += 8;
  return out;
}

/** Takes the entry back when its key is dropped or its value has left nothing. */
function endEntry(out: u32): u32 {
  stack -= 8;
  const afterKey = load<u32>(stack + 4);
  return afterKey === DROPPED || out === afterKey ? load<u32>(stack) : out;
}

function passEntry(leaf: u32): void {
  const cursor = get(leaf, LEAF_CURSOR);
  store<u32>(cursor, load<u32>(cursor) + 1);
}

function writeList(op: u32, out: u32, hardEnd: u32): u32 {
  const leaf = get(op, 1);
  const level = definition(leaf);
  if (level <= get(op, 2)) {
    passEntry(leaf);
    return writeFragment(out, level === get(op, 2) ? get(op, 5) : get(op, 6));
  }
  const repetition = get(op, 3);
  out = writeFragment(out, get(op, 4));
  do {
    out = writeRef(leaf, takeRef(leaf), out);
    if (out > hardEnd) return 0;
  } while (goesOn(leaf, repetition));
  return close(out, CLOSE_BRACKET);
}

function writeMap(op: u32, out: u32, hardEnd: u32): u32 {
  const key = get(op, 1);
  const value = get(op, 2);
  const level = definition(key);
  if (level <= get(op, 3)) {
    passEntry(key);
    passEntry(value);
    return writeFragment(out, level === get(op, 3) ? get(op, 6) : get(op, 7));
  }
  const repetition = get(op, 4);
  out = writeFragment(out, get(op, 5));
  dropKeys(key);
  do {
    out = writeKey(key, out);
    out = writeRef(value, takeRef(value), out);
    out = endEntry(out);
    if (out > hardEnd) return 0;
  } while (goesOn(key, repetition));
  return close(out, CLOSE_BRACE);
}
