import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
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

  it.runIf(process.platform === "linux")(
    "is open only while something is written, so that nobody has to close it",
    async () => {
      const path = join(folder, "dead.ndjson");
      await Promise.all([{ a: 1 }, { a: 2 }].map(openDeadLetter(path).keep));
      const open = readdirSync("/proc/self/fd").map((fd) => {
        try {
          return readlinkSync(join("/proc/self/fd", fd));
        } catch {
          return "";
        }
      });
      expect(open).not.toContain(path);
    },
  );

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

  it("that cannot be written rejects, and what was half written stays alone on its line", async () => {
    const path = join(folder, "dead.ndjson");
    const deadLetter = openDeadLetter(path);
    await deadLetter.keep({ i: 1 });
    await tearNextWrite(path, "ENOSPC");
    await expect(deadLetter.keep({ i: 2 })).rejects.toThrow("ENOSPC");
    await deadLetter.keep({ i: 3 });
    expect(readFileSync(path, "utf8")).toBe('{"i":1}\n{"i":\n{"i":3}\n');
    await deadLetter.close();
  });

  it("that took only a part of an entry rejects it", async () => {
    const path = join(folder, "dead.ndjson");
    const deadLetter = openDeadLetter(path);
    await tearNextWrite(path);
    await expect(deadLetter.keep({ i: 2 })).rejects.toThrow("took 5 of 8 bytes");
    await deadLetter.close();
  });
});

describe("a dead letter file that somebody took away", () => {
  it("is begun anew: no entry goes into a file without a name", async () => {
    const path = join(folder, "dead.ndjson");
    const deadLetter = openDeadLetter(path);
    await deadLetter.keep({ i: 1 });
    rmSync(path);
    await deadLetter.keep({ i: 2 });
    expect(lines(path)).toEqual([{ i: 2 }]);
    await deadLetter.close();
  });
});

describe("a dead letter file with two writers", () => {
  it("loses nothing of one when the other cannot write", async () => {
    const path = join(folder, "dead.ndjson");
    const [one, other] = [openDeadLetter(path), openDeadLetter(path)];
    await one.keep({ one: 1 });
    await other.keep({ other: 1 });
    await tearNextWrite(path, "ENOSPC");
    await expect(one.keep({ one: 2 })).rejects.toThrow("ENOSPC");
    await other.keep({ other: 2 });
    await one.keep({ one: 3 });
    expect(readFileSync(path, "utf8")).toBe('{"one":1}\n{"other":1}\n{"i":\n{"other":2}\n{"one":3}\n');
    await Promise.all([one.close(), other.close()]);
  });

  it("is set aside once it is full, not by each of them, and nothing is lost", async () => {
    const path = join(folder, "dead.ndjson");
    const writers = [openDeadLetter(path, { maxBytes: 1_000 }), openDeadLetter(path, { maxBytes: 1_000 })];
    for (let i = 0; i < 50; i++) await writers[i % 2]?.keep({ i, text: "x".repeat(100) });
    await Promise.all(writers.map((writer) => writer.close()));
    const files = readdirSync(folder);
    const kept = files.flatMap((file) => lines(join(folder, file))) as { i: number }[];
    expect(kept.map(({ i }) => i).sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    for (const file of files) {
      if (join(folder, file) !== path) expect(statSync(join(folder, file)).size).toBeGreaterThanOrEqual(1_000);
    }
  });

  it("holds each entry of both, however they come", async () => {
    const path = join(folder, "dead.ndjson");
    const writers = [openDeadLetter(path, { maxBytes: 20_000 }), openDeadLetter(path, { maxBytes: 20_000 })];
    const numbers = Array.from({ length: 400 }, (_, i) => i);
    for (let at = 0; at < 400; at += 40) {
      const some = numbers.slice(at, at + 40);
      await Promise.all(some.map((i) => writers[i % 2]?.keep({ i, text: "x".repeat(i * 10) })));
    }
    await Promise.all(writers.map((writer) => writer.close()));
    const kept = readdirSync(folder).flatMap((file) => lines(join(folder, file))) as { i: number }[];
    expect(kept.map(({ i }) => i).sort((a, b) => a - b)).toEqual(numbers);
  });
});

/** The next write puts `{"i":` into the file, and fails with the code or says that this was all. */
async function tearNextWrite(path: string, code?: string): Promise<void> {
  const probe = await fs.open(join(folder, "probe"), "w");
  const { prototype } = probe.constructor as unknown as { prototype: fs.FileHandle };
  await probe.close();
  rmSync(join(folder, "probe"));
  vi.spyOn(prototype, "write").mockImplementationOnce((async () => {
    appendFileSync(path, '{"i":');
    if (code !== undefined) throw Object.assign(new Error(`${code}: no space left on device`), { code });
    return { bytesWritten: 5, buffer: Buffer.alloc(0) };
  }) as never);
}

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
