import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { askFiles } from "../src/answers.ts";
import { reportText } from "../src/report.ts";

const alert = (source: string, severity: string | undefined, level: number): string =>
  `${JSON.stringify({ rule: { level }, security_lake: { source }, data: { severity } })}\n`;

it("answers from files as the indexer would", async () => {
  const folder = mkdtempSync(join(tmpdir(), "demo-test-"));
  writeFileSync(join(folder, "a.ndjson"), alert("WAF", "Low", 3) + alert("VPC_FLOW", "High", 12));
  writeFileSync(join(folder, "b.ndjson"), alert("WAF", undefined, 10) + alert("WAF", "Low", 3));
  expect(await askFiles(folder)).toEqual({
    total: 4,
    perSource: [
      { name: "VPC_FLOW", events: 1 },
      { name: "WAF", events: 3 },
    ],
    perSeverity: [
      { name: "Low", events: 2 },
      { name: "High", events: 1 },
      { name: "none", events: 1 },
    ],
    perLevel: [
      { name: "12", events: 1 },
      { name: "10", events: 1 },
      { name: "3", events: 2 },
    ],
    example: { rule: { level: 12 }, security_lake: { source: "VPC_FLOW" }, data: { severity: "High" } },
  });
  rmSync(folder, { recursive: true });
});

const outcome = {
  answers: { total: 12_345, perSource: [{ name: "WAF", events: 12_345 }], perSeverity: [], perLevel: [], example: {} },
  summary: { events: 12_345, seconds: 2, objects: 3, peakMemory: 100 * 1024 * 1024 },
  messagesLeft: 0,
  deadLetters: 0,
};

it("lines numbers up and computes the rate from what was measured", () => {
  const report = reportText(outcome, false);
  const ends = report
    .split("\n")
    .flatMap((line) => (/^(Events found|Dead letters|Messages left).*\d$/.test(line) ? line.length : []));
  expect(new Set(ends).size).toBe(1);
  expect(report).toContain("6,173 (in 2.0 s)");
});

it("is coloured on request only", () => {
  expect(reportText(outcome, false)).not.toContain("\x1b");
  expect(reportText(outcome, true)).toContain("\x1b[1m");
});
