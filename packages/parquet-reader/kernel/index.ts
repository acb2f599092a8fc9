import { setLevelScratch } from "./decode";
import { prepareInflate } from "./inflate";
import { prepareDigits } from "./numbers";

export { assemble } from "./assemble";
export { decodeFlat } from "./decode";
export { renderDictionary } from "./dictionary";
export { carry, compact, decodeRepeated, rawBytes } from "./entries";
export { inflate } from "./inflate";

/** Call before all else: `scratch` has room for a level byte of each row of a step. */
export function prepare(scratch: u32): void {
  prepareDigits();
  prepareInflate();
  setLevelScratch(scratch);
}
