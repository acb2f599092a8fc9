import { inflateRawSync } from "node:zlib";
import { INFLATED_END } from "../kernel/layout.ts";
import type { Memory } from "./memory.ts";

/** With `info`, zlib tells how much it read; its types do not know that. */
type InflateWithInfo = (
  source: Uint8Array,
  options: { info: true; maxOutputLength: number },
) => { buffer: Uint8Array; engine: { bytesWritten: number } };

export function inflate({ arena }: Memory, source: number, length: number, out: number, outLength: number): number {
  const { u8, u32 } = arena;
  try {
    const { buffer, engine } = (inflateRawSync as unknown as InflateWithInfo)(u8.subarray(source, source + length), {
      info: true,
      maxOutputLength: Math.max(1, outLength),
    });
    if (buffer.length > outLength) return -1;
    u8.set(buffer, out);
    u32[INFLATED_END >> 2] = source + engine.bytesWritten;
    return buffer.length;
  } catch {
    return -1;
  }
}
