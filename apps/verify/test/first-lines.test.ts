import { join } from "node:path";
import { expect, it } from "vitest";
import { verdictOf } from "../src/verdict.ts";
import { faults } from "./faults.ts";
import { createSetting } from "./setting.ts";

/** Without the numbers of checks, and what is another at each run. */
const steady = (line: string): string =>
  line
    .replaceAll(/\d+(?= checks:| could not be checked)/g, "N")
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "ID")
    .replaceAll(/(?<=us-east-1-)[0-9a-f]{20,}/g, "ID")
    .replaceAll(/(?<=127\.0\.0\.1:)\d{2,}/g, "PORT");

it("each fault is told first in one line, as the file beside this has them to be read", async () => {
  const lines: string[] = [];
  for (const { name, options, make } of faults) {
    await using setting = await createSetting(options);
    await make(setting);
    lines.push("", name);
    for (const admin of [true, false]) {
      const results = await setting.verify({ admin, reveal: false });
      const { line } = verdictOf(results);
      for (const { seen, fix } of results) expect(`${seen} ${fix}`).not.toMatch(/(?<![\d.])\b1 (more )?[a-z]{2,}s\b/);
      lines.push(`  ${admin ? "with an administrator" : "without"}: ${steady(line)}`);
    }
  }
  const file = join(import.meta.dirname, "golden/first-lines.txt");
  await expect(`${lines.slice(1).join("\n")}\n`).toMatchFileSnapshot(file);
}, 120_000);
