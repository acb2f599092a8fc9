import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "tsup";
import { afterAll, describe, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "ocsf-schema-"));
const source = join(import.meta.dirname, "..", "src", "index.ts");

afterAll(() => rmSync(folder, { recursive: true }));

/** One file out of a program that uses this package, and what it prints. */
async function bundled(name: string, program: string): Promise<{ readonly bytes: number; readonly output: unknown }> {
  const entry = join(folder, `${name}.ts`);
  const outDir = join(folder, name);
  writeFileSync(entry, `import { classify, validate } from ${JSON.stringify(source)};\n${program}\n`);
  await build({
    config: false,
    entry: [entry],
    outDir,
    format: "esm",
    splitting: false,
    silent: true,
    target: "node22",
  });
  const [file, ...others] = readdirSync(outDir);
  expect(others).toEqual([]);
  const output = JSON.parse(execFileSync(process.execPath, [join(outDir, file)], { encoding: "utf8" }));
  return { bytes: statSync(join(outDir, file)).size, output };
}

describe("a program in one file", () => {
  it("carries no catalog if it only classifies", async () => {
    const { bytes, output } = await bundled(
      "classifies",
      `console.log(JSON.stringify(classify({ classUid: 6003, version: "1.1.0" })));`,
    );
    expect(output).toMatchObject({ caption: "API Activity" });
    expect(bytes).toBeLessThan(16_384);
  });

  it("carries the catalogs if it validates", async () => {
    const { bytes, output } = await bundled(
      "validates",
      `console.log(JSON.stringify(await validate({ class_uid: 6003 })));`,
    );
    expect(output).toMatchObject({ catalog: "1.8.0", valid: false });
    expect(bytes).toBeGreaterThan(1_000_000);
  });
});
