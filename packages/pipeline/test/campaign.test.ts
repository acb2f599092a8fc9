import { lakeCredentials } from "@threatlockdown/aws-auth";
import { makeObject } from "@threatlockdown/tooling-lake";
import type { Fault } from "@threatlockdown/tooling-local-aws";
import { afterEach, describe, expect, it } from "vitest";
import { acceptingSink, type Lake, openLakeQueue, readQueue, startLake } from "./lake.ts";

const { bytes, rows } = makeObject({ source: "route53_2_0", rows: 3, seed: 1 });
let lake: Lake | undefined;

afterEach(() => lake?.close());

function put({ aws, subscription }: Lake, count: number): string[] {
  return Array.from({ length: count }, (_, number) => {
    const folder = `aws/ROUTE53/2.0/region=us-east-1/accountId=111122223333/eventDay=202406${10 + (number % 20)}`;
    const key = `${folder}/${number}.gz.parquet`;
    const { etag } = aws.putObject({ bucket: subscription.bucket, key, body: bytes });
    return `${key} ${etag}`;
  });
}

const idsOf = (objects: readonly string[]) =>
  objects.flatMap((object) => Array.from({ length: rows }, (_, row) => `${object} ${row}`));

/** Each hits so many of all calls, so that together they hit one of twelve or more. */
const probability = 0.01;
const faults: readonly Fault[] = [
  { error: "InternalError", status: 500 },
  { error: "ServiceUnavailable", status: 503 },
  { reset: "before" },
  { reset: "after" },
  { service: "s3", truncate: 1000 },
];

function strike({ aws }: Lake): void {
  faults.forEach((fault, index) => {
    aws.faults.add({ probability, seed: index + 1, ...fault });
  });
  aws.faults.add({ service: "s3", error: "SlowDown", probability, seed: 11 });
  aws.faults.add({ service: "s3", corrupt: true, probability, seed: 12 });
  aws.faults.add({ service: "sqs", operation: "ReceiveMessage", duplicate: true, probability, seed: 13 });
  const failEntries = { code: "InternalError", count: 1 };
  aws.faults.add({ service: "sqs", operation: "DeleteMessageBatch", failEntries, probability, seed: 14 });
}

describe("faults at a twelfth of all calls", () => {
  it.each([
    { messages: 10_000, consumers: 1 },
    { messages: 400, consumers: 2 },
    { messages: 400, consumers: 5 },
  ])(
    "$messages messages, $consumers consumers: all settled, each event there",
    async ({ messages, consumers }) => {
      let ahead = 0;
      lake = await startLake({ now: () => Date.now() + ahead, clockSkew: 7 * 86_400_000 });
      const objects = put(lake, messages);
      // Opening gives up after three tries, as a start should, and three calls in a row do fail now and then.
      const queue = await openLakeQueue(lake);
      strike(lake);
      const sink = acceptingSink();
      const quarantined: Error[] = [];
      const quarantine = async (_id: string, reason: Error) => void quarantined.push(reason);
      const reading = { sink, quarantine, queue, firstPause: 20 };
      const here = lake;
      await Promise.all(Array.from({ length: consumers }, () => readQueue(here, reading)));
      // A receive whose answer was lost has hidden its messages for the whole timeout, which a drain does not wait for.
      for (let run = 0; run < 5 && lake.aws.messages(lake.subscription.queueUrl).length > 0; run++) {
        ahead += 301_000;
        await readQueue(lake, reading);
      }
      expect(lake.aws.messages(lake.subscription.queueUrl)).toHaveLength(0);
      expect(quarantined).toEqual([]);
      expect([...sink.rows.keys()].sort()).toEqual(idsOf(objects).sort());
      const again = [...sink.rows.values()].filter((times) => times > 1).length;
      expect(again).toBeLessThan(messages * rows * 5 * probability * consumers);
    },
    480_000,
  );
});

it("reads for five minutes by sessions of one without a failure, each call taking a fifth of a second", async () => {
  const begun = Date.now();
  let calls = 0;
  const now = () => begun + calls * 200;
  lake = await startLake(
    { now, sessionSeconds: 60, clockSkew: 3_600_000, onRequest: () => void calls++ },
    (aws, { roleArn, externalId, userCredentials }) =>
      lakeCredentials({
        roleArn,
        externalId,
        region: aws.region,
        stsEndpoint: aws.endpoints.sts,
        base: async () => userCredentials,
        now,
      }),
  );
  const objects = put(lake, 1_100);
  const sink = acceptingSink();
  const troubles: unknown[] = [];
  await readQueue(lake, {
    sink,
    // What is in flight while the clock goes on must be less than the last twentieth of a session.
    concurrency: 4,
    onConsumer: (event) => void (/trouble|returned|lost/.test(event.type) && troubles.push(event)),
  });
  expect(now() - begun).toBeGreaterThan(300_000);
  expect(troubles).toEqual([]);
  expect(lake.aws.requests.list().filter(({ status }) => status >= 400)).toEqual([]);
  expect([...sink.rows.keys()].sort()).toEqual(idsOf(objects).sort());
  expect(lake.aws.requests.count({ operation: "AssumeRole" })).toBeGreaterThanOrEqual(5);
}, 180_000);
