import type { Arena } from "../arena.ts";

/** What the kernel asks of the driver, for what is rare or needs the language's own number formatting. */
export interface Host {
  /** Renders a raw value of the column at `out`; gives the end, or 0 when it has no JSON form. */
  render(column: number, source: number, out: number): number;
  /** Drops (DROPPED_REF) the keys among entries `from`…`to` that come again later; gives how many. */
  dropRepeatedKeys(column: number, from: number, to: number): number;
}

/**
 * The steps that touch every value. Addresses are into the arena; records are those of `layout.ts`.
 * What contradicts itself in the input sets FAULT and leaves the output in a harmless state.
 */
export interface Kernel {
  /** Takes what the kernel needs for steps of `rows` from the arena; after each of the arena's resets. */
  prepare(rows: number): void;
  /** Inflates the DEFLATE stream between `source` and `source + sourceLength`; gives the bytes written, or -1 when it
   * is broken or longer than `outLength`. INFLATED_END then holds where it ended. */
  inflate(source: number, sourceLength: number, out: number, outLength: number): number;
  /** Renders a dictionary of `count` plain values between `source` and `end` into fragments from `out` on, their refs
   * into the leaf's table. With `raw` the refs point at the values. Gives the end of what was written. */
  renderDictionary(leaf: number, source: number, end: number, count: number, out: number, raw: boolean): number;
  /** Decodes the next `rows` entries of each of the `count` flat leaves whose addresses are listed. */
  decodeFlat(leaves: number, count: number, rows: number): void;
  /** Decodes entries until `rows` complete rows are there or the page ends; gives the complete rows. */
  decodeRepeated(leaf: number, rows: number, lastPage: boolean): number;
  /** Checks that exactly `rows` rows were assembled, and moves the other entries to the front. */
  compact(leaf: number, rows: number): void;
  /** Bytes of the raw values not yet assembled that lie between `from` and `to`. */
  rawBytes(leaf: number, from: number, to: number): number;
  /** Copies those values to `out` and points their refs there. */
  carry(leaf: number, from: number, to: number, out: number): void;
  /** Runs the program for the rows of the call. */
  assemble(call: number): void;
}

export type CreateKernel = (arena: Arena, host: Host) => Kernel;
