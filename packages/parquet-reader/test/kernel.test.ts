import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { moduleSource } from "../kernel/artefact.ts";
import { compileKernel } from "../kernel/compile.ts";
import { open, type RowsOptions } from "../src/index.ts";
import { createReferenceKernel } from "../src/reference/kernel.ts";
import { rowsBy } from "../src/rows.ts";
import { generated, samples, text } from "./reading.ts";
import { anyFile } from "./schemas.ts";

async function byReference(bytes: Uint8Array, options: RowsOptions): Promise<string> {
  let all = "";
  for await (const batch of rowsBy(createReferenceKernel, await open(bytes), options)) {
    all += Buffer.from(batch.bytes).toString();
  }
  return all;
}

it("the committed kernel is what its sources compile to", { timeout: 120_000 }, async () => {
  const committed = readFileSync(new URL("../src/kernel/module.ts", import.meta.url), "utf8");
  expect(committed).toBe(moduleSource(await compileKernel()));
});

const variants: readonly RowsOptions[] = [
  { nulls: "omit" },
  { nulls: "keep" },
  { maps: "pairs", maxRows: 5 },
  { maxBytes: 700, columns: ["f0", "f1", "class_uid"] },
];

it.each([...samples(), ...generated()])("kernel and reference give the same bytes of $name", async ({ bytes }) => {
  for (const options of variants) expect(await text(bytes, options)).toBe(await byReference(bytes, options));
});

it("kernel and reference give the same bytes of any file", async () => {
  for (let seed = 0; seed < 100; seed++) {
    const { bytes } = anyFile(`same ${seed}`);
    for (const options of variants) expect(await text(bytes, options)).toBe(await byReference(bytes, options));
  }
});
