import { afterEach, describe, expect, it, vi } from "vitest";
import { type BulkBody, BulkBodyBuilder } from "../src/bulk-body.ts";
import { type BulkWriter, type BulkWriterOptions, createBulkWriter } from "../src/bulk-writer.ts";
import { connect } from "../src/connection.ts";
import type { DeadLetter, DocumentEntry } from "../src/dead-letter.ts";
import type { IndexerEvent } from "../src/events.ts";
import { type Behaviour, type FakeIndexer, fakeIndexer, json, refuse } from "./fake-indexer.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Setting {
  readonly indexer: FakeIndexer;
  readonly writer: BulkWriter;
  readonly kept: DocumentEntry[];
  readonly events: IndexerEvent[];
}

async function setting(
  behave?: Behaviour,
  options: BulkWriterOptions = {},
  keep?: DeadLetter["keep"],
): Promise<Setting> {
  const indexer = await fakeIndexer(behave);
  const client = await connect({ nodes: [indexer.url], requestTimeout: 2_000 });
  const stop = new AbortController();
  const kept: DocumentEntry[] = [];
  const events: IndexerEvent[] = [];
  const deadLetter: DeadLetter = {
    keep: keep ?? (async (entry) => void kept.push(entry as DocumentEntry)),
    close: async () => {},
  };
  const writer = createBulkWriter(client, deadLetter, {
    backoff: () => 2,
    on: (event) => events.push(event),
    signal: stop.signal,
    ...options,
  });
  cleanups.push(
    () => stop.abort(),
    () => indexer.stop(),
  );
  return { indexer, writer, kept, events };
}

let lastBody = 0;
/** Ids are "<name>-<number>". */
function documents(
  count: number,
  name: string = `body${lastBody++}`,
  size = 20,
  index: string | ((i: number) => string) = "index",
): BulkBody {
  const builder = new BulkBodyBuilder();
  for (let i = 0; i < count; i++) {
    builder.begin(typeof index === "string" ? index : index(i), `${name}-${i}`);
    builder.append(
      new TextEncoder().encode(`{"n":${i},"data":{"x":"${"x".repeat(size)}"},"security_lake":{"row":${i}}}`),
    );
    builder.end();
  }
  return builder.take();
}

const none = { stored: 0, alreadyStored: 0, deadLettered: 0 };
const waits = (events: readonly IndexerEvent[]): string[] =>
  events.filter(({ type }) => type === "waiting").map((e) => ("cause" in e ? e.cause : ""));

describe("a write", () => {
  it("resolves when each of its documents is stored", async () => {
    const { indexer, writer } = await setting();
    expect(await writer.write(documents(100))).toEqual({ ...none, stored: 100 });
    expect(indexer.stored.size).toBe(100);
    expect(indexer.requests).toHaveLength(1);
  });

  it("sends the source byte for byte", async () => {
    const { indexer, writer } = await setting();
    const builder = new BulkBodyBuilder();
    const source = '{"big":123456789012345678901234567890.10, "é":"\\u00e9", "a":1,"a":2}';
    builder.begin("i", "1");
    builder.append(new TextEncoder().encode(source));
    builder.end();
    await writer.write(builder.take());
    expect(indexer.stored.get("i/1")).toBe(source);
  });

  it("counts what was there before as already stored", async () => {
    const { indexer, writer } = await setting();
    await writer.write(documents(10, "same"));
    expect(await writer.write(documents(15, "same"))).toEqual({ ...none, stored: 5, alreadyStored: 10 });
    expect(indexer.stored.size).toBe(15);
  });

  it("of nothing resolves without a request", async () => {
    const { indexer, writer } = await setting();
    expect(await writer.write(new BulkBodyBuilder().take())).toEqual(none);
    expect(indexer.requests).toHaveLength(0);
  });

  it("larger than a request may be is split between documents", async () => {
    const { indexer, writer } = await setting(undefined, { maxBytes: 10_000 });
    const body = documents(100, "large", 1_000);
    expect(await writer.write(body)).toEqual({ ...none, stored: 100 });
    expect(indexer.requests.length).toBeGreaterThan(10);
    for (const request of indexer.requests) expect(request.bytes).toBeLessThanOrEqual(10_000);
  });

  it("with a document that alone is larger than a request goes alone", async () => {
    const { indexer, writer } = await setting(undefined, { maxBytes: 1_000 });
    expect(await writer.write(documents(3, "huge", 5_000))).toEqual({ ...none, stored: 3 });
    expect(indexer.requests.map(({ documents }) => documents.length)).toEqual([1, 1, 1]);
  });

  it("is bounded by documents as well", async () => {
    const { indexer, writer } = await setting(undefined, { maxDocuments: 7 });
    await writer.write(documents(20));
    expect(indexer.requests.map(({ documents }) => documents.length).sort()).toEqual([6, 7, 7]);
  });
});

describe("a limit", () => {
  it.each([{ inFlight: 0 }, { inFlight: Number.NaN }, { maxBytes: -1 }, { maxDocuments: 0 }])(
    "that lets nothing through is refused: %o",
    async (options) => {
      const [name] = Object.keys(options);
      await expect(setting(undefined, options)).rejects.toThrow(
        new RangeError(`${name} is ${Object.values(options)}; it is a number from 1 on`),
      );
    },
  );
});

describe("many writes", () => {
  it("share a request when they arrive while all allowed requests are in flight", async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { indexer, writer } = await setting(
      async (response, request, indexer) => {
        if (request.number < 2) await released;
        indexer.answer(response, request);
      },
      { inFlight: 2 },
    );
    const writes = Array.from({ length: 50 }, () => writer.write(documents(10)));
    await vi.waitUntil(() => indexer.requests.length === 2);
    release();
    expect(await Promise.all(writes)).toEqual(Array(50).fill({ ...none, stored: 10 }));
    expect(indexer.requests.map(({ documents }) => documents.length)).toEqual([10, 10, 480]);
    expect(indexer.mostOpen).toBe(2);
  });

  it("resolve each with its own last document, not with the last of all", async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { writer } = await setting(
      async (response, request, indexer) => {
        if (request.documents.some(({ id }) => id.startsWith("slow"))) await released;
        indexer.answer(response, request);
      },
      { inFlight: 2 },
    );
    const slow = writer.write(documents(10, "slow"));
    let slowIsDone = false;
    void slow.then(() => {
      slowIsDone = true;
    });
    for (let i = 0; i < 10; i++) expect(await writer.write(documents(10))).toEqual({ ...none, stored: 10 });
    expect(slowIsDone).toBe(false);
    release();
    expect(await slow).toEqual({ ...none, stored: 10 });
  });

  it.each([
    [503, "unavailable_shards_exception"],
    [403, "cluster_block_exception"],
  ])("do not wait for documents that are put off with %i, however long that lasts", async (status, type) => {
    const { indexer, writer } = await setting(
      (response, request, self) =>
        self.answer(response, request, ({ index }) => (index === "bad" ? { status, type, reason: "" } : undefined)),
      { inFlight: 1, backoff: () => 3_600_000 },
    );
    writer.write(documents(100, "stuck", 20, "bad")).catch(() => {});
    for (let i = 0; i < 20; i++) expect(await writer.write(documents(10))).toEqual({ ...none, stored: 10 });
    expect(indexer.stored.size).toBe(200);
  });

  it("are not sent while the indexer has no room for anything", async () => {
    const { indexer, writer, events } = await setting(
      (response, request, self) =>
        self.answer(response, request, () =>
          request.number === 0 ? { status: 429, type: "rejected_execution_exception", reason: "full" } : undefined,
        ),
      { inFlight: 1, backoff: () => 300 },
    );
    const writes = [writer.write(documents(10)), writer.write(documents(10))];
    await vi.waitUntil(() => waits(events).length === 1);
    expect(indexer.requests).toHaveLength(1);
    await Promise.all(writes);
    expect(indexer.requests.map((request) => request.documents.length)).toEqual([10, 20]);
  });

  it("are all settled when close resolves, and there are no new ones", async () => {
    const { indexer, writer } = await setting(undefined, { inFlight: 1 });
    const writes = Array.from({ length: 20 }, () => writer.write(documents(10)));
    await writer.close();
    expect(indexer.stored.size).toBe(200);
    await Promise.all(writes);
    await expect(writer.write(documents(1))).rejects.toMatchObject({ code: "INDEXER_CLOSED" });
  });
});

describe("a document", () => {
  it.each([
    [429, "rejected_execution_exception"],
    [503, "unavailable_shards_exception"],
    [500, "node_closed_exception"],
  ])("answered with %i is sent again, and only that one", async (status, type) => {
    const { indexer, writer, events } = await setting((response, request, indexer) =>
      indexer.answer(response, request, ({ id }) =>
        request.number < 3 && id.endsWith("7") ? { status, type, reason: "busy" } : undefined,
      ),
    );
    expect(await writer.write(documents(100, "d"))).toEqual({ ...none, stored: 100 });
    expect(indexer.stored.size).toBe(100);
    expect(indexer.requests.map(({ documents }) => documents.length)).toEqual([100, 10, 10, 10]);
    expect(events.filter(({ type }) => type === "dead-letter")).toEqual([]);
  });

  it("that the mapping refuses goes again with its data unindexed and the reason beside it", async () => {
    const { indexer, writer, events, kept } = await setting((response, request, indexer) =>
      indexer.answer(response, request, ({ id, source }) =>
        id === "d-3" && !source.includes("data_unindexed")
          ? { status: 400, type: "mapper_parsing_exception", reason: "failed to parse field [data.x]" }
          : undefined,
      ),
    );
    expect(await writer.write(documents(10, "d"))).toEqual({ ...none, stored: 10 });
    expect(JSON.parse(indexer.stored.get("index/d-3") as string)).toEqual({
      n: 3,
      data_unindexed: '{"x":"xxxxxxxxxxxxxxxxxxxx"}',
      security_lake: { row: 3, rejected: "mapper_parsing_exception: failed to parse field [data.x]" },
    });
    expect(kept).toEqual([]);
    expect(events.filter(({ type }) => type === "unindexed")).toHaveLength(1);
  });

  it("that is refused even then is kept in the dead letter, whole and with the reason", async () => {
    const { indexer, writer, kept } = await setting((response, request, indexer) =>
      indexer.answer(response, request, ({ id }) =>
        id === "d-3"
          ? { status: 400, type: "mapper_parsing_exception", reason: "failed to parse field [timestamp]" }
          : undefined,
      ),
    );
    expect(await writer.write(documents(10, "d"))).toEqual({ ...none, stored: 9, deadLettered: 1 });
    expect(kept).toMatchObject([
      {
        kind: "document",
        status: 400,
        reason: "mapper_parsing_exception: failed to parse field [timestamp]",
        index: "index",
        id: "d-3",
      },
    ]);
    expect(kept[0]?.document).toBe('{"n":3,"data":{"x":"xxxxxxxxxxxxxxxxxxxx"},"security_lake":{"row":3}}');
    expect(indexer.stored.has("index/d-3")).toBe(false);
  });

  it("answered with an unknown refusal is kept in the dead letter", async () => {
    const { writer, kept } = await setting((response, request, indexer) =>
      indexer.answer(response, request, ({ id }) =>
        id === "d-0" ? { status: 418, type: "teapot", reason: "short and stout" } : undefined,
      ),
    );
    expect(await writer.write(documents(2, "d"))).toEqual({ ...none, stored: 1, deadLettered: 1 });
    expect(kept[0]).toMatchObject({ status: 418, id: "d-0", document: expect.stringContaining('"n":0') });
  });

  it("that fails with an inner error again and again is kept in the dead letter after a dozen tries", async () => {
    const { indexer, writer, kept } = await setting((response, request, indexer) =>
      indexer.answer(response, request, ({ id }) =>
        id === "d-0" ? { status: 500, type: "null_pointer_exception", reason: "" } : undefined,
      ),
    );
    expect(await writer.write(documents(2, "d"))).toEqual({ ...none, stored: 1, deadLettered: 1 });
    expect(kept).toHaveLength(1);
    expect(indexer.requests.length).toBe(13);
  });

  it("that waited long while the indexer was away has its dozen tries still", async () => {
    const { indexer, writer, kept } = await setting((response, request, indexer) => {
      if (request.number < 20) return refuse(response, 503, "some_exception", "away");
      return indexer.answer(response, request, () =>
        request.number < 25 ? { status: 500, type: "node_closed_exception", reason: "" } : undefined,
      );
    });
    expect(await writer.write(documents(10))).toEqual({ ...none, stored: 10 });
    expect(kept).toEqual([]);
    expect(indexer.requests).toHaveLength(26);
  });

  it("in a blocked index waits until the block is lifted, said in one line", async () => {
    const { writer, events, kept } = await setting((response, request, indexer) =>
      indexer.answer(response, request, () =>
        request.number < 5
          ? {
              status: 403,
              type: "cluster_block_exception",
              reason: "index [index] blocked by: [FORBIDDEN/12/index read-only / allow delete (api)];",
            }
          : undefined,
      ),
    );
    expect(await writer.write(documents(10))).toEqual({ ...none, stored: 10 });
    expect(waits(events)).toEqual(["blocked index"]);
    expect(events.filter(({ type }) => type === "resumed")).toHaveLength(1);
    expect(kept).toEqual([]);
  });

  it("whose pipeline is missing waits until it is there, said once", async () => {
    const reason = "pipeline with id [p] does not exist";
    const { writer, events, kept } = await setting((response, request, indexer) =>
      indexer.answer(response, request, () =>
        request.number < 5 ? { status: 400, type: "illegal_argument_exception", reason } : undefined,
      ),
    );
    expect(await writer.write(documents(10))).toEqual({ ...none, stored: 10 });
    expect(waits(events)).toEqual(["blocked index"]);
    expect(events.find((event) => event.type === "waiting")).toMatchObject({
      message: expect.stringContaining(reason),
    });
    expect(kept).toEqual([]);
  });

  it("whose permission is missing stops the writer with the indexer's words", async () => {
    const reason =
      "no permissions for [indices:data/write/bulk[s]] and User [name=writer, backend_roles=[], requestedTenant=null]";
    const { writer, kept } = await setting((response, request, indexer) =>
      indexer.answer(response, request, () => ({ status: 403, type: "security_exception", reason })),
    );
    await expect(writer.write(documents(10))).rejects.toMatchObject({
      code: "INDEXER_DENIED",
      message: expect.stringContaining(reason),
    });
    expect(kept).toEqual([]);
  });

  it("that cannot even be kept rejects its write and no other", async () => {
    const { writer } = await setting(
      (response, request, indexer) =>
        indexer.answer(response, request, ({ id }) =>
          id.startsWith("bad") ? { status: 418, type: "teapot", reason: "" } : undefined,
        ),
      { inFlight: 1 },
      async () => {
        throw new Error("ENOSPC: no space left on device");
      },
    );
    const [first, bad, good] = [
      writer.write(documents(1)),
      writer.write(documents(3, "bad")),
      writer.write(documents(3, "good")),
    ];
    await expect(bad).rejects.toMatchObject({
      code: "INDEXER_DEAD_LETTER",
      message: expect.stringContaining("ENOSPC"),
    });
    expect(await good).toEqual({ ...none, stored: 3 });
    await first;
  });
});

describe("a request", () => {
  it.each([429, 502, 503, 504])("answered with %i is sent again until it is taken", async (status) => {
    const { indexer, writer, events } = await setting((response, request, indexer) => {
      if (request.number < 6) refuse(response, status, "some_exception", "no room");
      else indexer.answer(response, request);
    });
    expect(await writer.write(documents(30))).toEqual({ ...none, stored: 30 });
    expect(indexer.requests).toHaveLength(7);
    expect(waits(events)).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({ type: "resumed" });
  });

  const unreadable: [string, Behaviour][] = [
    ["reset before an answer", (response) => response.destroy()],
    [
      "cut off in the middle of the answer",
      (response, request, indexer) => {
        const end = response.end.bind(response);
        response.end = ((body: string) => {
          response.write(body.slice(0, body.length / 2), () => response.destroy());
          return response;
        }) as typeof end;
        indexer.answer(response, request);
      },
    ],
    [
      "answered by something that is no indexer",
      (response) => response.writeHead(200, { "content-type": "text/html" }).end("<h1>Welcome</h1>"),
    ],
    ["redirected", (response) => response.writeHead(302, { location: "/login" }).end()],
    [
      "answered with broken JSON",
      (response) => response.writeHead(200, { "content-type": "application/json" }).end('{"items":['),
    ],
    [
      "answered with items missing",
      (response, { documents }) =>
        json(response, 200, {
          errors: false,
          items: documents.slice(1).map(({ id }) => ({ create: { _id: id, status: 201 } })),
        }),
    ],
    [
      "answered about other documents",
      (response, { documents }) =>
        json(response, 200, {
          errors: false,
          items: documents.map(({ id }) => ({ create: { _id: `${id}x`, status: 201 } })),
        }),
    ],
    [
      "answered without a status",
      (response, { documents }) =>
        json(response, 200, { errors: false, items: documents.map(({ id }) => ({ create: { _id: id } })) }),
    ],
    [
      "answered 400 by a proxy",
      (response) => response.writeHead(400, { "content-type": "text/html" }).end("<h1>Bad request</h1>"),
    ],
  ];
  it.each(unreadable)("%s is sent again", async (_, behave) => {
    const { indexer, writer, kept } = await setting((response, request, indexer) => {
      if (request.number < 2) return behave(response, request, indexer);
      return indexer.answer(response, request);
    });
    const { stored, alreadyStored, deadLettered } = await writer.write(documents(30));
    expect([stored + alreadyStored, deadLettered]).toEqual([30, 0]);
    expect(indexer.stored.size).toBe(30);
    expect(kept).toEqual([]);
  });

  it("whose answer never comes is sent again after the time-out", async () => {
    const indexer = await fakeIndexer((response, request, self) => {
      if (request.number > 0) self.answer(response, request);
    });
    cleanups.push(() => indexer.stop());
    const writer = createBulkWriter(
      await connect({ nodes: [indexer.url], requestTimeout: 100 }),
      { keep: async () => {}, close: async () => {} },
      { backoff: () => 1 },
    );
    expect(await writer.write(documents(3))).toEqual({ ...none, stored: 3 });
    expect(indexer.requests).toHaveLength(2);
  });

  it("whose answer stops in the middle is sent again after the time-out, and nothing is printed", async () => {
    const print = vi.spyOn(console, "log");
    const indexer = await fakeIndexer((response, request, self) => {
      if (request.number > 0) return self.answer(response, request);
      response.writeHead(200, { "content-type": "application/json", "content-length": 1_000 });
      response.write('{"errors":false,');
    });
    cleanups.push(() => indexer.stop());
    const writer = createBulkWriter(
      await connect({ nodes: [indexer.url], requestTimeout: 100 }),
      { keep: async () => {}, close: async () => {} },
      { backoff: () => 1 },
    );
    expect(await writer.write(documents(3))).toEqual({ ...none, stored: 3 });
    expect(indexer.requests).toHaveLength(2);
    expect(print).not.toHaveBeenCalled();
    print.mockRestore();
  });

  it("that is too large is split, and the limit is remembered", async () => {
    const { indexer, writer, events } = await setting((response, request, indexer) => {
      if (request.bytes > 20_000) response.writeHead(413).end();
      else indexer.answer(response, request);
    });
    expect(await writer.write(documents(200, "first", 1_000))).toEqual({ ...none, stored: 200 });
    const refused = events.filter(({ type }) => type === "smaller").length;
    expect(refused).toBeGreaterThan(0);
    const before = indexer.requests.length;
    expect(await writer.write(documents(200, "second", 1_000))).toEqual({ ...none, stored: 200 });
    expect(indexer.requests.slice(before).every(({ bytes }) => bytes <= 20_000)).toBe(true);
  });

  it("with one document that is too large sends the others and keeps that one in the dead letter", async () => {
    const { indexer, writer, kept } = await setting((response, request, indexer) => {
      if (request.bytes > 20_000) response.writeHead(413).end();
      else indexer.answer(response, request);
    });
    const builder = new BulkBodyBuilder();
    for (let i = 0; i < 9; i++) {
      builder.begin("index", `t-${i}`);
      builder.append(new TextEncoder().encode(`{"x":"${"x".repeat(i === 4 ? 30_000 : 10)}"}`));
      builder.end();
    }
    expect(await writer.write(builder.take())).toEqual({ ...none, stored: 8, deadLettered: 1 });
    expect(kept).toMatchObject([{ status: 413, id: "t-4", reason: expect.stringContaining("413") }]);
    expect(indexer.stored.size).toBe(8);
  });

  it("that one document spoils as a whole is halved until that one is found", async () => {
    const { indexer, writer, kept } = await setting((response, request, indexer) => {
      if (request.documents.some(({ id }) => id === "s-11")) {
        refuse(response, 400, "action_request_validation_exception", "id is too long");
      } else indexer.answer(response, request);
    });
    expect(await writer.write(documents(32, "s"))).toEqual({ ...none, stored: 31, deadLettered: 1 });
    expect(kept).toMatchObject([{ status: 400, id: "s-11", reason: expect.stringContaining("id is too long") }]);
    expect(indexer.stored.size).toBe(31);
  });

  it("with one document that is too large does not make the requests of the others small", async () => {
    const { indexer, writer, kept, events } = await setting((response, request, self) => {
      if (request.bytes > 100_000) response.writeHead(413).end();
      else self.answer(response, request);
    });
    const builder = new BulkBodyBuilder();
    for (let i = 0; i < 2_000; i++) {
      builder.begin("index", `m-${i}`);
      builder.append(new TextEncoder().encode(`{"x":"${"x".repeat(i === 700 ? 110_000 : 10)}"}`));
      builder.end();
    }
    expect(await writer.write(builder.take())).toEqual({ ...none, stored: 1_999, deadLettered: 1 });
    expect(kept).toHaveLength(1);
    expect(indexer.requests.length).toBeLessThan(30);
    expect(events.filter(({ type }) => type === "smaller")).toEqual([]);
    const before = indexer.requests.length;
    await writer.write(documents(500));
    expect(indexer.requests.length - before).toBe(1);
  });

  it("that is too large teaches one limit, not below what was taken before", async () => {
    const { indexer, writer, events } = await setting((response, request, self) => {
      if (request.bytes > 20_000) response.writeHead(413).end();
      else self.answer(response, request);
    });
    await writer.write(documents(15, "taken", 1_000));
    const taken = indexer.requests[0]?.bytes as number;
    await writer.write(documents(200, "refused", 1_000));
    const limits = events.flatMap((event) => (event.type === "smaller" ? [event.maxBytes] : []));
    expect(limits).toHaveLength(1);
    expect(limits[0]).toBeGreaterThanOrEqual(taken);
    expect(limits[0]).toBeLessThanOrEqual(20_000);
  });

  it("that is too large although such were taken teaches the limit anew: it has been lowered in mid-run", async () => {
    let limit = 100_000;
    const { indexer, writer, events } = await setting((response, request, self) => {
      if (request.bytes > limit) response.writeHead(413).end();
      else self.answer(response, request);
    });
    await writer.write(documents(200, "before", 1_000));
    limit = 20_000;
    expect(await writer.write(documents(90, "lowered", 1_000))).toEqual({ ...none, stored: 90 });
    const learnt = events.flatMap((event) => (event.type === "smaller" ? [event.maxBytes] : []));
    expect(learnt.at(-1)).toBeLessThanOrEqual(20_000);
    const before = indexer.requests.length;
    expect(await writer.write(documents(200, "after", 1_000))).toEqual({ ...none, stored: 200 });
    expect(indexer.requests.slice(before).every(({ bytes }) => bytes <= 20_000)).toBe(true);
  });

  it.each([
    ["illegal_argument_exception", "explicit index in bulk is not allowed"],
    ["action_request_validation_exception", "Validation Failed: 1: something that is wrong with each;"],
  ])("refused for what is no document's fault waits until that is mended, said once (%s)", async (type, reason) => {
    let mended = false;
    const { indexer, writer, events, kept } = await setting((response, request, self) => {
      if (mended) self.answer(response, request);
      else refuse(response, 400, type, reason);
    });
    const write = writer.write(documents(64));
    await vi.waitUntil(() => indexer.requests.length > 10);
    mended = true;
    expect(await write).toEqual({ ...none, stored: 64 });
    expect(waits(events)).toEqual(["blocked"]);
    expect(kept).toEqual([]);
  });

  it.each([
    [401, "INDEXER_DENIED"],
    [403, "INDEXER_DENIED"],
  ])("answered with %i stops the writer: what is open and what comes after rejects", async (status, code) => {
    const { writer, kept, indexer } = await setting((response) =>
      refuse(
        response,
        status,
        "security_exception",
        "no permissions for [indices:data/write/bulk] and User [name=writer]",
      ),
    );
    const writes = [writer.write(documents(5)), writer.write(documents(5)), writer.write(documents(5))];
    const results = await Promise.allSettled(writes);
    expect(results.map((result) => result.status === "rejected" && result.reason.code)).toEqual([code, code, code]);
    expect(results).toMatchObject([{ reason: { status } }, { reason: { status } }, { reason: { status } }]);
    await expect(writer.write(documents(1))).rejects.toMatchObject({
      code,
      message: expect.stringContaining("writer"),
    });
    expect(kept).toEqual([]);
    expect(indexer.stored.size).toBe(0);
  });

  it("is compressed when the client compresses", async () => {
    const indexer = await fakeIndexer();
    cleanups.push(() => indexer.stop());
    const client = await connect({ nodes: [indexer.url], compression: "gzip" });
    const writer = createBulkWriter(client, { keep: async () => {}, close: async () => {} });
    expect(await writer.write(documents(50))).toEqual({ ...none, stored: 50 });
    expect(indexer.requests[0]?.headers["content-encoding"]).toBe("gzip");
  });

  it("waits while the indexer is away, said once, and arrives when it is back", async () => {
    const { indexer, writer, events } = await setting();
    await indexer.stop();
    const write = writer.write(documents(5));
    await vi.waitUntil(() => waits(events).length > 0);
    const back = await fakeIndexer(undefined, Number(new URL(indexer.url).port));
    cleanups.push(() => back.stop());
    expect(await write).toEqual({ ...none, stored: 5 });
    expect(back.stored.size).toBe(5);
    expect(waits(events)).toEqual(["unreachable"]);
    expect(events.at(-1)).toMatchObject({ type: "resumed", cause: "unreachable" });
  });
});

describe("a signal", () => {
  it("ends the writer: requests are cut off and open writes reject with its reason", async () => {
    const stop = new AbortController();
    const { indexer, writer } = await setting(() => {}, { signal: stop.signal });
    const write = writer.write(documents(5));
    await vi.waitUntil(() => indexer.requests.length === 1);
    const reason = new Error("stopped");
    stop.abort(reason);
    await expect(write).rejects.toBe(reason);
    await expect(writer.write(documents(1))).rejects.toBe(reason);
  });

  it("ends a request that is being split too: the other half is not sent", async () => {
    const stop = new AbortController();
    const { indexer, writer } = await setting(
      (response, request, self) => {
        if (request.documents.some(({ id }) => id.startsWith("later"))) return self.answer(response, request);
        if (request.number === 0) response.writeHead(413).end();
      },
      { signal: stop.signal },
    );
    const write = writer.write(documents(10, "split"));
    await vi.waitUntil(() => indexer.requests.length === 2);
    stop.abort(new Error("stopped"));
    await expect(write).rejects.toThrow("stopped");
    const later = createBulkWriter(await connect({ nodes: [indexer.url] }), {
      keep: async () => {},
      close: async () => {},
    });
    for (let i = 0; i < 5; i++) await later.write(documents(1, `later${i}`));
    expect(indexer.requests.map(({ documents }) => documents.length)).toEqual([10, 5, 1, 1, 1, 1, 1]);
  });

  it("of one write gives that one up: what is not sent is never sent", async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const lease = new AbortController();
    const { indexer, writer } = await setting(
      async (response, request, indexer) => {
        await released;
        indexer.answer(response, request);
      },
      { inFlight: 1 },
    );
    const first = writer.write(documents(5, "first"));
    const lost = writer.write(documents(5, "lost"), { signal: lease.signal });
    const last = writer.write(documents(5, "last"));
    lease.abort(new Error("lease lost"));
    await expect(lost).rejects.toThrow("lease lost");
    release();
    await Promise.all([first, last]);
    expect([...indexer.stored.keys()].filter((key) => key.includes("lost"))).toEqual([]);
    await writer.close();
  });
});
