import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateRawSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { topFolder, unpack } from "../src/zip.ts";

interface File {
  readonly name: string;
  readonly text: string;
  readonly mode?: number;
  readonly stored?: boolean;
}

/** A zip as others write it, by the specification alone. */
function zip(files: readonly File[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, text, mode = 0o644, stored = false } of files) {
    const data = stored ? Buffer.from(text) : deflateRawSync(text);
    const sizes = Buffer.alloc(12);
    sizes.writeUInt32LE(crc32(text), 0);
    sizes.writeUInt32LE(data.length, 4);
    sizes.writeUInt32LE(Buffer.byteLength(text), 8);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(stored ? 0 : 8, 8);
    sizes.copy(local, 14);
    local.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(stored ? 0 : 8, 10);
    sizes.copy(entry, 16);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE((mode << 16) >>> 0, 38);
    entry.writeUInt32LE(offset, 42);
    parts.push(local, Buffer.from(name), data);
    directory.push(entry, Buffer.from(name));
    offset += local.length + name.length + data.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

describe("unpacking", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "zip-test-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("writes what lies below the prefix, programs executable", async () => {
    const archive = zip([
      { name: "top/", text: "", stored: true },
      { name: "top/bin/run", text: "#!/bin/sh\n", mode: 0o755 },
      { name: "top/lib/a.jar", text: "a".repeat(10_000) },
      { name: "top/stored", text: "as it is", stored: true },
    ]);
    expect(topFolder(archive)).toBe("top/");
    const fractions: number[] = [];
    await unpack(archive, folder, "top/", (fraction) => fractions.push(fraction));
    expect(readFileSync(join(folder, "lib/a.jar"), "utf8")).toBe("a".repeat(10_000));
    expect(readFileSync(join(folder, "stored"), "utf8")).toBe("as it is");
    expect(statSync(join(folder, "bin/run")).mode & 0o111).not.toBe(0);
    expect(statSync(join(folder, "lib/a.jar")).mode & 0o111).toBe(0);
    expect(fractions.at(-1)).toBe(1);
  });

  it("finds no common folder where there is none", () => {
    expect(topFolder(zip([{ name: "a", text: "" }]))).toBe("");
    expect(
      topFolder(
        zip([
          { name: "a/b", text: "" },
          { name: "c/d", text: "" },
        ]),
      ),
    ).toBe("");
  });

  it.each(["../outside", "a/../../outside", "/etc/passwd", "a\\..\\b"])("refuses a file named %s", async (name) => {
    await expect(unpack(zip([{ name, text: "x" }]), folder)).rejects.toMatchObject({ code: "BAD_ARCHIVE" });
  });

  it("refuses a damaged file", async () => {
    const archive = zip([{ name: "a", text: "hello hello hello", stored: true }]);
    archive[33] = 0x4a;
    await expect(unpack(archive, folder)).rejects.toThrow("a is damaged");
  });

  it("refuses what is no zip", async () => {
    await expect(unpack(Buffer.from("<html>not found</html>"), folder)).rejects.toThrow("no central directory");
  });
});
