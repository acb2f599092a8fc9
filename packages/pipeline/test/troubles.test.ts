import { SetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { IndexerError } from "@threatlockdown/indexer-client";
import { Fatal } from "@threatlockdown/sqs-consumer";
import { type Annotation, type Group, makeLargeObject, makeObject, parquetFile } from "@threatlockdown/tooling-lake";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { IngestEvent, Sink } from "../src/index.ts";
import { acceptingSink, type Lake, readQueue, startLake } from "./lake.ts";

const good = makeObject({ source: "waf_2_0", rows: 5, seed: 1 });
let lake: Lake;
/** Milliseconds by which the clock of AWS is ahead. */
let ahead = 0;

beforeEach(async () => {
  ahead = 0;
  lake = await startLake({ now: () => Date.now() + ahead, clockSkew: 3_600_000 });
});
afterEach(() => lake.close());

const put = (key: string, body: Uint8Array = good.bytes, kmsKey?: string) =>
  lake.aws.putObject({ bucket: lake.subscription.bucket, key, body, ...(kmsKey !== undefined && { kmsKey }) });
const keyOf = (name: string) => `aws/WAF/2.0/region=us-east-1/accountId=111122223333/eventDay=20240611/${name}`;
const left = () => lake.aws.messages(lake.subscription.queueUrl).length;

/** Reads until the queue is empty; what was quarantined by its reasons. */
async function drain(sink = acceptingSink()) {
  const quarantined: string[] = [];
  const nothing: string[] = [];
  const summary = await readQueue(lake, {
    sink,
    quarantine: async (_id, reason) => void quarantined.push(reason.message),
    onIngest: (event) => void (event.type === "nothing-to-do" && nothing.push(event.reason)),
  });
  return { summary, quarantined, nothing, rows: sink.rows };
}

/** Reads until a message was given back; why. */
async function untilReturned(options: { quarantine?: () => Promise<void> } = {}): Promise<Error> {
  const stop = new AbortController();
  let reason: unknown;
  await readQueue(lake, {
    sink: acceptingSink(),
    mode: "forever",
    stop,
    ...options,
    onConsumer(event) {
      if (event.type !== "returned") return;
      reason = event.reason;
      stop.abort();
    },
  });
  return reason as Error;
}

describe("what becomes of a message", () => {
  it("without a data object: counted, deleted", async () => {
    lake.aws.sendMessage(lake.subscription.queueUrl, '{"Service":"Amazon S3","Event":"s3:TestEvent"}');
    put(keyOf("metadata/v1.metadata.json"));
    const { nothing, quarantined } = await drain();
    expect(nothing.sort()).toEqual(["Iceberg metadata", "s3:TestEvent"]);
    expect(quarantined).toEqual([]);
    expect(left()).toBe(0);
  });

  it("in no known form: quarantined with the reason, deleted", async () => {
    lake.aws.sendMessage(lake.subscription.queueUrl, "hello");
    expect((await drain()).quarantined).toEqual(["the body is not JSON (5 characters)"]);
    expect(left()).toBe(0);
  });

  it("of an object that is gone: quarantined, deleted, and its neighbours are read", async () => {
    put(keyOf("gone"));
    put(keyOf("there"));
    lake.aws.deleteObject(lake.subscription.bucket, keyOf("gone"));
    const { quarantined, rows } = await drain();
    expect(quarantined).toEqual([
      `s3://${lake.subscription.bucket}/${keyOf("gone")} does not exist, as far as a role without s3:ListBucket can see (403)`,
    ]);
    expect(rows.size).toBe(5);
    expect(left()).toBe(0);
  });

  it("of an object that is no Parquet: quarantined with the reason, deleted", async () => {
    put(keyOf("text"), Buffer.from("this is no Parquet file, it is only a text of some length"));
    put(keyOf("cut"), good.bytes.subarray(0, good.bytes.length - 100));
    const { quarantined } = await drain();
    expect(quarantined).toHaveLength(2);
    for (const reason of quarantined) expect(reason).toMatch(/^s3:\/\/.*\/(text|cut) cannot be read as Parquet: /);
    expect(left()).toBe(0);
  });

  it("with values that have no JSON form: null in their events, counted by column, and the message deleted", async () => {
    const column = (name: string, annotation?: Annotation) =>
      ({ name, repetition: "optional", type: "INT64", ...(annotation && { annotation }) }) as const;
    const schema: Group = {
      name: "schema",
      repetition: "required",
      fields: [column("time"), column("time_dt", { is: "TIMESTAMP", unit: "MILLIS", utc: true })],
    };
    const time = Date.UTC(2024, 5, 11);
    const farAway = 300_000_000_000_000;
    const table = Array.from({ length: 2_000 }, (_, row) => ({ time, time_dt: row % 500 === 7 ? farAway : time }));
    put(keyOf("odd"), parquetFile(schema, table));
    put(keyOf("even"));
    const events: IngestEvent[] = [];
    const rows: string[] = [];
    const sink: Sink = {
      async write({ bytes, rowCount }) {
        rows.push(...Buffer.from(bytes).toString().trimEnd().split("\n"));
        return { stored: rowCount, alreadyStored: 0, deadLettered: 0 };
      },
    };
    await readQueue(lake, { sink, maxRows: 300, onIngest: (event) => void events.push(event) });
    expect(events).toContainEqual(
      expect.objectContaining({ rows: 2_000, lost: [{ column: "time_dt", count: 4, firstRow: 7 }], duplicateKeys: 0 }),
    );
    expect(events).toContainEqual(expect.objectContaining({ rows: 5, lost: [], duplicateKeys: 0 }));
    expect(rows.filter((row) => row === `{"time":${time}}`)).toHaveLength(4);
    expect(left()).toBe(0);
  });

  it("of an object that may not be read: given back with the reason, never quarantined", async () => {
    put(keyOf("a"));
    lake.aws.putRolePolicy(lake.subscription.roleArn, "SubscriberSources", {
      Version: "2012-10-17",
      Statement: [{ Effect: "Deny", Action: "s3:GetObject", Resource: "*" }],
    });
    const reason = await untilReturned();
    expect(reason.message).toMatch(
      /^s3:\/\/.*\/a may not be read: User: arn:.*:assumed-role\/.* is not authorized to perform: s3:GetObject .* with an explicit deny in an identity-based policy; allow it/,
    );
    expect(left()).toBe(1);
  });

  it("of an object whose key may not be used: given back with that reason", async () => {
    put(keyOf("a"), good.bytes, lake.aws.createKey());
    const reason = await untilReturned();
    expect(reason.message).toMatch(/ cannot be decrypted: .* kms:Decrypt .*; allow kms:Decrypt for the role/);
    expect(left()).toBe(1);
  });

  it.each([
    ["throttling", { error: "SlowDown" }],
    ["server errors", { error: "InternalError", status: 500 }],
    ["resets", { reset: "before" as const }],
    ["bodies that end early at once", { truncate: 0 }],
  ])("under %s that last: given back; read once they are over", async (_name, fault) => {
    put(keyOf("a"));
    const over = lake.aws.faults.add({ operation: "GetObject", ...fault });
    await untilReturned();
    expect(left()).toBe(1);
    over();
    expect((await drain()).rows.size).toBe(5);
    expect(left()).toBe(0);
  });

  it("when the indexer does not know its user: the run ends, nothing is deleted", async () => {
    put(keyOf("a"));
    put(keyOf("b"));
    const refusing = {
      rows: new Map<string, number>(),
      write: () => Promise.reject(new IndexerError("INDEXER_DENIED", "Indexer refuses user or password (401)")),
    };
    const error = await drain(refusing).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(Fatal);
    expect(error.message).toBe("Indexer refuses user or password (401)");
    expect(left()).toBe(2);
  });

  it("when the quarantine is full: given back, nothing is deleted", async () => {
    lake.aws.sendMessage(lake.subscription.queueUrl, "hello");
    const full = { quarantine: () => Promise.reject(new Error("ENOSPC: no space left on device")) };
    expect((await untilReturned(full)).message).toBe("ENOSPC: no space left on device");
    expect(left()).toBe(1);
  });

  it("when the clock of this machine is hours off: it is read all the same", async () => {
    await lake.close();
    lake = await startLake({ now: () => Date.now() + 5 * 3_600_000 });
    for (const name of ["a", "b", "c"]) put(keyOf(name));
    const events: string[] = [];
    const sink = acceptingSink();
    await readQueue(lake, { sink, onConsumer: ({ type }) => void events.push(type) });
    expect(sink.rows.size).toBe(15);
    expect(left()).toBe(0);
    expect(events).not.toContain("returned");
  });

  it("of a large object whose ranges are cut short, reset and throttled: each row once, in its order", async () => {
    const rowGroupBytes = [3, 3, 6].map((mebibytes) => mebibytes << 20);
    const large = makeLargeObject({ source: "cloud_trail_mgmt_2_0", codec: "none", rows: 500, seed: 1, rowGroupBytes });
    put(keyOf("a"), Buffer.concat([...large.pieces()]));
    // Once each of those that bring nothing: a request that fails three times in a row is given up.
    lake.aws.faults.add({ operation: "GetObject", truncate: 1_000_000, after: 1, times: 3 });
    lake.aws.faults.add({ operation: "GetObject", error: "SlowDown", after: 3, times: 1 });
    lake.aws.faults.add({ operation: "GetObject", reset: "before", after: 6, times: 1 });
    const sink = acceptingSink();
    let next = 0;
    const { quarantined, summary } = await drain({
      rows: sink.rows,
      write(batch, object, signal) {
        expect(batch.firstRow).toBe(next);
        next += batch.rowCount;
        return sink.write(batch, object, signal);
      },
    });
    expect(lake.aws.requests.count({ status: 503 })).toBe(1);
    expect(lake.aws.requests.count({ status: 0 })).toBe(1);
    expect(quarantined).toEqual([]);
    expect(summary).toMatchObject({ deleted: 1, returned: 0 });
    expect(sink.rows.size).toBe(large.rows);
    expect(new Set(sink.rows.values())).toEqual(new Set([1]));
    expect(left()).toBe(0);
  });

  it("that comes twice: each event has the same id both times", async () => {
    put(keyOf("a"));
    lake.aws.faults.add({ operation: "ReceiveMessage", duplicate: true, times: 1 });
    const { rows } = await drain();
    expect([...rows.keys()]).toHaveLength(5);
    expect(left()).toBe(0);
  });

  it("whose object is replaced before it is read: the old one is gone, the new one is read", async () => {
    put(keyOf("a"));
    put(keyOf("a"), makeObject({ source: "waf_2_0", rows: 7, seed: 2 }).bytes);
    const { rows, quarantined } = await drain();
    expect(quarantined).toEqual([
      expect.stringMatching(/\/a was replaced: its ETag is no longer [0-9a-f]{32} \(412\)$/),
    ]);
    expect(rows.size).toBe(7);
  });

  it("whose lease is lost to another consumer: given up by the first, settled by the second, each event there once", async () => {
    put(keyOf("a"));
    const begun = Promise.withResolvers<void>();
    let reason: unknown;
    const slow = acceptingSink();
    const events: string[] = [];
    const stop = new AbortController();
    const first = readQueue(lake, {
      sink: {
        write: (_batch, _object, signal) =>
          new Promise((_, reject) => {
            begun.resolve();
            signal.addEventListener("abort", () => {
              reason = signal.reason;
              reject(signal.reason);
            });
          }),
      },
      mode: "forever",
      stop,
      // Without room for a second message it does not get this one again itself.
      concurrency: 1,
      visibilityTimeout: 6,
      onConsumer(event) {
        events.push(event.type);
        if (event.type === "lost") stop.abort();
      },
    });
    await begun.promise;
    ahead = 10_000;
    const second = await drain(slow);
    expect(second.summary).toMatchObject({ received: 1, deleted: 1 });
    expect(await first).toMatchObject({ received: 1, deleted: 0, returned: 0, lost: 1 });
    expect(events).toEqual(["received", "lost"]);
    expect((reason as Error).message).toMatch(/^lease of message .* lost: /);
    expect([...slow.rows.values()]).toEqual([1, 1, 1, 1, 1]);
    expect(left()).toBe(0);
  });

  it("that is poison, where the redrive policy has to take it: given back until SQS moves it, with its body", async () => {
    const dead = lake.aws.createQueue({ name: "dead-letters" });
    const { region, url: endpoint, credentials } = lake.aws;
    const administrator = new SQSClient({ region, endpoint, credentials });
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: dead.arn, maxReceiveCount: 2 });
    const { queueUrl: QueueUrl } = lake.subscription;
    await administrator.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { RedrivePolicy } }));
    administrator.destroy();
    lake.aws.sendMessage(lake.subscription.queueUrl, "hello");
    const quarantined: string[] = [];
    for (let round = 0; left() > 0 && round < 5; round++) {
      const stop = new AbortController();
      await readQueue(lake, {
        sink: acceptingSink(),
        poison: "redrive",
        stop,
        quarantine: async (id) => void quarantined.push(id),
        onConsumer: ({ type }) => void (type === "returned" && stop.abort()),
      });
      ahead += 1_000_000;
    }
    expect(quarantined).toEqual([]);
    expect(left()).toBe(0);
    expect(lake.aws.messages("dead-letters").map(({ body }) => body)).toEqual(["hello"]);
  });
});
