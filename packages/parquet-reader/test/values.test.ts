import { type FileOptions, type Group, type Leaf, parquetFile } from "@threatlockdown/tooling-lake";
import { describe, expect, it } from "vitest";
import { batches, text } from "./reading.ts";

const leaf = (name: string, rest: Partial<Leaf> & Pick<Leaf, "type">): Leaf => ({
  name,
  repetition: "optional",
  ...rest,
});
const root = (...fields: Group["fields"]): Group => ({ name: "root", repetition: "required", fields });
const string = (name: string): Leaf => leaf(name, { type: "BYTE_ARRAY", annotation: { is: "STRING" } });
const map = (name: string, value: Group["fields"][number]): Group => ({
  name,
  repetition: "optional",
  annotation: { is: "MAP" },
  fields: [
    { name: "key_value", repetition: "repeated", fields: [{ ...string("key"), repetition: "required" }, value] },
  ],
});
const dictionaries: readonly FileOptions[] = [
  { dictionary: "always" },
  { dictionary: "never" },
  { dictionary: "always", dictionaryBytes: 4 },
];

describe.each(dictionaries)("with %j", (options) => {
  it("the last of equal keys of a map is kept, and counted", async () => {
    const pairs = [
      ["a", "1"],
      ["b", "2"],
      ["a", "3"],
      ["c", null],
      ["a", "4"],
    ];
    const bytes = parquetFile(root(map("m", string("value"))), [{ m: pairs }, { m: [["a", "5"]] }], options);
    const [batch] = await batches(bytes);
    expect(Buffer.from(batch.bytes).toString()).toBe('{"m":{"b":"2","a":"4"}}\n{"m":{"a":"5"}}\n');
    expect(batch.duplicateKeys).toBe(2);
    expect(await text(bytes, { maps: "pairs" })).toContain('{"m":[{"key":"a","value":"1"},{"key":"b","value":"2"}');
  });

  it("equal keys before values that are groups count alike", async () => {
    const value: Group = { name: "value", repetition: "optional", fields: [string("x"), string("y")] };
    const pairs = [
      ["a", { x: "1", y: null }],
      ["a", { x: null, y: "2" }],
      ["n", null],
      ["e", { x: null, y: null }],
    ];
    const bytes = parquetFile(root(map("m", value)), [{ m: pairs }], options);
    expect(await text(bytes)).toBe('{"m":{"a":{"y":"2"}}}\n');
    expect(await text(bytes, { nulls: "keep" })).toBe(
      '{"m":{"a":{"x":null,"y":"2"},"n":null,"e":{"x":null,"y":null}}}\n',
    );
  });

  it("a time that has no ISO 8601 form costs its field alone, counted with column and row", async () => {
    const when = leaf("when", { type: "INT64", annotation: { is: "TIMESTAMP", unit: "MILLIS", utc: true } });
    const rows = [0, 253_402_300_799_999, 253_402_300_800_000, -62_167_219_200_001, -1].map((value) => ({
      when: value,
      s: "x",
    }));
    const [batch] = await batches(parquetFile(root(when, string("s")), rows, options));
    expect(Buffer.from(batch.bytes).toString().split("\n")).toEqual([
      '{"when":"1970-01-01T00:00:00.000Z","s":"x"}',
      '{"when":"9999-12-31T23:59:59.999Z","s":"x"}',
      '{"s":"x"}',
      '{"s":"x"}',
      '{"when":"1969-12-31T23:59:59.999Z","s":"x"}',
      "",
    ]);
    expect(batch.lost).toEqual([{ column: "when", count: 2, firstRow: 2 }]);
  });

  it("64-bit integers keep every digit, and NaN and infinities are null", async () => {
    const fields = [
      leaf("signed", { type: "INT64" }),
      leaf("unsigned", { type: "INT64", annotation: { is: "INTEGER", bits: 64, signed: false } }),
      leaf("double", { type: "DOUBLE" }),
    ];
    const rows = [
      { signed: -(2n ** 63n), unsigned: 2n ** 64n - 1n, double: Number.NaN },
      { signed: 2n ** 63n - 1n, unsigned: 0n, double: Number.NEGATIVE_INFINITY },
      { signed: 2n ** 53n + 1n, unsigned: 10n ** 19n, double: -0.1 },
    ];
    expect(await text(parquetFile(root(...fields), rows, options))).toBe(
      '{"signed":-9223372036854775808,"unsigned":18446744073709551615,"double":null}\n' +
        '{"signed":9223372036854775807,"unsigned":0,"double":null}\n' +
        '{"signed":9007199254740993,"unsigned":10000000000000000000,"double":-0.1}\n',
    );
  });

  it("strings are escaped, and what is no UTF-8 is replaced as TextDecoder does", async () => {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    const cases = [
      Buffer.from(Array.from({ length: 32 }, (_, i) => i)),
      Buffer.from('"\\/\u007f\u2028é中🔒'),
      Buffer.from([0xc0, 0x80, 0xe0, 0x80, 0x80, 0xed, 0xa0, 0x80, 0xf4, 0x90, 0x80, 0x80]),
      Buffer.from([0x61, 0xf0, 0x9f, 0x94]),
      Buffer.from([0xe4, 0xb8, 0x61, 0x80, 0xff, 0xfe, 0xc3]),
      Buffer.concat([Buffer.from("x".repeat(15)), Buffer.from([0xf0, 0x9f]), Buffer.from('y"'.repeat(20))]),
    ];
    const bytes = parquetFile(
      root(string("s")),
      cases.map((s) => ({ s })),
      options,
    );
    const lines = (await text(bytes)).trimEnd().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { s: string }).s)).toEqual(cases.map((s) => decoder.decode(s)));
    expect(lines[0]).toContain("\\u0000\\u0001");
    expect(lines[0]).toContain("\\b\\t\\n\\u000b\\f\\r");
  });
});

it("rows without columns are empty objects", async () => {
  expect(await text(parquetFile(root({ name: "g", repetition: "optional", fields: [] }), [{}, {}]))).toBe("{}\n{}\n");
});
