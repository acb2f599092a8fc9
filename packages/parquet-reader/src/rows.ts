import { compile, type Program } from "./assemble.ts";
import { type Gathering, gather, type RowBatch, takeLost } from "./batch.ts";
import { at, type Column, checkFault, isLastPage } from "./column.ts";
import { compactEntries, decodeRows } from "./entries.ts";
import { ParquetError, placed, understood } from "./errors.ts";
import { nothingFetched, prefetch, turnPages } from "./fetch.ts";
import type { ParquetFile } from "./file.ts";
import { groundworkOf, type Way } from "./groundwork.ts";
import type { CreateKernel } from "./kernel/kernel.ts";
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
  CALL_WORDS,
  FAULT_COLUMN,
  LEAF_CONSTANT,
  LEAF_COUNT,
  LEAF_KEY_LENGTH,
  LEAF_LEFT,
  LEAF_LONGEST,
} from "./kernel/layout.ts";
import { createWasmKernel } from "./kernel/wasm.ts";
import { project } from "./plan.ts";
import { type OpenGroup, openGroup, type Reading } from "./rowgroup.ts";
import { shapeOf } from "./shape.ts";
import { giveWorkplace, takeWorkplace } from "./workshop.ts";

/** How rows are read. */
export interface RowsOptions {
  /** Paths ("metadata.product.name") of columns whose values are wanted beside the rows. */
  readonly columns?: readonly string[];
  /** Paths of the columns and groups that rows consist of; all by default. */
  readonly project?: readonly string[];
  /** Rows of a batch at most: 1 to 65536, 1024 by default. */
  readonly maxRows?: number;
  /** A batch ends with the row that reaches so many bytes: 2 MiB by default. */
  readonly maxBytes?: number;
  /** Nulls, and groups in which all is null, are omitted by default. */
  readonly nulls?: "omit" | "keep";
  /** Maps as objects by default, or as lists of `{"key":…,"value":…}`. */
  readonly maps?: "object" | "pairs";
  readonly signal?: AbortSignal;
}

const MAX_ROWS = 65_536;

/**
 * The rows of a file in batches, in file order. Memory is that of the pages in work and one batch.
 * @throws ParquetError for what the file has wrong; the rows before it were given.
 * @throws the signal's reason when it is aborted.
 */
export function rows(file: ParquetFile, options: RowsOptions = {}): AsyncGenerator<RowBatch, void, undefined> {
  return rowsBy(createWasmKernel, file, options);
}

/** `rows` with a kernel of choice. */
export async function* rowsBy(
  create: CreateKernel,
  file: ParquetFile,
  options: RowsOptions = {},
): AsyncGenerator<RowBatch, void, undefined> {
  const { footer, plan, limits, source } = file;
  const maxRows = Math.min(MAX_ROWS, Math.max(1, Math.floor(options.maxRows ?? 1024)));
  const maxBytes = Math.max(1, options.maxBytes ?? 2 * 1024 * 1024);
  const shaping = { nulls: options.nulls ?? "omit", maps: options.maps ?? "object" };
  const way: Way = {
    shape: shapeOf(plan, shaping),
    shaping,
    leafCount: plan.leaves.length,
    leaves: project(plan, options.project),
    wanted: options.columns ?? [],
    stepRows: maxRows,
  };
  const workplace = takeWorkplace(create, way.shape);
  const { arena, kernel } = workplace;
  const fetched = nothingFetched();
  let firstRow = 0;
  let number = 0;
  try {
    for (; number < footer.rowGroups.length; number++) {
      options.signal?.throwIfAborted();
      if (footer.rowGroups[number].rowCount === 0) continue; // writers give its chunks offsets of nothing
      const groundwork = groundworkOf(way, workplace.groundwork, arena, kernel, limits.memoryBytes);
      workplace.groundwork = groundwork;
      const reading: Reading = {
        source,
        footer,
        arena,
        kernel,
        limits,
        groundwork,
        signal: options.signal,
        fetched,
        expose(columns) {
          workplace.columns = columns;
        },
      };
      const group = openGroup(reading, number);
      await prefetch(group, reading);
      const output = openOutput(reading, group, firstRow, maxRows, maxBytes);
      let done = 0;
      while (done < group.rowCount) {
        options.signal?.throwIfAborted();
        const waiting = pagesNeeded(group, reading);
        if (waiting.length > 0) {
          await turnPages(waiting, group, reading);
          continue;
        }
        const count = decode(group, reading, Math.min(maxRows - output.batch().rowCount(), group.rowCount - done));
        if (count === 0) continue;
        if (!output.batch().accepts()) yield output.flush();
        output.startStep(count);
        while (!output.stepDone()) {
          output.assemble();
          if (output.batchFull()) yield output.flush();
        }
        finishStep(group, count, reading);
        done += count;
      }
      if (output.batch().rowCount() > 0) yield output.flush();
      checkEnd(group, reading);
      firstRow += group.rowCount;
    }
    giveWorkplace(create, workplace);
  } catch (error) {
    throw placed(understood(error), { rowGroup: number });
  }
}

/** Flat columns whose page is used up, and repeated ones that have no complete row left. */
function pagesNeeded(group: OpenGroup, { arena }: Reading): Column[] {
  const { u32 } = arena;
  const waiting = group.flats.filter((column) => u32[column.word + LEAF_LEFT] === 0);
  for (const column of group.repeated) {
    if (column.starving) waiting.push(column);
  }
  return waiting;
}

/** Decodes up to `wanted` rows of every column; gives how many, or 0 when a repeated column first needs a page. */
function decode(group: OpenGroup, reading: Reading, wanted: number): number {
  const { arena, kernel, groundwork } = reading;
  let rows = wanted;
  for (const column of group.flats) rows = Math.min(rows, arena.u32[column.word + LEAF_LEFT]);
  let hungry = false;
  for (const column of group.repeated) {
    const complete = decodeRows(column, rows, reading);
    column.starving = complete === 0;
    if (complete === 0) hungry = true;
    else rows = Math.min(rows, complete);
  }
  checkColumns(group, reading);
  if (hungry) return 0;
  kernel.decodeFlat(groundwork.flatList, group.flats.length, rows);
  checkColumns(group, reading);
  return rows;
}

function checkColumns(group: OpenGroup, { arena }: Reading): void {
  checkFault(arena, group.byLeaf[arena.u32[FAULT_COLUMN >> 2]]);
}

function finishStep(group: OpenGroup, rows: number, reading: Reading): void {
  for (const column of group.repeated) compactEntries(column, rows, reading);
  checkColumns(group, reading);
}

/** Each column must end with the row group's rows. */
function checkEnd(group: OpenGroup, { arena }: Reading): void {
  for (const column of group.columns) {
    const { word } = column;
    const rest = arena.u32[word + LEAF_LEFT] + arena.u32[word + LEAF_COUNT];
    if (rest === 0 && isLastPage(column)) continue;
    throw at(
      column,
      new ParquetError("CORRUPT", `the column goes on after the ${group.rowCount} rows of its row group`),
    );
  }
}

// ---- the window that rows are written into

interface Output {
  batch(): Gathering;
  /** Takes up the `count` rows that were decoded. */
  startStep(count: number): void;
  stepDone(): boolean;
  /** Writes rows of the step until the batch is full or the step done. */
  assemble(): void;
  batchFull(): boolean;
  flush(): RowBatch;
}

/** Room for what operators write without looking: brackets, commas. */
const WINDOW_SLACK = 4096;
/** Values grow longer as a file goes on: the window has room for longer ones, so that it seldom moves. */
const MOST_SPARE = 4 * 1024 * 1024;
/** Output positions that one level of the schema may have on the stack. */
const STACK_BYTES = 8;

function openOutput(
  reading: Reading,
  group: OpenGroup,
  firstRowOfGroup: number,
  maxRows: number,
  maxBytes: number,
): Output {
  const { arena, limits, groundwork } = reading;
  const { shape, shaping } = groundwork.way;
  const call = arena.alloc(CALL_WORDS * 4) >> 2;
  const ends = arena.alloc(4 * maxRows);
  const saved = arena.alloc(groundwork.cursorBytes);
  const stack = arena.alloc((limits.depth + 1) * STACK_BYTES * 4);
  const window = { at: 0, size: 0 };
  const wanted = group.columns.filter((column) => column.wanted);
  let program: Program | undefined;
  let signature: Float64Array | undefined;
  let batch = gather(wanted, maxRows, arena);
  let batchStart = firstRowOfGroup;
  let out = 0; // next free byte of the window, relative to it
  let step = 0;
  let row = 0;
  let stepStart = firstRowOfGroup;
  let duplicateKeys = 0;

  /** Bytes one row writes between two looks at the window's end. */
  function unchecked(): number {
    let sum = WINDOW_SLACK + (program?.literalBytes ?? 0);
    for (const { word } of group.columns) sum += arena.u32[word + LEAF_LONGEST] + arena.u32[word + LEAF_KEY_LENGTH] + 8;
    return sum;
  }

  function resize(size: number): void {
    if (size - maxBytes > limits.rowBytes) {
      const reason = `the row needs more than the limit rowBytes of ${limits.rowBytes}`;
      throw new ParquetError("LIMIT", `row ${stepStart + row}: ${reason}`, { rowGroup: group.number });
    }
    const old = { ...window };
    window.at = arena.alloc(size);
    window.size = size;
    if (old.size === 0) return;
    arena.u8.copyWithin(window.at, old.at, old.at + out);
    arena.release(old.at, old.size);
  }

  /** Compiles the program anew when a flat column changed its class. */
  function update(): void {
    const { u32 } = arena;
    const { flats } = group;
    let same = signature !== undefined;
    signature ??= new Float64Array(flats.length);
    for (let i = 0; i < flats.length; i++) {
      const sign = u32[flats[i].word + LEAF_CONSTANT] * 2 + (flats[i].raw ? 1 : 0);
      if (signature[i] !== sign) same = false;
      signature[i] = sign;
    }
    if (same && program !== undefined) return;
    if (program !== undefined && !program.shelved) arena.release(program.at, program.size);
    program = compile({ shape, shaping, columns: group.byLeaf }, groundwork.shelf, arena);
  }

  return {
    batch: () => batch,
    startStep(count) {
      update();
      step = count;
      row = 0;
    },
    stepDone: () => row === step,
    assemble() {
      const slack = unchecked();
      const needed = maxBytes + slack;
      if (window.size < needed) resize(needed + Math.min(slack, MOST_SPARE));
      const { u32 } = arena;
      u32[call + CALL_PROGRAM] = program?.at ?? 0;
      u32[call + CALL_ROW] = row;
      u32[call + CALL_END] = Math.min(step, row + maxRows - batch.rowCount());
      u32[call + CALL_OUT] = window.at + out;
      u32[call + CALL_SOFT_END] = window.at + maxBytes;
      u32[call + CALL_HARD_END] = window.at + window.size - slack;
      u32[call + CALL_ENDS] = ends + 4 * batch.rowCount();
      u32[call + CALL_BASE] = window.at;
      u32[call + CALL_CURSORS] = groundwork.cursors;
      u32[call + CALL_CURSOR_BYTES] = groundwork.cursorBytes;
      u32[call + CALL_SAVED] = saved;
      u32[call + CALL_STACK] = stack;
      u32[call + CALL_DUPLICATES] = 0;
      u32[call + CALL_FIRST_ROW] = stepStart;
      reading.kernel.assemble(call * 4);
      checkColumns(group, reading);
      const stopped = u32[call + CALL_ROW];
      batch.take(row, stopped);
      row = stopped;
      out = u32[call + CALL_OUT] - window.at;
      duplicateKeys += u32[call + CALL_DUPLICATES];
      if (row === step) stepStart += step;
      else if (u32[call + CALL_OVERFULL] === 1) resize(window.size * 2);
    },
    batchFull: () => batch.rowCount() === maxRows || out >= maxBytes,
    flush() {
      const rowCount = batch.rowCount();
      const offsets = new Uint32Array(rowCount + 1);
      offsets.set(arena.u32.subarray(ends >> 2, (ends >> 2) + rowCount), 1);
      const done: RowBatch = {
        firstRow: batchStart,
        rowCount,
        bytes: arena.u8.subarray(window.at, window.at + out),
        offsets,
        columns: batch.columns(),
        lost: takeLost(group.columns, arena),
        duplicateKeys,
      };
      batch = gather(wanted, maxRows, arena);
      batchStart += rowCount;
      out = 0;
      duplicateKeys = 0;
      return done;
    },
  };
}
