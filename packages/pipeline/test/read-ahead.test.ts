import { Readable } from "node:stream";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import type { Message } from "@threatlockdown/sqs-consumer";
import { makeLargeObject, notification } from "@threatlockdown/tooling-lake";
import { describe, expect, it, vi } from "vitest";
import { type Accepted, createIngest, type IngestOptions, openObject, type Sink } from "../src/index.ts";
import { allowanceOf, readAhead } from "../src/read-ahead.ts";

const mebibyte = 2 ** 20;

function largeObject(rowGroups: readonly number[]) {
  const to = Date.UTC(2026, 0, 1);
  const of = { source: "cloud_trail_mgmt_2_0", codec: "none", seed: 1, rows: 500, to } as const;
  const large = makeLargeObject({ ...of, rowGroupBytes: rowGroups });
  return { ...large, bytes: Buffer.concat([...large.pieces()]) };
}

interface Request {
  readonly start: number;
  readonly end: number;
  readonly body: Readable;
}

/** S3 with one object, which copies no byte. A request that `hold` picks is never answered to its end. */
function s3({ bytes, etag }: ReturnType<typeof largeObject>, hold: (start: number) => boolean = () => false) {
  const requests: Request[] = [];
  const client = {
    async send({ input }: GetObjectCommand, { abortSignal }: { abortSignal: AbortSignal }) {
      const [, from = "", to = ""] = /^bytes=(\d*)-(\d*)$/.exec(input.Range ?? "") ?? [];
      const start = from === "" ? bytes.length - Number(to) : Number(from);
      const end = from === "" ? bytes.length : Number(to) + 1;
      abortSignal.throwIfAborted();
      const body = new Readable({
        read() {
          if (hold(start)) return;
          this.push(bytes.subarray(start, end));
          this.push(null);
        },
      });
      requests.push({ start, end, body });
      return {
        ETag: `"${etag}"`,
        LastModified: new Date(0),
        ContentLength: end - start,
        ContentRange: `bytes ${start}-${end - 1}/${bytes.length}`,
        Body: body,
      };
    },
  } as unknown as S3Client;
  return { client, requests };
}

function message({ key, etag, size }: ReturnType<typeof largeObject>): Message {
  const body = notification({ bucket: "b", key, etag, size }, "s3-records");
  return { id: key, body, receiptHandle: "r", receiveCount: 1, attributes: {} };
}

const accepted = (stored: number): Accepted => ({ stored, alreadyStored: 0, deadLettered: 0 });

/** A sink that accepts once it is opened. */
function gate(): Sink & { open(): void; refuse(error: Error): void; batches: number } {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  promise.catch(() => {});
  const sink = {
    batches: 0,
    open: resolve,
    refuse: reject,
    async write({ rowCount }: { rowCount: number }) {
      sink.batches += 1;
      await promise;
      return accepted(rowCount);
    },
  };
  return sink;
}

const lease = { signal: new AbortController().signal };
const within = { timeout: 20_000, interval: 1 };

describe("a large object", () => {
  const large = largeObject([5 * mebibyte, 5 * mebibyte, 5 * mebibyte]);
  // Its last 256 KiB, then the row groups, the first part of each with 4 MiB.
  const partsOf = (requests: readonly Request[]) => requests.slice(1).length;

  it("has its next row group on the way while the sink works on the one before", async () => {
    const { client, requests } = s3(large);
    const sink = gate();
    const done = createIngest(client, sink)(message(large), lease);
    await vi.waitUntil(() => sink.batches === 2, within);
    expect(partsOf(requests)).toBe(4);
    sink.open();
    await done;
    expect(partsOf(requests)).toBe(6);
  });

  it("has not, without anything allowed for it", async () => {
    const { client, requests } = s3(large);
    const sink = gate();
    const done = createIngest(client, sink, { readAhead: 0 })(message(large), lease);
    await vi.waitUntil(() => sink.batches === 2, within);
    expect(partsOf(requests)).toBe(2);
    sink.open();
    await done;
    expect(partsOf(requests)).toBe(6);
  });

  it.each([{ readAhead: 0 }, { readAhead: 3 * mebibyte }, {}])("comes in its order, %o", async (options) => {
    const rows: number[] = [];
    const sink: Sink = {
      async write({ firstRow, rowCount }) {
        rows.push(firstRow);
        return accepted(rowCount);
      },
    };
    const { client } = s3(large);
    const events: unknown[] = [];
    await createIngest(client, sink, { ...options, on: (event) => events.push(event) })(message(large), lease);
    expect(rows).toEqual([...rows].sort((a, b) => a - b));
    expect(events).toMatchObject([{ rows: large.rows, accepted: accepted(large.rows) }]);
  });

  it("leaves no request behind when the sink fails", async () => {
    const { client, requests } = s3(large, (start) => start > 5 * mebibyte && start < 10 * mebibyte);
    const sink = gate();
    const done = createIngest(client, sink)(message(large), lease).catch((error: Error) => error);
    await vi.waitUntil(() => sink.batches === 2 && partsOf(requests) === 4, within);
    sink.refuse(new Error("no room"));
    expect(await done).toMatchObject({ message: "no room" });
    await vi.waitUntil(() => requests.every(({ body }) => body.destroyed), within);
  });

  it("leaves no request behind when its lease is lost", async () => {
    const { client, requests } = s3(large, (start) => start > 5 * mebibyte && start < 10 * mebibyte);
    const lost = new AbortController();
    const sink = gate();
    const done = createIngest(client, sink)(message(large), { signal: lost.signal }).catch((error: Error) => error);
    await vi.waitUntil(() => sink.batches === 2 && partsOf(requests) === 4, within);
    lost.abort(new Error("lease lost"));
    sink.open();
    expect(await done).toMatchObject({ message: "lease lost" });
    await vi.waitUntil(() => requests.every(({ body }) => body.destroyed), within);
  });

  it("gives the allowance back, however it ends", async () => {
    const options: IngestOptions = { readAhead: 5.5 * mebibyte };
    const { client, requests } = s3(large);
    const sinks: Sink[] = [];
    const ingest = createIngest(client, { write: (...args) => (sinks[0] as Sink).write(...args) }, options);
    for (let run = 0; run < 3; run++) {
      const sink = gate();
      sinks[0] = sink;
      requests.length = 0;
      const done = ingest(message(large), lease).catch((error: Error) => error);
      await vi.waitUntil(() => sink.batches === 2, within);
      expect(partsOf(requests)).toBe(4);
      sink.refuse(new Error("no room"));
      expect(await done).toMatchObject({ message: "no room" });
    }
  });
});

it("many large objects at once hold what each reads, and of what is read ahead no more than is allowed", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const [count, group, allowed] = [3, 3 * mebibyte, 3.5 * mebibyte];
  const large = largeObject([group, group, group]);
  const held = async (allowance: number): Promise<{ most: number; usual: number }> => {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    const before = process.memoryUsage().arrayBuffers;
    const seen: number[] = [];
    let batches = 0;
    const sink: Sink = {
      async write({ rowCount }) {
        if (batches++ % 8 === 0) {
          collect();
          seen.push(process.memoryUsage().arrayBuffers - before);
        }
        return accepted(rowCount);
      },
    };
    const ingest = createIngest(s3(large).client, sink, { readAhead: allowance });
    await Promise.all(
      Array.from({ length: count }, (_, number) => ingest({ ...message(large), id: `${number}` }, lease)),
    );
    seen.sort((a, b) => a - b);
    return { most: seen.at(-1) as number, usual: seen[seen.length >> 1] as number };
  };
  await held(0); // What is kept from file to file is there afterwards.
  const [without, bounded, unbounded] = [await held(0), await held(allowed), await held(2 ** 40)];
  expect(bounded.usual).toBeLessThan(without.usual + allowed + mebibyte);
  expect(unbounded.usual).toBeGreaterThan(without.usual + allowed + mebibyte);
  // When one row group gives way to the next, both are there for a moment.
  expect(bounded.most).toBeLessThan(2 * count * group + allowed + 2 * mebibyte);
}, 180_000);

describe("what is read ahead", () => {
  const bytes = Uint8Array.from({ length: 100 }, (_, index) => index);
  const source = (
    slice: (start: number, end: number) => Promise<Uint8Array> = async (start, end) => bytes.subarray(start, end),
  ) => ({
    byteLength: bytes.length,
    asked: [] as [number, number][],
    slice(start: number, end: number) {
      this.asked.push([start, end]);
      return slice(start, end);
    },
  });

  it("is asked for once, and handed over to whoever asks for the same cut", async () => {
    const from = source();
    using ahead = readAhead(from, allowanceOf(100));
    ahead.expect?.(10, 30);
    ahead.expect?.(10, 30);
    expect(from.asked).toEqual([[10, 30]]);
    expect(await ahead.slice(10, 30)).toEqual(bytes.subarray(10, 30));
    expect(from.asked).toEqual([[10, 30]]);
    expect(await ahead.slice(10, 30)).toEqual(bytes.subarray(10, 30));
    expect(await ahead.slice(40, 50)).toEqual(bytes.subarray(40, 50));
    expect(from.asked).toEqual([
      [10, 30],
      [10, 30],
      [40, 50],
    ]);
  });

  it("is left out where there is no room for it, and there is room again when it is handed over", async () => {
    const from = source();
    const allowance = allowanceOf(50);
    using one = readAhead(from, allowance);
    using other = readAhead(from, allowance);
    one.expect?.(0, 40);
    other.expect?.(40, 60);
    expect(from.asked).toEqual([[0, 40]]);
    await one.slice(0, 40);
    other.expect?.(40, 60);
    expect(from.asked).toEqual([
      [0, 40],
      [40, 60],
    ]);
  });

  it("counts until it has come, when nobody wants it any more", async () => {
    const { promise, resolve } = Promise.withResolvers<Uint8Array>();
    const allowance = allowanceOf(50);
    {
      using ahead = readAhead(
        source(() => promise),
        allowance,
      );
      ahead.expect?.(0, 40);
    }
    expect(allowance.take(20)).toBe(false);
    resolve(bytes);
    await vi.waitUntil(() => allowance.take(50), within);
  });

  it("fails when it is asked for, not before", async () => {
    using ahead = readAhead(
      source(() => Promise.reject(new Error("no connection"))),
      allowanceOf(50),
    );
    ahead.expect?.(0, 10);
    await new Promise((resolve) => setImmediate(resolve));
    await expect(ahead.slice(0, 10)).rejects.toThrow("no connection");
  });
});

it("a closed object asks for nothing any more", async () => {
  const large = largeObject([5 * mebibyte, 5 * mebibyte]);
  const { client, requests } = s3(large);
  const object = await openObject(client, { bucket: "b", key: large.key, size: large.size });
  object[Symbol.dispose]();
  await expect(object.source.slice(10, 20)).rejects.toThrow(`s3://b/${large.key} is closed`);
  expect(requests).toHaveLength(1);
});
