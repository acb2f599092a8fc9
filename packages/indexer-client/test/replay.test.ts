import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createBulkWriter } from "../src/bulk-writer.ts";
import { connect } from "../src/connection.ts";
import { documentEntry, openDeadLetter } from "../src/dead-letter.ts";
import { replay } from "../src/replay.ts";
import { type Behaviour, type FakeIndexer, fakeIndexer, refuse } from "./fake-indexer.ts";

let folder = "";
let indexer: FakeIndexer;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "replay-"));
});
afterEach(async () => {
  await indexer.stop();
  rmSync(folder, { recursive: true });
});

const entry = (id: string, source: string | Buffer): string =>
  `${JSON.stringify(documentEntry({ status: 400, reason: "r", index: "i", id, source: Buffer.from(source) }))}\n`;

async function replayed(file: string, behave?: Behaviour, again = "again.ndjson") {
  indexer = await fakeIndexer(behave);
  const path = join(folder, "dead.ndjson");
  writeFileSync(path, file);
  const deadLetter = openDeadLetter(join(folder, again));
  const writer = createBulkWriter(await connect({ nodes: [indexer.url] }), deadLetter, { backoff: () => 1 });
  try {
    return await replay(path, writer);
  } finally {
    await deadLetter.close();
  }
}

describe("replay", () => {
  it("sends each document under its id, as it was", async () => {
    const source = '{"n":123456789012345678901234567890.10}';
    const bytes = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
    expect(await replayed(entry("a", source) + entry("b", bytes))).toEqual({
      stored: 2,
      alreadyStored: 0,
      deadLettered: 0,
      others: new Map(),
      unreadable: 0,
    });
    expect(indexer.stored.get("i/a")).toBe(source);
    expect(indexer.requests[0]?.documents.map(({ id }) => id)).toEqual(["a", "b"]);
  });

  it("passes over entries of other kinds and torn lines, and counts them", async () => {
    const others =
      '{"kind":"message","body":"x"}\n{"kind":"message"}\n{"kind":"docum\n\nnull\n1\n{"kind":"document"}\n';
    expect(await replayed(`${others}${entry("a", "{}")}`)).toEqual({
      stored: 1,
      alreadyStored: 0,
      deadLettered: 0,
      others: new Map([["message", 2]]),
      unreadable: 4,
    });
  });

  it("takes a line as one whatever separators its document has", async () => {
    const source = '{"a":"one\u2028two\u2029three","b":"\u0085"}';
    expect(await replayed(entry("a", source) + entry("b", "{}").replace("\n", "\r\n\r\n"))).toMatchObject({
      stored: 2,
      unreadable: 0,
    });
    expect(indexer.stored.get("i/a")).toBe(source);
  });

  it("sends large files in many bodies", async () => {
    const lines = Array.from({ length: 300 }, (_, i) => entry(`d${i}`, `{"x":"${"x".repeat(100_000)}"}`));
    expect(await replayed(lines.join(""))).toMatchObject({ stored: 300 });
    expect(indexer.stored.size).toBe(300);
  });

  it("of nothing sends nothing", async () => {
    expect(await replayed("")).toEqual({
      stored: 0,
      alreadyStored: 0,
      deadLettered: 0,
      others: new Map(),
      unreadable: 0,
    });
    expect(indexer.requests).toEqual([]);
  });

  it("keeps what is refused again, also when that goes to the file that is read", async () => {
    const behave: Behaviour = (response, request, self) =>
      self.answer(response, request, () => ({ status: 400, type: "mapper_parsing_exception", reason: "no" }));
    expect(await replayed(entry("a", "{}") + entry("b", "{}"), behave, "dead.ndjson")).toEqual({
      stored: 0,
      alreadyStored: 0,
      deadLettered: 2,
      others: new Map(),
      unreadable: 0,
    });
  });

  it("rejects when the indexer cannot be used", async () => {
    await expect(
      replayed(entry("a", "{}"), (response) => refuse(response, 401, "security_exception", "no")),
    ).rejects.toMatchObject({ code: "INDEXER_DENIED" });
  });
});
