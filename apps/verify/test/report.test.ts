import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Result } from "../src/check.ts";
import { checks } from "../src/checks/table.ts";
import { docsPage } from "../src/report/docs.ts";
import { fixPlan } from "../src/report/fix-plan.ts";
import { htmlReport } from "../src/report/html.ts";
import { jsonReport } from "../src/report/json.ts";
import { junitReport } from "../src/report/junit.ts";
import { mapResult, redaction, revealed } from "../src/report/redact.ts";
import { textReport } from "../src/report/text.ts";
import { verdictOf } from "../src/verdict.ts";
import { faults } from "./faults.ts";
import { createSetting, type Setting } from "./setting.ts";

const table = checks({ receive: true });

async function resultsOf(name: string, use: (results: Result[], setting: Setting) => void | Promise<void>) {
  const fault = faults.find((one) => one.name === name);
  await using setting = await createSetting(fault?.options);
  await fault?.make(setting);
  await use(await setting.verify({ reveal: false }), setting);
}

function redacted(results: readonly Result[]): Result[] {
  const redact = redaction(results.map(({ check: _, ...told }) => JSON.stringify(told)));
  return results.map((result) => mapResult(result, redact));
}

/** What is another at each run. */
function steady(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "2026-01-01T00:00:00Z")
    .replaceAll(/\d+ MiB/g, "4096 MiB")
    .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:4566")
    .replaceAll(/[0-9a-f]{32}(?=\.gz\.parquet)/g, "0".repeat(32))
    .replaceAll(/\d+ bytes/g, "20000 bytes")
    .replaceAll(/eventDay=\d+/g, "eventDay=20260101")
    .replaceAll(/threatlockdown-[\w.-]+(?= |$)/gm, "threatlockdown-host")
    .replaceAll(/; waiting: .*$/gm, "; waiting: 1")
    .replaceAll(/written \d+ s ago/g, "written 0 s ago");
}

describe("the text report", () => {
  it.each([
    ["trust policy names another user", "trust"],
    ["user has no policy for another role's name", "user"],
    ["role lacks sqs:DeleteMessage", "permission"],
    ["rule is disabled", "rule"],
    ["queue has no policy", "queue-policy"],
  ])("of a typical fault, %s, is as it was, and short", async (name, file) => {
    await resultsOf(name, async (results) => {
      const shown = redacted(results);
      const text = steady(textReport(verdictOf(shown), shown, false));
      await expect(text).toMatchFileSnapshot(join(import.meta.dirname, "golden", `${file}.txt`));
      const lines = text.trimEnd().split("\n");
      expect(lines.length).toBeLessThanOrEqual(40);
      expect(lines[0]).toMatch(/^Of \d+ checks: 1 failed.* First: Someone who may change/);
    });
  });
});

describe("every report", () => {
  it("is without secrets, and masks names and numbers when that is asked for", async () => {
    await resultsOf("trust policy asks for another external ID", (results, { lake }) => {
      const write = (shown: readonly Result[]) => {
        const verdict = verdictOf(shown);
        const reports = [textReport(verdict, shown, true), jsonReport(verdict, shown), htmlReport(verdict, shown)];
        return [...reports, junitReport(shown), fixPlan(shown)].join("\n");
      };
      const told = write(results);
      for (const secret of [lake.externalId, lake.userCredentials.secretAccessKey]) expect(told).not.toContain(secret);
      expect(told).toContain("<external-id>");
      expect(write(results.map((one) => mapResult(one, revealed("shown-id"))))).toContain("shown-id");
      expect(told).not.toContain('"another"');
      const masked = write(redacted(results));
      for (const name of [lake.account, lake.roleName, lake.bucket, lake.queueName, lake.userArn]) {
        expect(masked).not.toContain(name);
      }
    });
  });

  it("is well-formed whatever the names hold", () => {
    const [check] = table;
    const nasty = `<script>alert("1")</script> & 'x' ]]> \u0007`;
    const results = [
      { check, subject: nasty, state: "failed", seen: nasty, fix: nasty, commands: [{ words: [nasty] }] } as Result,
    ];
    const html = htmlReport(verdictOf(results), results);
    expect(html).not.toContain("<script>");
    expect(html).not.toMatch(/(src|href)=/);
    const junit = junitReport(results);
    expect(junit).toContain('failures="1"');
    expect(junit.replaceAll(/&(amp|lt|gt|quot|#39);/g, "")).not.toMatch(/&|<script|\u0007/);
    // A line of a command in a comment would be run.
    expect(fixPlan([{ ...results[0], seen: "a\nrm -rf /" } as Result])).toContain("\n# rm -rf /");
  });
});

describe("the fix plan", () => {
  it("holds all commands and nothing else that a shell would run", async () => {
    await resultsOf("rule is disabled", (results) => {
      const lines = fixPlan(results).split("\n");
      const run = lines.filter((line) => line !== "" && !line.startsWith("#"));
      expect(run).toEqual([expect.stringMatching(/^aws events enable-rule --name AmazonSecurityLake-/)]);
    });
  });
  it("is empty where nothing is wrong", () => {
    expect(fixPlan([])).toBe("# Nothing is to be changed.\n");
  });
});

describe("the JSON report", () => {
  it("is as its schema says", async () => {
    const schema = JSON.parse(await readFile(join(import.meta.dirname, "../report.schema.json"), "utf8"));
    await resultsOf("queue has no policy", (results) => {
      const report = JSON.parse(jsonReport(verdictOf(results), results));
      const known = schema.properties.results.items;
      expect(Object.keys(report).sort()).toEqual([...schema.required].sort());
      for (const result of report.results) {
        expect(Object.keys(known.properties)).toEqual(expect.arrayContaining(Object.keys(result)));
        expect(Object.keys(result)).toEqual(expect.arrayContaining(known.required));
        expect(known.properties.state.enum).toContain(result.state);
      }
    });
  });
});

describe("the documentation", () => {
  it.each(table.map((check) => [check.id, check] as const))("has a page of %s", async (id, check) => {
    await expect(docsPage(check)).toMatchFileSnapshot(join(import.meta.dirname, "../docs", `${id}.md`));
  });
});
