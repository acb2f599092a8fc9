import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run, UsageError } from "../src/command.ts";
import { makeObject, sourceNames } from "../src/index.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lake-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function printed(...args: string[]): string[] {
  const lines: string[] = [];
  run(args, (line) => lines.push(line));
  return lines;
}

const to = "2024-06-11T10:00:00Z";

describe("the command", () => {
  it("writes one object into a file, with its events beside it", () => {
    const path = join(folder, "waf.parquet");
    const lines = printed("--source", "waf_2_0", "--rows", "5", "--to", to, "--out", path, "--events", "omit");
    const object = makeObject({ source: "waf_2_0", rows: 5, to: Date.parse(to) });
    expect(readFileSync(path).equals(object.bytes)).toBe(true);
    expect(JSON.parse(lines[0] as string)).toEqual({
      source: "waf_2_0",
      key: object.key,
      size: object.size,
      rows: 5,
      path,
    });
    const events = readFileSync(`${path}.ndjson`, "utf8").trimEnd().split("\n");
    expect(events.map((line) => JSON.parse(line))).toEqual([...object.events("omit")]);
  });

  it("writes objects of every source under their keys, and prints their messages", () => {
    const lines = printed(
      "--source",
      "all",
      "--rows",
      "2",
      "--to",
      to,
      "--out",
      `${folder}/`,
      "--message",
      "security-lake",
    );
    expect(lines).toHaveLength(sourceNames.length);
    for (const line of lines) {
      const { key, size } = JSON.parse(line).detail.object;
      expect(readFileSync(join(folder, key)).length).toBe(size);
    }
  });

  it("writes a large object of row groups of given sizes", () => {
    const path = join(folder, "large.parquet");
    const args = ["--source", "route53_2_0", "--rows", "50", "--row-group-bytes", "64KB,1MB", "--out", path];
    const [line] = printed(...args);
    expect(readFileSync(path).length).toBe(JSON.parse(line as string).size);
    expect(readFileSync(path).length).toBeGreaterThan((64 + 1024) * 1024);
  });

  it.each([
    [["--source", "vpc", "--out", "x"], "--source: vpc is none of"],
    [["--source", "all", "--out", "x"], "--out: several sources need a folder"],
    [["--source", "waf_2_0", "--out", "x", "--rows", "many"], "--rows: many is no whole number"],
    [["--source", "waf_2_0", "--out", "x", "--page-bytes", "1 MB"], "--page-bytes: 1 MB is no size"],
    [["--source", "waf_2_0", "--out", "x", "--to", "soon"], "--to: soon is no time"],
    [["--sauce", "waf_2_0"], "--sauce"],
  ])("says what is wrong with %j", (args, message) => {
    expect(() => printed(...args)).toThrow(UsageError);
    expect(() => printed(...args)).toThrow(message);
  });
});
