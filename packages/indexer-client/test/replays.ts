import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BulkBodyBuilder } from "../src/bulk-body.ts";
import { createBulkWriter } from "../src/bulk-writer.ts";
import { type Client, connect } from "../src/connection.ts";
import { openDeadLetter } from "../src/dead-letter.ts";
import { type Replayed, replay } from "../src/replay.ts";
import { ids, ownIndex } from "./opensearch.ts";

/** What holds for a replay on every OpenSearch; called at the top of a test file. */
export function describeReplay(server: { readonly url: string }): void {
  let client: Client;
  let folder: string;
  const index = ownIndex().replace("wazuh-alerts-4.x-security-lake", "replayed");
  beforeAll(async () => {
    client = await connect({ nodes: [server.url] });
    folder = mkdtempSync(join(tmpdir(), "replays-"));
    // A mapping that takes nothing of the event, and not its unindexed form either.
    await client.indices.create({
      index,
      body: { mappings: { dynamic: "strict", properties: { n: { type: "long" } } } },
    } as never);
  });
  afterAll(async () => {
    await client.indices.delete({ index, ignore_unavailable: true });
    await client.close();
    rmSync(folder, { recursive: true });
  });

  const file = (name: string): string => join(folder, name);
  const kept = (name: string): { id: string; document: string }[] =>
    readFileSync(file(name), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));

  async function replayed(from: string, to: string): Promise<Replayed> {
    const deadLetter = openDeadLetter(file(to));
    try {
      return await replay(file(from), createBulkWriter(client, deadLetter));
    } finally {
      await deadLetter.close();
    }
  }

  describe("a replay on OpenSearch", () => {
    it("that fails again loses nothing, and stores each once when the cause is mended", async () => {
      const builder = new BulkBodyBuilder();
      for (let i = 0; i < 50; i++) {
        builder.begin(index, `r-${String(i).padStart(2, "0")}`);
        builder.appendText(i % 2 === 0 ? `{"n":${i}}` : `{"n":${i},"data":{"big":12345678901234567890}}`);
        builder.end();
      }
      const deadLetter = openDeadLetter(file("first.ndjson"));
      const writer = createBulkWriter(client, deadLetter);
      expect(await writer.write(builder.take())).toEqual({ stored: 25, alreadyStored: 0, deadLettered: 25 });
      await deadLetter.close();

      expect(await replayed("first.ndjson", "second.ndjson")).toMatchObject({ stored: 0, deadLettered: 25 });
      const documents = (name: string) => kept(name).map(({ id, document }) => `${id} ${document}`);
      expect(documents("second.ndjson").sort()).toEqual(documents("first.ndjson").sort());

      await client.indices.putMapping({ index, body: { properties: { data: { enabled: false } } } } as never);
      expect(await replayed("second.ndjson", "third.ndjson")).toMatchObject({ stored: 25, deadLettered: 0 });
      expect(await replayed("first.ndjson", "third.ndjson")).toMatchObject({ alreadyStored: 25, deadLettered: 0 });
      expect(await ids(client, index)).toEqual(Array.from({ length: 50 }, (_, i) => `r-${String(i).padStart(2, "0")}`));
    });
  });
}
