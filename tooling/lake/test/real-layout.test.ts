import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeObject } from "../src/index.ts";
import { columnMetadata, readFooter, structsOf, textOf } from "../src/parquet/footer.ts";
import { decodeStruct, type Struct } from "../src/parquet/thrift.ts";

const to = Date.UTC(2024, 5, 11, 10);

describe.each(["route53_1_0", "vpc_flow_1_0"] as const)("%s beside a file of Security Lake's own writer", (source) => {
  const realFile = readFileSync(join(import.meta.dirname, `fixtures/${source}.gz.parquet`));
  const ourFile = makeObject({ source, rows: 1, to }).bytes;
  const real = readFooter(realFile).footer;
  const ours = readFooter(ourFile).footer;

  it("has the same schema, element by element", () => {
    expect(ours[2]).toEqual(real[2]);
  });

  it("has the same version, writer, key-value pairs and Avro schema", () => {
    expect(ours[1]).toEqual(real[1]);
    expect(textOf(ours[6])).toBe(textOf(real[6]));
    const pairs = (footer: Struct) => structsOf(footer[5]).map((pair) => [textOf(pair[1]), textOf(pair[2])]);
    expect(pairs(ours)).toEqual(pairs(real));
  });

  it("says of its columns and pages what the real one says, field by field", () => {
    expect(Object.keys(ours)).toEqual(Object.keys(real));
    const chunkFields = (footer: Struct) => columnMetadata(footer)[0]?.map((column) => [...Object.keys(column)].join());
    expect(new Set(chunkFields(ours))).toEqual(new Set(chunkFields(real)));
    const pageFields = (file: Uint8Array, footer: Struct) => {
      const headers = columnMetadata(footer)[0]?.map((column) => firstHeader(file, column)) ?? [];
      return new Set(headers.filter((header) => header[5] !== undefined).map((header) => Object.keys(header).join()));
    };
    expect(pageFields(ourFile, ours)).toEqual(pageFields(realFile, real));
  });
});

describe("the layout of Security Lake", () => {
  it("points data_page_offset at the dictionary page, and names no dictionary_page_offset", () => {
    const { bytes } = makeObject({ source: "cloud_trail_mgmt_2_0", rows: 200, to });
    const columns = columnMetadata(readFooter(bytes).footer)[0] as Struct[];
    expect(columns.every((column) => column[11] === undefined)).toBe(true);
    const dictionaries = columns.filter((column) => firstHeader(bytes, column)[1]?.value === 2);
    expect(dictionaries.length).toBeGreaterThan(20);
  });

  it("differs from the modern one, which names it", () => {
    const { bytes } = makeObject({ source: "identity_provider", rows: 200, to });
    const columns = columnMetadata(readFooter(bytes).footer)[0] as Struct[];
    const offsets = columns.filter((column) => column[11] !== undefined);
    expect(offsets.length).toBeGreaterThan(5);
    for (const column of offsets) expect(Number(column[9]?.value)).toBeGreaterThan(Number(column[11]?.value));
  });
});

function firstHeader(file: Uint8Array, column: Struct): Struct {
  return decodeStruct(file, Number((column[11] ?? column[9])?.value)).fields;
}
