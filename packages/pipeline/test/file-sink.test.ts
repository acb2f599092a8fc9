import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BulkBodyBuilder } from "@threatlockdown/indexer-client";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createFileSink } from "../src/file-sink.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "threatlockdown-file-sink-"));
});
afterEach(() => rm(folder, { recursive: true }));

function body(count: number) {
  const builder = new BulkBodyBuilder();
  for (let row = 0; row < count; row++) {
    builder.begin("wazuh-alerts-4.x-security-lake-2024.06.11", `hash-${row}`);
    builder.append(Buffer.from(`{"row":${row},"text":"${"x".repeat(1000)}"}`));
    builder.end();
  }
  return builder.take();
}

const write = (to: string, count: number) =>
  createFileSink({ render: () => body(count), recycle: () => {} }, to).write(
    ...([{}, {}, new AbortController().signal] as never as [never, never, never]),
  );
const name = "wazuh-alerts-4.x-security-lake-2024.06.11.hash-0.ndjson";

it("writes the documents of a batch, one a line, for its owner alone", async () => {
  const out = join(folder, "a/b");
  expect(await write(out, 3000)).toEqual({ stored: 3000, alreadyStored: 0, deadLettered: 0 });
  expect(await readdir(out)).toEqual([name]);
  const lines = (await readFile(join(out, name), "utf8")).trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line).row)).toEqual(Array.from({ length: 3000 }, (_, row) => row));
  expect((await stat(join(out, name))).mode & 0o777).toBe(0o600);
});

it("writes the same file again when two deliveries write at once", async () => {
  await Promise.all([write(folder, 500), write(folder, 500), write(folder, 500)]);
  expect(await readdir(folder)).toEqual([name]);
  expect((await readFile(join(folder, name), "utf8")).trimEnd().split("\n")).toHaveLength(500);
});

it("rejects, and leaves nothing half, where it cannot write", async () => {
  await writeFile(join(folder, "taken"), "");
  await expect(write(join(folder, "taken"), 1)).rejects.toThrow(/EEXIST|ENOTDIR/);
  await expect(write("/dev/full/x", 1)).rejects.toThrow(/ENOTDIR/);
});

it("makes no file of a batch without documents", async () => {
  expect((await write(folder, 0)).stored).toBe(0);
  expect(await readdir(folder)).toEqual([]);
});
