import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { documentEntry, openDeadLetter } from "../src/dead-letter.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dead-letter-"));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

const lines = (path: string): unknown[] =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
const mode = (path: string): number => statSync(path).mode & 0o777;

describe("a dead letter file", () => {
  it("is made with its folder when the first entry comes, for its owner alone", async () => {
    const path = join(folder, "deep", "er", "dead.ndjson");
    const deadLetter = openDeadLetter(path);
    expect(readdirSync(folder)).toEqual([]);
    await deadLetter.keep({ kind: "message", body: "x" });
    expect(lines(path)).toEqual([{ kind: "message", body: "x" }]);
    expect(mode(path)).toBe(0o600);
    expect(mode(join(folder, "deep"))).toBe(0o700);
    expect(mode(join(folder, "deep", "er"))).toBe(0o700);
    await deadLetter.close();
  });

  it("that others may read is closed to them", async () => {
    const path = join(folder, "dead.ndjson");
    writeFileSync(path, "");
    chmodSync(path, 0o644);
    const deadLetter = openDeadLetter(path);
    await deadLetter.keep({});
    expect(mode(path)).toBe(0o600);
    await deadLetter.close();
  });

  it("has each entry on disk and synced before keep resolves; entries that come together share a sync", async () => {
    const path = join(folder, "dead.ndjson");
    const probe = await fs.open(join(folder, "probe"), "w");
    const sync = vi.spyOn(Object.getPrototypeOf(probe), "datasync");
    await probe.close();
    const deadLetter = openDeadLetter(path);
    const entries = Array.from({ length: 500 }, (_, i) => ({ i }));
    await Promise.all(
      entries.map(async (entry) => {
        await deadLetter.keep(entry);
        expect(sync).toHaveBeenCalled();
      }),
    );
    expect(lines(path)).toEqual(entries);
    expect(sync.mock.calls.length).toBeLessThan(10);
    await deadLetter.close();
  });

  it("is added to by the next run, after a line that a crash has torn", async () => {
    const path = join(folder, "dead.ndjson");
    writeFileSync(path, '{"a":1}\n{"b":');
    const deadLetter = openDeadLetter(path);
    await deadLetter.keep({ c: 3 });
    await deadLetter.close();
    expect(readFileSync(path, "utf8")).toBe('{"a":1}\n{"b":\n{"c":3}\n');
  });

  it("of full size is set aside, and nothing of it is lost", async () => {
    const path = join(folder, "dead.ndjson");
    const deadLetter = openDeadLetter(path, { maxBytes: 1_000 });
    for (let i = 0; i < 50; i++) await deadLetter.keep({ i, text: "x".repeat(100) });
    await deadLetter.close();
    const files = readdirSync(folder).sort();
    expect(files.length).toBeGreaterThan(4);
    const kept = files.flatMap((file) => lines(join(folder, file))) as { i: number }[];
    expect(kept.map(({ i }) => i).sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    for (const file of files) {
      expect(mode(join(folder, file))).toBe(0o600);
      expect(statSync(join(folder, file)).size).toBeLessThan(1_300);
    }
  });

  it("that cannot be written rejects, takes back what was half written, and works again later", async () => {
    const path = join(folder, "dead.ndjson");
    const deadLetter = openDeadLetter(path);
    await deadLetter.keep({ i: 1 });
    const probe = await fs.open(join(folder, "probe"), "w");
    const append = vi.spyOn(Object.getPrototypeOf(probe), "appendFile").mockImplementationOnce(async () => {
      appendFileSync(path, '{"i":');
      throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    });
    await expect(deadLetter.keep({ i: 2 })).rejects.toThrow("ENOSPC");
    append.mockRestore();
    await deadLetter.keep({ i: 3 });
    expect(lines(path)).toEqual([{ i: 1 }, { i: 3 }]);
    await deadLetter.close();
    await probe.close();
  });
});

describe("the entry of a document", () => {
  it("holds the source as it was, numbers unrounded", () => {
    const source = Buffer.from('{"n":123456789012345678901234567890.10}');
    const entry = documentEntry({ status: 400, reason: "r", index: "i", id: "1", source });
    expect(entry).toMatchObject({ kind: "document", status: 400, reason: "r", index: "i", id: "1" });
    expect(entry.document).toBe(source.toString());
    expect(Number.isNaN(Date.parse(entry.time))).toBe(false);
  });

  it("holds bytes that are no UTF-8 in base64", () => {
    const source = Buffer.from([0x7b, 0xff, 0xfe, 0x7d]);
    const entry = documentEntry({ status: 400, reason: "r", index: "i", id: "1", source });
    expect(Buffer.from(entry.documentBase64 as string, "base64")).toEqual(source);
    expect(entry.document).toBeUndefined();
  });
});
