import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { createRuleset } from "../src/index.ts";
import { columnsOf } from "./columns.ts";

const objects = join(import.meta.dirname, "..", "..", "parquet-reader", "test", "fixtures");
const expected: Record<string, string[]> = JSON.parse(
  readFileSync(join(import.meta.dirname, "fixtures", "expected-rules.json"), "utf8"),
);

interface Sample {
  readonly file: string;
  readonly event: object;
}

const samples = lines(readFileSync(join(objects, "security-lake-samples", "expected-events.ndjson"))) as Sample[];

function eventsOf(object: string): object[] {
  if (object.startsWith("generated/")) return lines(gunzipSync(readFileSync(join(objects, `${object}.ndjson.gz`))));
  return samples.filter(({ file }) => object.endsWith(file)).map(({ event }) => event);
}

function lines(bytes: Uint8Array): object[] {
  return new TextDecoder()
    .decode(bytes)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

describe("events of real and generated objects", () => {
  const ruleset = createRuleset();

  it("are 772", () => {
    expect(Object.values(expected).flat()).toHaveLength(772);
  });

  it.each(Object.entries(expected))("%s: each row has the rule of what happened in it", (object, ids) => {
    const events = eventsOf(object);
    const judged = ruleset.evaluate(columnsOf(events));
    expect(events.map((_, row) => judged.rule(row).id)).toEqual(ids);
  });
});
