import { describe, expect, it } from "vitest";
import { text } from "./reading.ts";
import { anyFile, exact } from "./schemas.ts";

const seeds = Array.from({ length: 150 }, (_, i) => i);
const lines = (ndjson: string): unknown[] => ndjson.split("\n").slice(0, -1).map(exact);

describe("any schema, rows, encoding, codec and page size", () => {
  it.each(seeds)("reads to the rows that were written, seed %i", async (seed) => {
    const file = anyFile(seed);
    expect(lines(await text(file.bytes, { nulls: "keep" }))).toEqual(file.expected("keep"));
    expect(lines(await text(file.bytes, { maxRows: 1 + (seed % 40) }))).toEqual(file.expected("omit"));
  });
});
