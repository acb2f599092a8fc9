import { Readable } from "node:stream";
import type { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { IndexerError } from "@threatlockdown/indexer-client";
import { Fatal, type Message, Poison } from "@threatlockdown/sqs-consumer";
import { makeObject, notification } from "@threatlockdown/tooling-lake";
import { describe, expect, it, vi } from "vitest";
import { createIngest, type IngestEvent } from "../src/ingest.ts";
import { PoisonNotification } from "../src/quarantine.ts";
import type { Accepted, Sink } from "../src/sink.ts";

const good = makeObject({ source: "waf_2_0", rows: 100, seed: 1 });
const other = makeObject({ source: "route53_2_0", rows: 10, seed: 2 });
/** The second of its two row groups is broken. */
const halfBroken = (() => {
  const object = makeObject({
    source: "vpc_flow_2_0",
    rows: 100,
    rowGroupRows: 50,
    seed: 3,
    crc: true,
    layout: "modern",
  });
  const bytes = Uint8Array.from(object.bytes);
  bytes.fill(0xff, Math.floor(bytes.length * 0.55), Math.floor(bytes.length * 0.6));
  return { ...object, bytes };
})();

const refusals: Record<string, [string, number]> = { missing: ["NoSuchKey", 404], forbidden: ["AccessDenied", 403] };

const s3 = {
  async send({ input }: GetObjectCommand) {
    const [code, status] = refusals[input.Key ?? ""] ?? [];
    if (code !== undefined) throw Object.assign(new Error(code), { name: code, $metadata: { httpStatusCode: status } });
    const { bytes, etag } = [good, other, halfBroken].find(({ key }) => key === input.Key) as typeof good;
    return {
      ETag: `"${etag}"`,
      LastModified: new Date(),
      ContentLength: bytes.length,
      Body: Readable.from([bytes]),
    };
  },
} as unknown as S3Client;

const record = ({ key, etag, size }: { key: string; etag: string; size: number }) =>
  JSON.parse(notification({ bucket: "b", key, etag, size }, "s3-records")).Records[0];
const absent = (key: string) => ({ key, etag: "e", size: 10 });

function message(...objects: { key: string; etag: string; size: number }[]): Message {
  const body = JSON.stringify({ Records: objects.map(record) });
  return { id: "m", body, receiptHandle: "r", receiveCount: 1, sentAt: new Date(), attributes: {} };
}

const lease = { signal: new AbortController().signal };
const accepted = (stored: number): Accepted => ({ stored, alreadyStored: 0, deadLettered: 0 });

/** Remembers the rows it took, and accepts when told to. */
function sink(accept: (rows: number) => Promise<Accepted> = async (rows) => accepted(rows)): Sink & { rows: number } {
  const taking = {
    rows: 0,
    write(batch: { rowCount: number }) {
      taking.rows += batch.rowCount;
      return accept(batch.rowCount);
    },
  };
  return taking;
}

describe("ingest", () => {
  it("resolves when every event of every object is accepted, and counts them", async () => {
    const events: IngestEvent[] = [];
    const to = sink();
    await createIngest(s3, to, { on: (event) => events.push(event), maxRows: 30 })(message(good, other), lease);
    expect(to.rows).toBe(110);
    expect(events).toMatchObject([
      { type: "object", rows: 100, accepted: accepted(100) },
      { type: "object", rows: 10, accepted: accepted(10) },
    ]);
  });

  it("does not resolve before the last batch is accepted", async () => {
    const open: (() => void)[] = [];
    let settled = false;
    const to = sink((rows) => new Promise((resolve) => open.push(() => resolve(accepted(rows)))));
    const done = createIngest(s3, to, { maxRows: 30 })(message(good), lease).then(() => {
      settled = true;
    });
    for (let batch = 0; batch < 4; batch++) {
      await vi.waitUntil(() => open.length > batch, { timeout: 10_000, interval: 1 });
      expect(settled).toBe(false);
      open[batch]();
    }
    await done;
  });

  it("holds two batches of an object at a time at most", async () => {
    const open: (() => void)[] = [];
    const to = sink((rows) => new Promise((resolve) => open.push(() => resolve(accepted(rows)))));
    const done = createIngest(s3, to, { maxRows: 10 })(message(good), lease);
    for (let batch = 0; batch < 10; batch++) {
      await vi.waitUntil(() => open.length === Math.min(10, batch + 2), { timeout: 10_000, interval: 1 });
      expect(to.rows).toBe(Math.min(100, 10 * (batch + 2)));
      open[batch]();
    }
    await done;
  });

  it("rejects as poison with each reason, after the good objects of the message are done", async () => {
    const to = sink();
    const error = await createIngest(s3, to)(message(absent("missing"), good), lease).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(Poison);
    expect(error.message).toBe("s3://b/missing does not exist (404)");
    expect(to.rows).toBe(100);
  });

  it("waits for what was read of a broken object before it calls the message poison", async () => {
    const open: (() => void)[] = [];
    const to = sink((rows) => new Promise((resolve) => open.push(() => resolve(accepted(rows)))));
    let error: Error | undefined;
    const done = createIngest(s3, to)(message(halfBroken), lease).catch((thrown) => {
      error = thrown;
    });
    await vi.waitUntil(() => open.length === 1, { timeout: 10_000, interval: 1 });
    await new Promise((resolve) => setImmediate(resolve));
    expect(error).toBeUndefined();
    open[0]();
    await done;
    expect(error).toBeInstanceOf(Poison);
    expect(error?.message).toMatch(/cannot be read as Parquet: .*row group 1/);
    expect(to.rows).toBe(50);
  });

  it("asks for another try, not for quarantine, when the sink fails on a broken object", async () => {
    const to = sink(() => Promise.reject(new Error("disk full")));
    await expect(createIngest(s3, to)(message(halfBroken), lease)).rejects.toThrow("disk full");
  });

  it("ends the run where the indexer cannot be used", async () => {
    const to = sink(() => Promise.reject(new IndexerError("INDEXER_DENIED", "Indexer refuses user or password (401)")));
    await expect(createIngest(s3, to)(message(good), lease)).rejects.toBeInstanceOf(Fatal);
  });

  it("tries what fails again for 12 hours from its first receive, however old it is, and then keeps it", async () => {
    const fresh = {
      ...message(absent("forbidden")),
      sentAt: new Date(Date.now() - 72 * 3_600_000),
      firstReceivedAt: new Date(),
    };
    const error = await createIngest(s3, sink())(fresh, lease).catch((thrown) => thrown);
    expect(error).not.toBeInstanceOf(Poison);
    expect(error.message).toMatch(/s3:\/\/b\/forbidden may not be read/);
    const tried = { ...fresh, firstReceivedAt: new Date(Date.now() - 13 * 3_600_000) };
    await expect(createIngest(s3, sink())(tried, lease)).rejects.toBeInstanceOf(Poison);
  });

  it("reads the neighbours of an object that has to wait", async () => {
    const to = sink();
    const error = await createIngest(s3, to)(message(absent("forbidden"), good, absent("missing")), lease).catch(
      (e) => e,
    );
    expect(error.name).toBe("ObjectDenied");
    expect(to.rows).toBe(100);
  });

  it("lets no write of a message go on behind its end", async () => {
    const open: { resolve(): void; reject(error: Error): void }[] = [];
    const to = sink(
      (rows) => new Promise((resolve, reject) => open.push({ resolve: () => resolve(accepted(rows)), reject })),
    );
    let settled = false;
    const done = createIngest(s3, to, { maxRows: 10 })(message(good), lease).catch((error) => {
      settled = true;
      return error;
    });
    await vi.waitUntil(() => open.length === 2, { timeout: 10_000, interval: 1 });
    open[0].reject(new Error("no room"));
    await new Promise((resolve) => setImmediate(resolve));
    expect(settled).toBe(false);
    open[1].resolve();
    expect((await done).message).toBe("no room");
  });

  it("does not read again what it has accepted of a message that comes again for another object", async () => {
    const events: IngestEvent[] = [];
    const to = sink();
    const ingest = createIngest(s3, to, { on: (event) => events.push(event) });
    const again = { ...message(good, absent("forbidden"), other), firstReceivedAt: new Date() };
    for (let tries = 0; tries < 3; tries++) {
      await expect(ingest(again, lease)).rejects.toThrow("s3://b/forbidden may not be read");
    }
    expect(to.rows).toBe(110);
    expect(events).toHaveLength(2);
    const late = { ...again, firstReceivedAt: new Date(Date.now() - 13 * 3_600_000) };
    const error = await ingest(late, lease).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(PoisonNotification);
    expect(error.faults).toMatchObject([{ object: { bucket: "b", key: "forbidden", etag: "e" } }]);
    expect(to.rows).toBe(110);
  });

  it("downloads nothing of objects that are not wanted, and counts them", async () => {
    const events: IngestEvent[] = [];
    const to = sink();
    const ingest = createIngest(s3, to, { on: (event) => events.push(event), only: { sources: ["route53"] } });
    await ingest(message(good, other, absent("aws/WAF/2.0/region=r/accountId=1/eventDay=20240611/x")), lease);
    expect(to.rows).toBe(10);
    expect(events.filter(({ type }) => type === "nothing-to-do")).toEqual([
      { type: "nothing-to-do", reason: "not wanted: source" },
      { type: "nothing-to-do", reason: "not wanted: source" },
    ]);
  });

  it("gives up when the lease is lost", async () => {
    const lost = new AbortController();
    const to = sink(async (rows) => {
      lost.abort(new Error("lease lost"));
      return accepted(rows);
    });
    await expect(createIngest(s3, to, { maxRows: 10 })(message(good), { signal: lost.signal })).rejects.toThrow(
      "lease lost",
    );
    expect(to.rows).toBeLessThan(100);
  });

  it("resolves for a message that announces no data", async () => {
    const events: IngestEvent[] = [];
    const test = { ...message(), body: '{"Service":"Amazon S3","Event":"s3:TestEvent"}' };
    await createIngest(s3, sink(), { on: (event) => events.push(event) })(test, lease);
    expect(events).toEqual([{ type: "nothing-to-do", reason: "s3:TestEvent" }]);
  });
});
