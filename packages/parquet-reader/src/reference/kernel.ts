import type { Arena } from "../arena.ts";
import type { Host, Kernel } from "../kernel/kernel.ts";
import { assemble } from "./assemble.ts";
import { carry, compact, decodeFlat, decodeRepeated, rawBytes } from "./decode.ts";
import { inflate } from "./inflate.ts";
import type { Memory } from "./memory.ts";
import { renderDictionary } from "./render.ts";

/** The steps in plain TypeScript: what the WebAssembly kernel is measured and tested against. */
export function createReferenceKernel(arena: Arena, host: Host): Kernel {
  const memory: Memory = { arena, host, levels: new Uint8Array(0) };
  return {
    prepare(rows) {
      if (memory.levels.length < rows) memory.levels = new Uint8Array(rows);
    },
    inflate: (source, sourceLength, out, outLength) => inflate(memory, source, sourceLength, out, outLength),
    renderDictionary: (leaf, source, end, count, out, raw) =>
      renderDictionary(memory, leaf, source, end, count, out, raw),
    decodeFlat: (leaves, count, rows) => decodeFlat(memory, leaves, count, rows),
    decodeRepeated: (leaf, rows, lastPage) => decodeRepeated(memory, leaf, rows, lastPage),
    compact: (leaf, rows) => compact(memory, leaf, rows),
    rawBytes: (leaf, from, to) => rawBytes(memory, leaf, from, to),
    carry: (leaf, from, to, out) => carry(memory, leaf, from, to, out),
    assemble: (call) => assemble(memory, call),
  };
}
