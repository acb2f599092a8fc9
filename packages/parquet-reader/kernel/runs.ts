import { RUN_BIT, RUN_END, RUN_LEFT, RUN_PACKED, RUN_POSITION, RUN_VALUE, RUN_WIDTH } from "../src/kernel/layout";
import { get, set } from "./record";

// Reading of the run-length / bit-packing hybrid. `run` is the address of a RUN_ record.

export const ENDLESS: u32 = 0xffffffff;

/** Starts the next run; false when the data ends. */
function nextRun(run: u32): bool {
  let position = get(run, RUN_POSITION);
  const end = get(run, RUN_END);
  const width = get(run, RUN_WIDTH);
  let header: u32 = 0;
  let shift: u32 = 0;
  for (;;) {
    if (position >= end || shift > 28) return false;
    const byte = load<u8>(position++) as u32;
    header |= (byte & 127) << shift;
    if (byte < 128) break;
    shift += 7;
  }
  const count = header >> 1;
  if (header & 1) {
    // A writer may cut the bytes of the last group short: what is there counts.
    const there = (((end - position) as u64) << 3) / (width as u64);
    const bytes = (count as u64) * (width as u64);
    set(run, RUN_LEFT, min((count as u64) << 3, there) as u32);
    set(run, RUN_VALUE, position);
    set(run, RUN_BIT, 0);
    position += min(bytes, (end - position) as u64) as u32;
  } else {
    const bytes = (width + 7) >> 3;
    if (position + bytes > end) return false;
    let value: u32 = 0;
    for (let i: u32 = 0; i < bytes; i++) value |= (load<u8>(position + i) as u32) << (i << 3);
    set(run, RUN_LEFT, count);
    set(run, RUN_VALUE, value);
    position += bytes;
  }
  set(run, RUN_PACKED, header & 1);
  set(run, RUN_POSITION, position);
  return true;
}

/** How many of the next values are the same constant: 0 when they are bit-packed or the data ends. */
export function constantRun(run: u32): u32 {
  if (get(run, RUN_WIDTH) === 0) return ENDLESS;
  while (get(run, RUN_LEFT) === 0) if (!nextRun(run)) return 0;
  return get(run, RUN_PACKED) ? 0 : get(run, RUN_LEFT);
}

export function constantValue(run: u32): u32 {
  return get(run, RUN_WIDTH) === 0 ? 0 : get(run, RUN_VALUE);
}

export function skipConstant(run: u32, count: u32): void {
  if (get(run, RUN_WIDTH) !== 0) set(run, RUN_LEFT, get(run, RUN_LEFT) - count);
}

/** Decodes `count` values of at most 8 bits into bytes; false when the data ends before. */
export function decodeBytes(run: u32, out: u32, count: u32): bool {
  const width = get(run, RUN_WIDTH);
  if (width === 0) {
    memory.fill(out, 0, count);
    return true;
  }
  const mask = (1 << width) - 1;
  while (count > 0) {
    const left = get(run, RUN_LEFT);
    if (left === 0) {
      if (nextRun(run)) continue;
      memory.fill(out, 0, count);
      return false;
    }
    const taken = min(left, count);
    if (get(run, RUN_PACKED)) {
      const base = get(run, RUN_VALUE);
      let bit = get(run, RUN_BIT);
      for (let i: u32 = 0; i < taken; i++) {
        store<u8>(out + i, ((load<u32>(base + (bit >> 3)) >> (bit & 7)) & mask) as u8);
        bit += width;
      }
      set(run, RUN_BIT, bit);
    } else memory.fill(out, get(run, RUN_VALUE) as u8, taken);
    set(run, RUN_LEFT, left - taken);
    out += taken;
    count -= taken;
  }
  return true;
}

/** Decodes `count` values into words; false when the data ends before. */
export function decodeWords(run: u32, out: u32, count: u32): bool {
  const width = get(run, RUN_WIDTH);
  if (width === 0) {
    memory.fill(out, 0, count << 2);
    return true;
  }
  const mask = (((1 as u64) << width) - 1) as u32;
  while (count > 0) {
    const left = get(run, RUN_LEFT);
    if (left === 0) {
      if (nextRun(run)) continue;
      memory.fill(out, 0, count << 2);
      return false;
    }
    const taken = min(left, count);
    const end = out + (taken << 2);
    if (get(run, RUN_PACKED)) {
      const base = get(run, RUN_VALUE);
      let bit = get(run, RUN_BIT);
      for (; out < end; out += 4) {
        store<u32>(out, ((load<u64>(base + (bit >> 3)) >> (bit & 7)) as u32) & mask);
        bit += width;
      }
      set(run, RUN_BIT, bit);
    } else {
      const value = i32x4.splat(get(run, RUN_VALUE));
      for (; out < end; out += 16) v128.store(out, value);
      out = end;
    }
    set(run, RUN_LEFT, left - taken);
    count -= taken;
  }
  return true;
}
