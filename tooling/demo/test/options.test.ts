import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { help, readOptions } from "../src/options.ts";

const read = (...args: string[]) => readOptions(args, {});

it("takes numbers from 1 on, and has those that the help names where none are given", () => {
  expect(read()).toEqual({ objects: 3, rows: 300, keep: false, server: undefined });
  expect(help).toMatch(/\(3\)\n.*\(300\)\n/);
  expect(read("--objects", "1", "--rows", "10", "--keep")).toMatchObject({ objects: 1, rows: 10, keep: true });
  expect(readOptions([], { OPENSEARCH_URL: "" })).toMatchObject({ server: undefined });
  expect(readOptions([], { OPENSEARCH_URL: "https://u:p@h:9200" })).toMatchObject({ server: { host: "h:9200" } });
});

it.each([
  [["--rows", "x"], "--rows x is not a whole number from 1 to 100000"],
  [["--rows", "0"], "--rows 0 is not a whole number"],
  [["--rows=-1"], "--rows -1 is not a whole number"],
  [["--rows", "1.5"], "--rows 1.5 is not a whole number"],
  [["--objects", "1001"], "--objects 1001 is not a whole number from 1 to 1000"],
  [["--foo"], "Unknown option '--foo': see demo --help"],
  [["--rows"], "--rows has no value: see demo --help"],
  [["--rows", "-1"], "--rows has no value: see demo --help"],
  [["--objects", "--keep"], "--objects has no value: see demo --help"],
  [["word"], "Unexpected argument 'word'"],
])("refuses %j", (args, message) => {
  expect(() => read(...args)).toThrow(message);
});

it("shows no password of an OPENSEARCH_URL that is none", () => {
  expect(() => readOptions([], { OPENSEARCH_URL: "ftp://u:s3cret@h" })).toThrow(/^OPENSEARCH_URL is no URL such as/);
  expect(() => readOptions([], { OPENSEARCH_URL: "ftp://u:s3cret@h" })).not.toThrow(/s3cret/);
});

it("ends with 2 and one line where arguments are wrong", () => {
  const main = join(import.meta.dirname, "../src/main.ts");
  const args = ["--conditions=@threatlockdown/source", main, "--foo"];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect([status, stderr]).toEqual([2, "ERROR: Unknown option '--foo': see demo --help\n"]);
});
