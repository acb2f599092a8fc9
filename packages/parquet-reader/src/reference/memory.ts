import type { Arena } from "../arena.ts";
import type { Host } from "../kernel/kernel.ts";

/** What the reference's steps work on. */
export interface Memory {
  readonly arena: Arena;
  readonly host: Host;
  /** Definition levels that nobody keeps. */
  levels: Uint8Array;
}
