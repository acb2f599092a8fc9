import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

// Below HEAP_START of layout.ts; the compiler puts constant data from here on.
const STATIC_DATA = 52_000;

interface Compiler {
  main(
    args: readonly string[],
    io: { writeFile(name: string, content: Uint8Array | string): void },
  ): Promise<{ error: Error | null; stderr: { toString(): string } }>;
}

/** Compiles the kernel's sources beside this file; the same sources and compiler give the same bytes. */
export async function compileKernel(): Promise<Uint8Array> {
  const manifest = createRequire(import.meta.url).resolve("assemblyscript/package.json");
  const { main } = (await import(pathToFileURL(join(dirname(manifest), "dist/asc.js")).href)) as Compiler;
  let module: Uint8Array | undefined;
  const folder = import.meta.dirname;
  const args = [
    join(folder, "index.ts"),
    "--outFile",
    "kernel.wasm",
    "-O3",
    "--converge",
    "--noAssert",
    "--runtime",
    "stub",
    "--enable",
    "simd,bulk-memory",
    "--importMemory",
    "--memoryBase",
    String(STATIC_DATA),
  ];
  const { error, stderr } = await main(args, {
    writeFile(name, content) {
      if (name.endsWith("kernel.wasm") && content instanceof Uint8Array) module = content;
    },
  });
  if (error !== null || module === undefined)
    throw new Error(`the kernel does not compile: ${stderr}`, { cause: error });
  return module;
}
