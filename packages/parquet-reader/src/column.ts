import type { Arena } from "./arena.ts";
import type { Place } from "./assemble.ts";
import type { Dictionary } from "./dictionary.ts";
import { ParquetError, placed } from "./errors.ts";
import type { Kernel } from "./kernel/kernel.ts";
import { FAULT, FAULT_INDEX, FAULT_LEVEL_VALUE, FAULT_LEVELS, FAULT_SHAPE, FAULT_VALUES } from "./kernel/layout.ts";
import type { Limits } from "./limits.ts";
import type { ColumnChunk } from "./metadata.ts";
import type { PageHeader } from "./page.ts";

/** Bytes of the file from `offset` on. */
export interface Window {
  readonly bytes: Uint8Array;
  readonly offset: number;
  /** Address of a copy of them in the arena, or 0. */
  readonly at: number;
}

/** A block of the arena that is replaced by a larger one at need. */
export interface Block {
  at: number;
  size: number;
}

/** Raw values of unfinished rows whose page is gone, kept until entry `until` is assembled. */
export interface Carried extends Block {
  readonly until: number;
}

/** A column chunk being read: its record in the arena and what the driver knows of its pages. */
export interface Column extends Place {
  readonly chunk: ColumnChunk;
  readonly rowGroup: number;
  readonly isMapKey: boolean;
  window: Window;
  /** File offset of the next page, and of the chunk's end. */
  position: number;
  readonly end: number;
  /** File offset up to which the source was told to expect questions. */
  expected: number;
  /** The header at `position` once it was read. */
  header: PageHeader | undefined;
  /** Values of the pages taken so far. */
  valuesSeen: number;
  /** Whether refs may be raw values. */
  raw: boolean;
  /** The page being decoded, and the plain form of an encoding that is not. */
  readonly page: Block;
  readonly unpacked: Block;
  carried: readonly Carried[];
  /** Whether a repeated column has no complete row without its next page. */
  starving: boolean;
  /** Entries assembled, all steps together. */
  entriesDone: number;
  /** Capacity of the entry buffers, in entries. */
  capacity: number;
  /** Whether somebody wants its values beside the rows; then what the ids of its dictionary page point into. */
  readonly wanted: boolean;
  dictionary: Dictionary | undefined;
  /** Map keys: the bytes of each dictionary entry by its ref. */
  keys: Map<number, string> | undefined;
}

/** What columns need to work. */
export interface Workshop {
  readonly arena: Arena;
  readonly kernel: Kernel;
  readonly limits: Limits;
}

export const isLastPage = (column: Column): boolean => column.valuesSeen === column.chunk.valueCount;

export function place(column: Column): { offset: number; column: string; rowGroup: number } {
  return { offset: column.position, column: column.planned.path, rowGroup: column.rowGroup };
}

export function at(column: Column, error: unknown): unknown {
  return placed(error, place(column));
}

export function ended(column: Column): unknown {
  const { valuesSeen, chunk } = column;
  return at(
    column,
    new ParquetError("CORRUPT", `the column chunk ends after ${valuesSeen} of its ${chunk.valueCount} values`),
  );
}

/** Makes the block hold `size` bytes; its content is lost. */
export function fit(block: Block, size: number, arena: Arena): void {
  if (block.size >= size && block.at !== 0) return;
  if (block.at !== 0) arena.release(block.at, block.size);
  block.at = 0;
  block.at = arena.alloc(size);
  block.size = size;
}

const faults: Readonly<Record<number, string>> = {
  [FAULT_LEVELS]: "levels or dictionary indexes end before the values of their page",
  [FAULT_INDEX]: "a dictionary index is beyond the dictionary",
  [FAULT_VALUES]: "a value reaches beyond its page",
  [FAULT_SHAPE]: "columns disagree on the entries of a row",
  [FAULT_LEVEL_VALUE]: "a level is above its maximum",
};

/** Throws what the kernel found wrong since the last check, in a column it names. */
export function checkFault({ u32 }: Arena, column: Column | undefined): void {
  const code = u32[FAULT >> 2];
  if (code === 0) return;
  const error = new ParquetError("CORRUPT", faults[code] ?? `fault ${code}`);
  throw column === undefined ? error : at(column, error);
}
