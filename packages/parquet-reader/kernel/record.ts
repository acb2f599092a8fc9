import { FAULT, FAULT_COLUMN, LEAF_COLUMN } from "../src/kernel/layout";

// Records are words in linear memory; `layout.ts` numbers their fields.

export function get(record: u32, field: u32): u32 {
  return load<u32>(record + (field << 2));
}

export function set(record: u32, field: u32, value: u32): void {
  store<u32>(record + (field << 2), value);
}

/** Notes the first contradiction of the input; the driver looks after each call. */
export function fault(leaf: u32, code: u32): void {
  if (load<u32>(FAULT) !== 0) return;
  store<u32>(FAULT, code);
  store<u32>(FAULT_COLUMN, get(leaf, LEAF_COLUMN));
}
