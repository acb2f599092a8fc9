import type { Column, Window } from "./column.ts";
import { chunksOf, FIRST_PAGE, type OpenGroup, type Reading, startOf } from "./rowgroup.ts";
import { read } from "./source.ts";
import { loadPage, missingRange } from "./turning.ts";

/** Bytes of the file from `start` up to and without `end`. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/** Row groups that are fetched together, and the ranges in which they lie. */
interface Stretch {
  readonly last: number;
  /** None where the first row group is too large to be fetched whole. */
  readonly runs: readonly Range[];
}

/** What was fetched of a file whole row groups at a time. */
export interface Fetched {
  /** The last row group whose bytes are in `windows`, or which is read by windows of its columns. */
  last: number;
  windows: readonly Window[];
  /** The row group up to which the source was told what will be asked for. */
  expected: number;
}

/** A row group up to this size is fetched whole; of a larger one, windows of each column. */
const WHOLE_BYTES = 16 * 1024 * 1024;
/** Small row groups are fetched together up to this size. */
const STRETCH_BYTES = 4 * 1024 * 1024;
/** Ranges closer than this are fetched as one. */
const GAP_BYTES = 64 * 1024;
const ALL_WINDOWS = 32 * 1024 * 1024;
const MIN_WINDOW = 128 * 1024;
const MAX_WINDOW = 4 * 1024 * 1024;

export const nothingFetched = (): Fetched => ({ last: -1, windows: [], expected: -1 });

/** Fetches what a small row group needs, in as few slices as its columns lie apart, and the small ones behind it too. */
export async function prefetch(group: OpenGroup, reading: Reading): Promise<void> {
  const { footer, arena, fetched } = reading;
  if (footer.tailOffset <= FIRST_PAGE) {
    // A small object goes into the arena at once: its pages are then inflated where they lie.
    const whole: Window = { bytes: footer.tail, offset: footer.tailOffset, at: arena.put(footer.tail) };
    for (const column of group.columns) column.window = whole;
    return;
  }
  if (group.number > fetched.last) {
    fetched.windows = [];
    const { last, runs } = stretchFrom(group.number, reading);
    fetched.windows = await Promise.all(runs.map((run) => windowOf(run, reading)));
    fetched.last = last;
    if (runs.length > 0) expectFrom(last + 1, reading);
  }
  if (fetched.windows.length === 0) return;
  for (const column of group.columns) column.window = windowAt(fetched.windows, column.position);
}

/** Loads the next data page of each column, fetching what their windows lack side by side. */
export async function turnPages(columns: readonly Column[], group: OpenGroup, reading: Reading): Promise<void> {
  const size = windowBytes(group.columns.length);
  let waiting = columns;
  while (waiting.length > 0) {
    const fetches: Promise<void>[] = [];
    for (const column of waiting) {
      const range = missingRange(column, reading.limits);
      if (range !== undefined) fetches.push(fetchWindow(column, range, size, reading));
    }
    if (fetches.length > 0) {
      await Promise.all(fetches);
      if (group.columns.every(({ window, end }) => endOf(window) >= end)) expectFrom(group.number + 1, reading);
    } else waiting = waiting.filter((column) => !loadPage(column, reading));
  }
}

/** Moves a column's window on: what is left of it stays in front of what comes. */
async function fetchWindow(column: Column, { start, end }: Range, size: number, reading: Reading): Promise<void> {
  const { window, expected } = column;
  const left = start >= window.offset && start < endOf(window) ? window.bytes.subarray(start - window.offset) : nothing;
  const from = start + left.length;
  const to = Math.min(column.end, Math.max(end, from + size));
  // A page that is larger than was expected is asked for in two cuts, the first of them the expected one.
  const cut = expected > from && expected < to ? expected : to;
  const pieces = [fetchBytes(from, cut, reading), ...(cut < to ? [fetchBytes(cut, to, reading)] : [])];
  column.window = { bytes: together([left, ...(await Promise.all(pieces))]), offset: start, at: 0 };
  if (to === column.end) return;
  column.expected = Math.min(column.end, to + size);
  expect({ start: to, end: column.expected }, reading);
}

function windowBytes(columns: number): number {
  return Math.min(MAX_WINDOW, Math.max(MIN_WINDOW, Math.floor(ALL_WINDOWS / columns)));
}

// ---- which bytes come next

/** The row groups from `first` on that are fetched together. One that the footer has wrong is left to its own turn. */
function stretchFrom(first: number, reading: Reading): Stretch {
  let stretch: Stretch = { last: first, runs: [] };
  for (let number = first; number < reading.footer.rowGroups.length; number++) {
    const ranges = rangesOf(number, reading);
    if (ranges === undefined) break;
    const runs = joined([...stretch.runs, ...ranges]);
    const bytes = runs.reduce((sum, { start, end }) => sum + end - start, 0);
    if (bytes > (number === first ? WHOLE_BYTES : STRETCH_BYTES)) break;
    stretch = { last: number, runs };
  }
  return stretch;
}

/** Where a row group's columns lie; undefined when that is not within the file. */
function rangesOf(number: number, { footer, groundwork }: Reading): Range[] | undefined {
  const group = footer.rowGroups[number];
  if (group.rowCount === 0) return [];
  const { leaves, leafCount } = groundwork.way;
  const chunkOf = chunksOf(group, leafCount);
  const ranges: Range[] = [];
  for (const planned of leaves) {
    const chunk = chunkOf(planned);
    if (chunk === undefined) continue;
    const start = startOf(chunk);
    const end = start + chunk.compressedBytes;
    if (start < FIRST_PAGE || end > footer.footerOffset) return undefined;
    ranges.push({ start, end });
  }
  return ranges;
}

function joined(ranges: Range[]): Range[] {
  const runs: { start: number; end: number }[] = [];
  for (const { start, end } of ranges.sort((a, b) => a.start - b.start)) {
    const last = runs.at(-1);
    if (last !== undefined && start - last.end <= GAP_BYTES) last.end = Math.max(last.end, end);
    else runs.push({ start, end });
  }
  return runs;
}

/** Tells the source what will be asked for of the row groups from `number` on, in the cuts in which that will happen. */
function expectFrom(number: number, reading: Reading): void {
  const { source, footer, fetched } = reading;
  if (source.expect === undefined || number <= fetched.expected || number >= footer.rowGroups.length) return;
  const { last, runs } = stretchFrom(number, reading);
  fetched.expected = last;
  for (const run of runs.length > 0 ? runs : firstWindows(number, reading)) expect(run, reading);
}

function firstWindows(number: number, reading: Reading): Range[] {
  const ranges = rangesOf(number, reading) ?? [];
  const size = windowBytes(ranges.length);
  return ranges.map(({ start, end }) => ({ start, end: Math.min(end, start + size) }));
}

function expect({ start, end }: Range, { source, footer }: Reading): void {
  if (start < footer.tailOffset) source.expect?.(start, end);
}

// ---- windows

const nothing = new Uint8Array(0);

const endOf = ({ offset, bytes }: Window): number => offset + bytes.length;

/** The last of the windows, which are in the file's order, that begins at `position` or before. */
function windowAt(windows: readonly Window[], position: number): Window {
  let low = 0;
  let high = windows.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (windows[middle].offset <= position) low = middle;
    else high = middle - 1;
  }
  return windows[low];
}

async function windowOf({ start, end }: Range, reading: Reading): Promise<Window> {
  return { bytes: await fetchBytes(start, end, reading), offset: start, at: 0 };
}

async function fetchBytes(start: number, end: number, { source, footer, signal }: Reading): Promise<Uint8Array> {
  const { tail, tailOffset } = footer;
  if (start >= tailOffset) return tail.subarray(start - tailOffset, end - tailOffset);
  return unlessAborted(read(source, start, end), signal);
}

function together(pieces: readonly Uint8Array[]): Uint8Array {
  const filled = pieces.filter(({ length }) => length > 0);
  if (filled.length === 1) return filled[0];
  const whole = new Uint8Array(filled.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of filled) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** The bytes, unless the signal comes first: a source may take its time. */
async function unlessAborted(
  bytes: Uint8Array | Promise<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  if (signal === undefined || bytes instanceof Uint8Array) return bytes;
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([bytes, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
