import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type BulkBody, type BulkWriter, connect, createBulkWriter } from "@threatlockdown/indexer-client";
import { bufferSource, open, type RowBatch, rows } from "@threatlockdown/parquet-reader";
import { createRuleset } from "@threatlockdown/ruleset";
import { makeObject } from "@threatlockdown/tooling-lake";
import { afterEach, expect, it } from "vitest";
import { createDocuments, documentColumns } from "../src/document.ts";
import { createIndexerSink } from "../src/indexer-sink.ts";
import { parseObjectKey } from "../src/object-key.ts";
import type { LakeObject } from "../src/s3-object.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const batchOf = async (seed: number, count: number): Promise<{ batch: RowBatch; object: LakeObject }> => {
  const { key, etag, bytes } = makeObject({ source: "vpc_flow_2_0", rows: count, seed });
  const origin = parseObjectKey(key);
  const source = bufferSource(bytes);
  const object = { bucket: "lake", key, etag: `${etag}-${seed}`, lastModified: new Date(), origin, source };
  for await (const batch of rows(await open(bytes), { columns: documentColumns })) return { batch, object };
  throw new Error("no rows");
};
const documentsOf = () => createDocuments({ name: "manager" }, createRuleset());
const textOf = ({ bytes }: BulkBody): string => Buffer.from(bytes).toString();
const signal = new AbortController().signal;

interface Indexer {
  readonly url: string;
  readonly stored: ReadonlyMap<string, string>;
  readonly requests: () => number;
}

/** Stores what it reads; two of three requests fail: refused at once, refused once read, cut off, or stored and cut off. */
async function troubledIndexer(): Promise<Indexer> {
  const stored = new Map<string, string>();
  let requests = 0;
  const server = createServer(async (request, response) => {
    const trouble = requests++ % 6;
    if (trouble === 1) return void response.writeHead(503).end();
    if (trouble === 2) return void request.once("data", () => request.destroy());
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    if (trouble === 3) return void response.writeHead(429).end();
    const lines = Buffer.concat(chunks).toString().split("\n");
    const items: object[] = [];
    for (let i = 0; i + 1 < lines.length; i += 2) {
      const { create } = JSON.parse(lines[i] as string) as { create: { _id: string } };
      const again = stored.has(create._id);
      if (!again) stored.set(create._id, lines[i + 1] as string);
      const error = { type: "version_conflict_engine_exception", reason: "" };
      items.push({ create: { _id: create._id, status: again ? 409 : 201, ...(again && { error }) } });
    }
    if (trouble === 4) return void response.destroy();
    response.setHeader("content-type", "application/json").end(JSON.stringify({ errors: false, items }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stored, requests: () => requests };
}

it("stores each document as it was, though its memory is taken for others and requests are sent again", async () => {
  const indexer = await troubledIndexer();
  const deadLetter = { keep: () => Promise.reject(new Error("a document was refused")), close: async () => {} };
  const writer = createBulkWriter(await connect({ nodes: [indexer.url] }), deadLetter, { backoff: () => 1 });
  const batches = await Promise.all(Array.from({ length: 60 }, (_, seed) => batchOf(seed, 20 + (seed % 7) * 30)));
  const expected = new Map<string, string>();
  for (const { batch, object } of batches) {
    const lines = textOf(documentsOf().render(batch, object)).split("\n");
    for (let i = 0; i + 1 < lines.length; i += 2) {
      expected.set(JSON.parse(lines[i] as string).create._id, lines[i + 1] as string);
    }
  }
  const documents = documentsOf();
  const buffers = new Set<ArrayBufferLike>();
  const sink = createIndexerSink(
    {
      render(batch, object) {
        const body = documents.render(batch, object);
        buffers.add(body.bytes.buffer);
        return body;
      },
      recycle: documents.recycle,
    },
    writer,
  );
  const worker = async (from: number): Promise<void> => {
    for (const { batch, object } of batches.slice(from, from + 10)) {
      expect((await sink.write(batch, object, signal)).deadLettered).toBe(0);
    }
  };
  await Promise.all([0, 10, 20, 30, 40, 50].map(worker));
  expect(indexer.requests()).toBeGreaterThan(batches.length / 6);
  expect(Object.fromEntries(indexer.stored)).toEqual(Object.fromEntries(expected));
  expect(buffers.size).toBeLessThan(batches.length / 2);
});

it("takes the memory of a body whose write rejected, or is open, for no other", async () => {
  const { batch, object } = await batchOf(1, 30);
  const writes: { body: BulkBody; text: string; settle: PromiseWithResolvers<never> }[] = [];
  const writer: BulkWriter = {
    write(body) {
      const settle = Promise.withResolvers<never>();
      writes.push({ body, text: textOf(body), settle });
      return settle.promise;
    },
    close: async () => {},
  };
  const sink = createIndexerSink(documentsOf(), writer);
  const first = sink.write(batch, object, signal);
  writes[0]?.settle.reject(new Error("given up"));
  await expect(first).rejects.toThrow("given up");
  for (let i = 0; i < 5; i++) void sink.write(batch, object, signal);
  expect(new Set(writes.map(({ body }) => body.bytes.buffer)).size).toBe(6);
  for (const { body, text } of writes) expect(textOf(body)).toBe(text);
});
