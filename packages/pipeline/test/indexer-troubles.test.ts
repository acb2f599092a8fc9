import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type BulkWriter,
  type Client,
  connect,
  createBulkWriter,
  type DeadLetter,
  openDeadLetter,
} from "@threatlockdown/indexer-client";
import { createRuleset } from "@threatlockdown/ruleset";
import { Fatal } from "@threatlockdown/sqs-consumer";
import { makeObject } from "@threatlockdown/tooling-lake";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createDocuments, createIndexerSink, type Sink } from "../src/index.ts";
import { type Lake, readQueue, startLake } from "./lake.ts";
import { type SmallIndexer, startSmallIndexer } from "./small-indexer.ts";

const rows = 20;
const { bytes } = makeObject({ source: "waf_2_0", rows, seed: 1 });
let lake: Lake;
let indexer: SmallIndexer;
let folder: string;
let client: Client;
let deadLetter: DeadLetter;
let writer: BulkWriter;
let sink: Sink;

beforeEach(async () => {
  [lake, indexer, folder] = await Promise.all([startLake(), startSmallIndexer(), mkdtemp(join(tmpdir(), "pipeline-"))]);
  client = await connect({ nodes: [indexer.url] });
  deadLetter = openDeadLetter(join(folder, "dead-letter.ndjson"));
  writer = createBulkWriter(client, deadLetter);
  sink = createIndexerSink(createDocuments({ name: "manager-1" }, createRuleset()), writer);
});

afterEach(async () => {
  await writer.close().catch(() => undefined);
  await client.close();
  await deadLetter.close();
  await Promise.all([lake.close(), indexer.close(), rm(folder, { recursive: true })]);
});

function put(count: number): void {
  for (let number = 0; number < count; number++) {
    const key = `aws/WAF/2.0/region=us-east-1/accountId=111122223333/eventDay=20240611/${number}.gz.parquet`;
    lake.aws.putObject({ bucket: lake.subscription.bucket, key, body: bytes });
  }
}
const left = () => lake.aws.messages(lake.subscription.queueUrl).length;
const deadLetters = async () =>
  (await readFile(join(folder, "dead-letter.ndjson"), "utf8").catch(() => ""))
    .split("\n")
    .filter((line) => line !== "");
const rowOf = (source: string) => Number(/"row":(\d+)/.exec(source)?.[1]);
const isFirst = (source: string) => source.includes("/0.gz.parquet");

describe("what becomes of a message when the indexer", () => {
  it("is busy, as a whole and for single documents: all is sent again, stored once, and the message deleted", async () => {
    put(3);
    indexer.refuse = (request) => [429, 503][request];
    indexer.judge = ({ source, before }) =>
      rowOf(source) % 7 === 0 && before === 0
        ? { status: 429, type: "rejected_execution_exception", reason: "queue is full" }
        : undefined;
    const summary = await readQueue(lake, { sink });
    expect(summary).toMatchObject({ deleted: 3, returned: 0, quarantined: 0 });
    expect(indexer.stored.size).toBe(3 * rows);
    expect(await deadLetters()).toEqual([]);
    expect(left()).toBe(0);
  });

  it("cannot map an event: it is written again with its data unindexed and the reason, and the message deleted", async () => {
    put(2);
    indexer.judge = ({ source }) =>
      isFirst(source) && rowOf(source) === 5 && !source.includes('"data_unindexed"')
        ? { status: 400, type: "mapper_parsing_exception", reason: "failed to parse field [data.src_endpoint.ip]" }
        : undefined;
    expect(await readQueue(lake, { sink })).toMatchObject({ deleted: 2, returned: 0 });
    expect(indexer.stored.size).toBe(2 * rows);
    const odd = [...indexer.stored.values()].filter((source) => source.includes('"data_unindexed"'));
    expect(odd).toHaveLength(1);
    expect(JSON.parse(odd[0] as string).security_lake).toMatchObject({
      row: 5,
      rejected: expect.stringContaining("data.src_endpoint.ip"),
    });
    expect(await deadLetters()).toEqual([]);
  });

  it("refuses an event for good: it is a dead letter with the reason before the message is deleted", async () => {
    put(2);
    indexer.judge = ({ source }) =>
      isFirst(source) && rowOf(source) === 5
        ? { status: 400, type: "mapper_parsing_exception", reason: "object mapping tried to parse as object" }
        : undefined;
    const events: object[] = [];
    expect(
      await readQueue(lake, {
        sink,
        onIngest: (event) => void (event.type === "object" && events.push(event.accepted)),
      }),
    ).toMatchObject({ deleted: 2, quarantined: 0 });
    expect(indexer.stored.size).toBe(2 * rows - 1);
    const letters = (await deadLetters()).map((line) => JSON.parse(line));
    expect(letters).toHaveLength(1);
    expect(letters[0].reason).toContain("object mapping tried to parse as object");
    expect(events).toContainEqual({ stored: rows - 1, alreadyStored: 0, deadLettered: 1 });
    expect(left()).toBe(0);
  });

  it("does not let the user write: the run ends with one line, and no message is deleted", async () => {
    put(3);
    indexer.refuse = () => 403;
    const error = await readQueue(lake, { sink }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Fatal);
    expect((error as Error).message).toMatch(/403/);
    expect((error as Error).message).not.toContain("\n");
    expect(indexer.stored.size).toBe(0);
    expect(left()).toBe(3);
  });
});
