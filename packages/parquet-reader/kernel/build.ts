import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { moduleSource } from "./artefact.ts";
import { compileKernel } from "./compile.ts";

// Writes the compiled kernel where the reader's sources import it.
await writeFile(join(import.meta.dirname, "../src/kernel/module.ts"), moduleSource(await compileKernel()));
