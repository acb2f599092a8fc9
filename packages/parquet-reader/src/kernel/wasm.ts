import type { Arena } from "../arena.ts";
import type { Host, Kernel } from "./kernel.ts";
import { kernelModule } from "./module.ts";
import { wasm } from "./webassembly.ts";

type Exports = Readonly<Record<string, (...words: number[]) => number>>;

let compiled: object | undefined;

/** The steps in WebAssembly. */
export function createWasmKernel(arena: Arena, host: Host): Kernel {
  compiled ??= new wasm.Module(Buffer.from(kernelModule, "base64"));
  const { exports } = new wasm.Instance(compiled, {
    env: { memory: arena.memory },
    host: { render: host.render, dropRepeatedKeys: host.dropRepeatedKeys },
  });
  const steps = exports as Exports;
  return {
    prepare(rows) {
      steps.prepare(arena.alloc(rows));
    },
    inflate: (source, sourceLength, out, outLength) => steps.inflate(source, sourceLength, out, outLength),
    renderDictionary: (leaf, source, end, count, out, raw) =>
      steps.renderDictionary(leaf, source, end, count, out, raw ? 1 : 0),
    decodeFlat(leaves, count, rows) {
      steps.decodeFlat(leaves, count, rows);
    },
    decodeRepeated: (leaf, rows, lastPage) => steps.decodeRepeated(leaf, rows, lastPage ? 1 : 0),
    compact(leaf, rows) {
      steps.compact(leaf, rows);
    },
    rawBytes: (leaf, from, to) => steps.rawBytes(leaf, from, to),
    carry(leaf, from, to, out) {
      steps.carry(leaf, from, to, out);
    },
    assemble(call) {
      steps.assemble(call);
    },
  };
}
