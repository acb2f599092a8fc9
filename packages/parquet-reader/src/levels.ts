import type { Arena } from "./arena.ts";
import { RUN_BIT, RUN_END, RUN_LEFT, RUN_PACKED, RUN_POSITION, RUN_VALUE, RUN_WIDTH } from "./kernel/layout.ts";

/** Bits that hold levels up to `maximum`. */
export function levelWidth(maximum: number): number {
  return maximum === 0 ? 0 : 32 - Math.clz32(maximum);
}

/**
 * Starts a run record (word index) on the hybrid between `position` and `end`;
 * with `packed`, on so many bit-packed values without a header.
 */
export function setRun(
  { u32 }: Arena,
  run: number,
  position: number,
  end: number,
  width: number,
  packed: number = 0,
): void {
  u32[run + RUN_POSITION] = packed > 0 ? end : position;
  u32[run + RUN_END] = end;
  u32[run + RUN_LEFT] = packed;
  u32[run + RUN_PACKED] = packed > 0 ? 1 : 0;
  u32[run + RUN_VALUE] = position;
  u32[run + RUN_BIT] = 0;
  u32[run + RUN_WIDTH] = width;
}

/**
 * Starts a run record on levels in the deprecated BIT_PACKED encoding, which packs from the most significant bit:
 * turns each byte's values around in place (Encodings.md, "Bit-packed (Deprecated)").
 */
export function packedLevels(
  arena: Arena,
  run: number,
  position: number,
  length: number,
  width: number,
  count: number,
): void {
  const source = arena.u8.slice(position, position + length);
  const target = arena.u8.subarray(position, position + length);
  target.fill(0);
  for (let i = 0; i < count; i++) {
    let level = 0;
    for (let bit = i * width; bit < (i + 1) * width; bit++) {
      level = (level << 1) | ((source[bit >> 3] >> (7 - (bit & 7))) & 1);
    }
    for (let bit = 0; bit < width; bit++) {
      const to = i * width + bit;
      target[to >> 3] |= ((level >> bit) & 1) << (to & 7);
    }
  }
  setRun(arena, run, position, position + length, width, count);
}
