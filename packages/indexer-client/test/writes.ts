import { type AddressInfo, createServer, connect as dial, type Server } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { answerFilter, saysAllStored } from "../src/answer.ts";
import { BulkBodyBuilder } from "../src/bulk-body.ts";
import { type Client, connect } from "../src/connection.ts";
import { setup } from "../src/setup.ts";
import { idsUpTo, writing as load, numbered, type Writing, waits } from "./load.ts";
import { ids, ownIndex, ownIndices, versions } from "./opensearch.ts";

/** What holds for writes on every OpenSearch; called at the top of a test file. */
export function describeWrites(server: { readonly url: string }): void {
  let client: Client;
  const cleanups: (() => unknown)[] = [];
  beforeAll(async () => {
    client = await connect({ nodes: [server.url] });
    await setup(client);
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  afterAll(() => client.close());

  const newIndex = ownIndices(() => client);

  function writing(...[to = client, options]: Partial<Parameters<typeof load>>): Writing {
    const set = load(to, options);
    cleanups.push(() => set.stop.abort());
    return set;
  }

  describe("on OpenSearch, a write", () => {
    it("stores each document once, and again changes nothing", async () => {
      const index = newIndex();
      const { writer } = writing();
      const writes = Array.from({ length: 50 }, (_, i) => writer.write(numbered(index, i * 40, i * 40 + 40)));
      for (const accepted of await Promise.all(writes))
        expect(accepted).toEqual({ stored: 40, alreadyStored: 0, deadLettered: 0 });
      expect(await ids(client, index)).toEqual(idsUpTo(2_000));
      expect(await writer.write(numbered(index, 0, 2_000))).toEqual({
        stored: 0,
        alreadyStored: 2_000,
        deadLettered: 0,
      });
      expect(new Set((await versions(client, index)).values())).toEqual(new Set([1]));
    });

    it("is answered in the form that is read without parsing", async () => {
      const body = numbered(newIndex(), 0, 3);
      const answer = await client.transport.request({
        method: "POST",
        path: "/_bulk",
        querystring: answerFilter,
        bulkBody: Buffer.from(body.bytes),
      } as never);
      expect(answer.body).toContain('"status":201');
      expect(saysAllStored(answer.body, [{ owner: undefined, body, from: 0, to: 3, attempts: 0, faults: 0 }])).toBe(
        true,
      );
    });

    it("stores each document once when answers are lost after the work was done", async () => {
      const index = newIndex();
      const losing = await proxy({ loseAnswers: 5 });
      const { writer, events } = writing(await connect({ nodes: [losing.url] }), { maxDocuments: 100 });
      const { stored, alreadyStored, deadLettered } = await writer.write(numbered(index, 0, 1_000));
      expect(losing.lost()).toBe(5);
      expect([stored + alreadyStored, deadLettered]).toEqual([1_000, 0]);
      expect(alreadyStored).toBeGreaterThan(0);
      expect(await ids(client, index)).toEqual(idsUpTo(1_000));
      expect(new Set((await versions(client, index)).values())).toEqual(new Set([1]));
      expect(waits(events)).toEqual(["unreachable"]);
    });

    it("waits while the index is blocked, as by a full disk, and is said once", async () => {
      const index = newIndex();
      const { writer, events, kept } = writing();
      await writer.write(numbered(index, 0, 10));
      await client.indices.putSettings({ index, body: { "index.blocks.read_only_allow_delete": true } as never });
      const write = writer.write(numbered(index, 10, 30));
      await vi.waitUntil(() => waits(events).length > 0, 10_000);
      await client.indices.putSettings({ index, body: { "index.blocks.read_only_allow_delete": null } as never });
      expect(await write).toEqual({ stored: 20, alreadyStored: 0, deadLettered: 0 });
      expect(await ids(client, index)).toEqual(idsUpTo(30));
      expect(waits(events)).toEqual([`blocked ${index}`]);
      expect(events.at(-1)).toMatchObject({ type: "resumed" });
      expect(kept).toEqual([]);
    });

    it("waits while a pipeline is missing that the index asks for", async () => {
      const index = newIndex();
      const { writer, events, kept } = writing();
      await writer.write(numbered(index, 0, 10));
      await client.indices.putSettings({ index, body: { "index.default_pipeline": "not-there" } as never });
      const write = writer.write(numbered(index, 10, 30));
      await vi.waitUntil(() => waits(events).length > 0, 10_000);
      await client.indices.putSettings({ index, body: { "index.default_pipeline": null } as never });
      expect(await write).toEqual({ stored: 20, alreadyStored: 0, deadLettered: 0 });
      expect(waits(events)).toEqual([`blocked ${index}`]);
      expect(kept).toEqual([]);
    });

    it("waits while the name is an alias that none of its indices is written through", async () => {
      const alias = ownIndex();
      const behind = [newIndex(), newIndex()];
      for (const index of behind) await client.indices.create({ index, body: { aliases: { [alias]: {} } } } as never);
      const { writer, events, kept } = writing();
      const write = writer.write(numbered(alias, 0, 20));
      await vi.waitUntil(() => waits(events).length > 0, 10_000);
      const [index] = behind as [string];
      await client.indices.putAlias({ index, name: alias, body: { is_write_index: true } });
      expect(await write).toEqual({ stored: 20, alreadyStored: 0, deadLettered: 0 });
      expect(kept).toEqual([]);
    });

    it("waits while the index is closed", async () => {
      const index = newIndex();
      const { writer, events, kept } = writing();
      await writer.write(numbered(index, 0, 10));
      await client.indices.close({ index });
      const write = writer.write(numbered(index, 10, 30));
      await vi.waitUntil(() => waits(events).length > 0, 10_000);
      await client.indices.open({ index });
      expect(await write).toEqual({ stored: 20, alreadyStored: 0, deadLettered: 0 });
      expect(kept).toEqual([]);
    });

    it("goes on when its index is deleted meanwhile", async () => {
      const index = newIndex();
      const { writer, kept } = writing(client, { maxDocuments: 50 });
      await writer.write(numbered(index, 0, 50));
      const write = writer.write(numbered(index, 50, 3_000));
      await client.indices.delete({ index });
      expect(await write).toMatchObject({ stored: 2_950, deadLettered: 0 });
      await writer.write(numbered(index, 0, 3_000));
      expect(await ids(client, index)).toEqual(idsUpTo(3_000));
      expect(kept).toEqual([]);
    });

    it("keeps in the dead letter the one document that spoils a whole request", async () => {
      const index = newIndex();
      const { writer, kept } = writing();
      const builder = new BulkBodyBuilder();
      for (let i = 0; i < 64; i++) {
        builder.begin(index, i === 37 ? "x".repeat(600) : `d-${i}`);
        builder.append(new TextEncoder().encode("{}"));
        builder.end();
      }
      expect(await writer.write(builder.take())).toEqual({ stored: 63, alreadyStored: 0, deadLettered: 1 });
      expect(kept).toMatchObject([{ status: 400, id: "x".repeat(600), reason: expect.stringContaining("too long") }]);
      expect((await ids(client, index)).length).toBe(63);
    });

    it("keeps in the dead letter what goes to an index that cannot be", async () => {
      const { writer, kept } = writing();
      expect(await writer.write(numbered("Upper/Case", 0, 2))).toEqual({
        stored: 0,
        alreadyStored: 0,
        deadLettered: 2,
      });
      expect(kept[0]).toMatchObject({ status: 400, index: "Upper/Case", document: expect.stringContaining("Op0") });
    });
  });

  /** Hands bytes on to the server; of the first answers it lets nothing through, and hangs up instead. */
  async function proxy({
    loseAnswers,
  }: {
    readonly loseAnswers: number;
  }): Promise<{ readonly url: string; lost(): number }> {
    const target = new URL(server.url);
    let lost = 0;
    const losing: Server = createServer((socket) => {
      const upstream = dial(Number(target.port), target.hostname);
      socket.pipe(upstream);
      upstream.on("data", (chunk) => {
        if (lost >= loseAnswers) return socket.write(chunk);
        lost++;
        socket.destroy();
        upstream.destroy();
      });
      for (const [one, other] of [
        [socket, upstream],
        [upstream, socket],
      ] as const) {
        one.on("error", () => other.destroy());
        one.on("close", () => other.destroy());
      }
    });
    await new Promise<void>((resolve) => losing.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => losing.close());
    return { url: `http://127.0.0.1:${(losing.address() as AddressInfo).port}`, lost: () => lost };
  }
}
