import { gzipSync } from "node:zlib";
import { type Group, parquetFile } from "@threatlockdown/tooling-lake";
import { describe, expect, it } from "vitest";
import { plainFromPrefixes } from "../src/encoding/strings.ts";
import { open, ParquetError, rows } from "../src/index.ts";
import { defaultLimits } from "../src/limits.ts";
import { apart, mutant, survive } from "./mutants.ts";
import { batches, samples, text } from "./reading.ts";

const MUTANTS = 20_000;
const PER_TEST = 1000;

async function refusal(reading: Promise<unknown>): Promise<ParquetError> {
  const error = await reading.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ParquetError);
  return error as ParquetError;
}

describe("mutants of files of any schema", () => {
  it.each(Array.from({ length: MUTANTS / PER_TEST }, (_, i) => i * PER_TEST))(
    "from %i on are read or refused",
    { timeout: 120_000 },
    async (first) => {
      const outcomes = { read: 0, refused: 0 };
      for (let run = first; run < first + PER_TEST; run++) {
        const one = mutant("tests", run);
        outcomes[await survive(run % 2 === 0 ? one : apart(one))]++;
      }
      expect(outcomes.read).toBeGreaterThan(0);
      expect(outcomes.refused).toBeGreaterThan(0);
    },
  );
});

describe("what the fuzzer has found", () => {
  it.each([["7001", 278_440]])("stays read or refused: seed %s run %i", async (seed, run) => {
    expect(await survive(mutant(seed, run))).toMatch(/read|refused/);
  });

  it("refuses delta strings with fewer suffixes than prefixes", () => {
    const twoPrefixes = [0x80, 1, 4, 2, 0, 0, 0, 0, 0, 0];
    const oneSuffix = [0x80, 1, 4, 1, 6, ...Buffer.from("abc")];
    const page = Uint8Array.from([...twoPrefixes, ...oneSuffix]);
    expect(() => plainFromPrefixes(page, 2, 3, defaultLimits)).toThrow(ParquetError);
    expect(() => plainFromPrefixes(page, 2, 0, defaultLimits)).toThrow(ParquetError);
  });
});

describe("a file that is none", () => {
  it.each([
    ["nothing", new Uint8Array(0)],
    ["text", Buffer.from('{"not":"parquet at all"}')],
    ["the magic alone", Buffer.from("PAR1PAR1PAR1")],
  ])("is refused: %s", async (_, bytes) => {
    const error = await refusal(open(bytes));
    expect(["NOT_PARQUET", "TRUNCATED", "CORRUPT"]).toContain(error.code);
  });

  it("is refused when its footer is encrypted", async () => {
    const error = await refusal(open(Buffer.concat([Buffer.alloc(64), Buffer.from("PARE")])));
    expect(error.code).toBe("ENCRYPTED");
  });

  it("is refused when its footer is longer than the file, without taking memory for it", async () => {
    const bytes = Buffer.from(samples()[0].bytes);
    bytes.writeUInt32LE(0x7fffffff, bytes.length - 8);
    const error = await refusal(open(bytes));
    expect(error.message).toContain(`2147483647 bytes of a file of ${bytes.length}`);
  });

  it("is refused at each length it may be cut to", async () => {
    const { bytes } = samples()[1];
    for (let length = 0; length < bytes.length; length += 97) {
      const error = await refusal(batches(bytes.subarray(0, length)));
      expect(error.code).not.toBe("LIMIT");
    }
  });
});

describe("an error", () => {
  it("says column, row group and byte", async () => {
    const { bytes } = samples()[0];
    const broken = Buffer.from(bytes);
    broken.fill(0xff, 60, 90);
    const error = await refusal(batches(broken));
    expect(error.column).toMatch(/\w/);
    expect(error.rowGroup).toBe(0);
    expect(error.offset).toBeGreaterThanOrEqual(4);
    expect(error.message).toContain(`column ${error.column}`);
  });
});

describe("a bomb", () => {
  const schema: Group = {
    name: "bomb",
    repetition: "required",
    fields: [{ name: "s", repetition: "required", type: "BYTE_ARRAY", annotation: { is: "STRING" } }],
  };
  const bomb = parquetFile(schema, [{ s: "x".repeat(40_000_000) }], { codec: "gzip", dictionary: "never" });

  it("ends in an error that names the limit", async () => {
    const pages = await refusal(batches(await open(bomb, { limits: { pageBytes: 1_000_000 } })));
    expect(pages.code).toBe("LIMIT");
    expect(pages.message).toContain("pageBytes of 1000000");
    const larger = parquetFile(schema, [{ s: "x".repeat(70_000_000) }], { codec: "gzip", dictionary: "never" });
    const expansion = await refusal(batches(await open(larger, { limits: { expansion: 100 } })));
    expect(expansion.message).toContain("expansion of 100");
    const row = await refusal(batches(await open(bomb, { limits: { rowBytes: 1_000_000 } })));
    expect(row.message).toContain("rowBytes of 1000000");
    const memory = await refusal(batches(await open(bomb, { limits: { memoryBytes: 10_000_000 } })));
    expect(memory.message).toContain("memoryBytes of 10000000");
  });

  it("within the limits is read", async () => {
    expect(JSON.parse(await text(bomb))).toEqual({ s: "x".repeat(40_000_000) });
  });

  it("whose stream is longer than its header says is refused", async () => {
    const bytes = Buffer.from(
      parquetFile(schema, [{ s: "ab".repeat(500) }], { codec: "none", dictionary: "never", crc: false }),
    );
    const at = bytes.indexOf("abab") - 4;
    const longer = gzipSync(Buffer.alloc(5_000_000)).subarray(0, 1004);
    longer.copy(bytes, at);
    await refusal(batches(bytes));
  });
});

it("a reader that is left early leaves nothing behind", async () => {
  const { bytes, rows: expected } = samples()[0];
  for await (const batch of rows(await open(bytes))) {
    expect(batch.rowCount).toBe(1);
    break;
  }
  expect(await text(bytes, { nulls: "keep" })).toBe(`${JSON.stringify(expected[0])}\n`);
});
