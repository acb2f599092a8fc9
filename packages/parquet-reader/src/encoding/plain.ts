import { ParquetError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { encodings } from "../metadata.ts";
import type { PlannedLeaf } from "../plan.ts";

/** Turns the values of a page into the PLAIN encoding, in which everything else reads them. */
export function toPlain(
  encoding: number,
  _source: Uint8Array,
  _entries: number,
  _planned: PlannedLeaf,
  _limits: Limits,
): Uint8Array {
  throw new ParquetError("UNSUPPORTED", `encoding ${encodings[encoding] ?? encoding}`);
}
