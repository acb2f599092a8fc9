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
  RAW_BIT,
  RAW_MASK,
} from "../kernel/layout.ts";
import { fault } from "./decode.ts";
import type { Memory } from "./memory.ts";
import { writeRaw } from "./render.ts";
import { copy } from "./text.ts";

const COMMA = 0x2c;
const CLOSE_BRACE = 0x7d;
const CLOSE_BRACKET = 0x5d;
const NEWLINE = 0x0a;
/** On the stack in place of a position: the entry's key is dropped. */
const DROPPED = 0xffffffff;

/** The state of one call: where it writes and which row it is at. */
interface Run {
  readonly memory: Memory;
  readonly u8: Uint8Array;
  readonly u32: Uint32Array;
  /** Word index of the call's record. */
  readonly call: number;
  readonly rowCursor: number;
  /** Stack of output positions: word index of its next free place. */
  stack: number;
  out: number;
  row: number;
}

export function assemble(memory: Memory, address: number): void {
  const { u8, u32 } = memory.arena;
  const call = address >> 2;
  const cursors = u32[call + CALL_CURSORS];
  const cursorBytes = u32[call + CALL_CURSOR_BYTES];
  const saved = u32[call + CALL_SAVED];
  const run: Run = {
    memory,
    u8,
    u32,
    call,
    rowCursor: cursors >> 2,
    stack: 0,
    out: u32[call + CALL_OUT],
    row: u32[call + CALL_ROW],
  };
  const end = u32[call + CALL_END];
  const ends = u32[call + CALL_ENDS] >> 2;
  const first = run.row;
  u32[call + CALL_OVERFULL] = 0;
  while (run.row < end && run.out < u32[call + CALL_SOFT_END]) {
    const start = run.out;
    u32[run.rowCursor] = run.row;
    u8.copyWithin(saved, cursors, cursors + cursorBytes);
    run.stack = u32[call + CALL_STACK] >> 2;
    if (run.out > u32[call + CALL_HARD_END] || !assembleRow(run)) {
      u8.copyWithin(cursors, saved, saved + cursorBytes);
      run.out = start;
      u32[call + CALL_OVERFULL] = 1;
      break;
    }
    u32[ends + run.row - first] = run.out - u32[call + CALL_BASE];
    run.row++;
  }
  u32[call + CALL_ROW] = run.row;
  u32[call + CALL_OUT] = run.out;
}

/** Runs the program once; false when the row passes the hard end. */
function assembleRow(run: Run): boolean {
  const { u8, u32 } = run;
  const hardEnd = u32[run.call + CALL_HARD_END];
  let op = u32[run.call + CALL_PROGRAM] >> 2;
  for (;;) {
    switch (u32[op]) {
      case OP_LITERAL:
        put(run, u32[op + 1], u32[op + 2]);
        break;
      case OP_FLATS:
        for (let i = u32[op + 1] >> 2, end = i + u32[op + 2]; i < end; i++) {
          putFragment(run, u32[(u32[i] >> 2) + run.row]);
        }
        break;
      case OP_FLAT_RAW: {
        const leaf = u32[op + 1] >> 2;
        putRef(run, leaf, u32[(u32[leaf + LEAF_REFS] >> 2) + run.row]);
        break;
      }
      case OP_VALUE: {
        const leaf = u32[op + 1] >> 2;
        putRef(run, leaf, takeRef(run, leaf));
        break;
      }
      case OP_OPEN:
        u32[run.stack++] = run.out;
        put(run, u32[op + 1], u32[op + 2]);
        break;
      case OP_CLOSE: {
        const start = u32[--run.stack];
        if (run.out === start + u32[op + 1]) run.out = start;
        else close(run, CLOSE_BRACE);
        break;
      }
      case OP_CLOSE_KEPT:
        close(run, CLOSE_BRACE);
        break;
      case OP_GROUP: {
        const leaf = u32[op + 1] >> 2;
        if (definition(run, leaf) < u32[op + 2]) {
          putFragment(run, u32[op + 3]);
          skipEntries(run, u32[op + 4]);
          op += u32[op + 5];
        }
        break;
      }
      case OP_LIST:
      case OP_MAP: {
        const leaf = u32[op + 1] >> 2;
        const level = definition(run, leaf);
        if (level > u32[op + 2]) {
          putFragment(run, u32[op + 3]);
          if (u32[op] === OP_MAP) dropRepeatedKeys(run, leaf);
        } else {
          putFragment(run, level === u32[op + 2] ? u32[op + 4] : u32[op + 5]);
          skipEntries(run, u32[op + 6]);
          op += u32[op + 7];
        }
        break;
      }
      case OP_NEXT:
        if (run.out > hardEnd) return false;
        if (continues(run, u32[op + 1] >> 2, u32[op + 2])) {
          op -= u32[op + 3];
          continue;
        }
        close(run, u32[op + 4]);
        break;
      case OP_KEY:
        putKey(run, u32[op + 1] >> 2);
        break;
      case OP_ENTRY:
        endEntry(run);
        break;
      case OP_VALUES:
        if (!putList(run, op, hardEnd)) return false;
        break;
      case OP_PAIRS:
        if (!putMap(run, op, hardEnd)) return false;
        break;
      case OP_ROW_END:
        if (u8[run.out - 1] === COMMA) run.out--;
        u8[run.out++] = CLOSE_BRACE;
        u8[run.out++] = NEWLINE;
        return true;
    }
    op += OP_WORDS;
  }
}

function put(run: Run, source: number, length: number): void {
  copy(run.u8, run.out, source, length);
  run.out += length;
}

function putFragment(run: Run, ref: number): void {
  put(run, ref + 4, run.u32[ref >> 2]);
}

function putRef(run: Run, leaf: number, ref: number): void {
  if (ref < RAW_BIT) {
    putFragment(run, ref);
    return;
  }
  const end = writeRaw(run.memory, leaf, ref & RAW_MASK, run.out);
  if (end !== 0) {
    run.out = end;
    return;
  }
  lose(run, leaf);
  putFragment(run, run.u32[leaf + LEAF_NULL]);
}

function lose({ u32, call, row }: Run, leaf: number): void {
  if (u32[leaf + LEAF_LOST]++ === 0) u32[leaf + LEAF_LOST_ROW] = u32[call + CALL_FIRST_ROW] + row;
}

/** The ref of the leaf's next entry. */
function takeRef(run: Run, leaf: number): number {
  const { u32 } = run;
  const cursor = u32[leaf + LEAF_CURSOR] >> 2;
  const entry = u32[cursor];
  if (entry >= u32[leaf + LEAF_COUNT]) {
    fault(u32, leaf, FAULT_SHAPE);
    return u32[leaf + LEAF_NULL];
  }
  u32[cursor] = entry + 1;
  return u32[(u32[leaf + LEAF_REFS] >> 2) + entry];
}

function definition({ u8, u32 }: Run, leaf: number): number {
  return u8[u32[leaf + LEAF_DEFINITIONS] + u32[u32[leaf + LEAF_CURSOR] >> 2]];
}

/** Whether the leaf's next entry belongs to the same list. */
function continues({ u8, u32 }: Run, leaf: number, repetition: number): boolean {
  const entry = u32[u32[leaf + LEAF_CURSOR] >> 2];
  return entry < u32[leaf + LEAF_COUNT] && u8[u32[leaf + LEAF_REPETITIONS] + entry] >= repetition;
}

/** Passes one entry of each cursor in the table: its length, then the cursors' addresses. */
function skipEntries({ u32 }: Run, table: number): void {
  const at = table >> 2;
  for (let i = 1; i <= u32[at]; i++) u32[u32[at + i] >> 2]++;
}

/** Puts the bracket in the place of the last comma, or behind an empty opening. */
function close(run: Run, bracket: number): void {
  const { u8 } = run;
  if (u8[run.out - 1] === COMMA) run.out--;
  u8[run.out++] = bracket;
  u8[run.out++] = COMMA;
}

function dropRepeatedKeys(run: Run, key: number): void {
  const { u8, u32 } = run;
  const levels = u32[key + LEAF_REPETITIONS];
  const count = u32[key + LEAF_COUNT];
  const repetition = u32[key + LEAF_MAX_REPETITION]; // a key is a leaf of the map's own level
  const from = u32[u32[key + LEAF_CURSOR] >> 2];
  let end = from + 1;
  while (end < count && u8[levels + end] >= repetition) end++;
  if (end - from < 2) return;
  u32[run.call + CALL_DUPLICATES] += run.memory.host.dropRepeatedKeys(u32[key + LEAF_COLUMN], from, end);
}

function putKey(run: Run, leaf: number): void {
  const { u32 } = run;
  const start = run.out;
  const ref = takeRef(run, leaf);
  const dropped = ref === DROPPED_REF;
  const lost = ref === u32[leaf + LEAF_NULL];
  if (lost) lose(run, leaf);
  putRef(run, leaf, ref);
  u32[run.stack++] = start;
  u32[run.stack++] = dropped || lost || run.out === start ? DROPPED : run.out;
}

/** Takes the entry back when its key is dropped or its value has left nothing. */
function endEntry(run: Run): void {
  const afterKey = run.u32[--run.stack];
  const start = run.u32[--run.stack];
  if (afterKey === DROPPED || run.out === afterKey) run.out = start;
}

function putList(run: Run, op: number, hardEnd: number): boolean {
  const { u32 } = run;
  const leaf = u32[op + 1] >> 2;
  const level = definition(run, leaf);
  if (level <= u32[op + 2]) {
    putFragment(run, level === u32[op + 2] ? u32[op + 5] : u32[op + 6]);
    u32[u32[leaf + LEAF_CURSOR] >> 2]++;
    return true;
  }
  putFragment(run, u32[op + 4]);
  do {
    putRef(run, leaf, takeRef(run, leaf));
    if (run.out > hardEnd) return false;
  } while (continues(run, leaf, u32[op + 3]));
  close(run, CLOSE_BRACKET);
  return true;
}

function putMap(run: Run, op: number, hardEnd: number): boolean {
  const { u32 } = run;
  const key = u32[op + 1] >> 2;
  const value = u32[op + 2] >> 2;
  const level = definition(run, key);
  if (level <= u32[op + 3]) {
    putFragment(run, level === u32[op + 3] ? u32[op + 6] : u32[op + 7]);
    u32[u32[key + LEAF_CURSOR] >> 2]++;
    u32[u32[value + LEAF_CURSOR] >> 2]++;
    return true;
  }
  putFragment(run, u32[op + 5]);
  dropRepeatedKeys(run, key);
  do {
    putKey(run, key);
    putRef(run, value, takeRef(run, value));
    endEntry(run);
    if (run.out > hardEnd) return false;
  } while (continues(run, key, u32[op + 4]));
  close(run, CLOSE_BRACE);
  return true;
}
