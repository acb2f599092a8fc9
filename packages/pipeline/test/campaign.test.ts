import { lakeCredentials } from "@threatlockdown/aws-auth";
import { makeObject } from "@threatlockdown/tooling-lake";
import type { Fault } from "@threatlockdown/tooling-local-aws";
import { afterEach, describe, expect, it } from "vitest";
import { acceptingSink, type Lake, readQueue, startLake } from "./lake.ts";

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

/** Each hits one of a hundred calls; with those of `strike`, 7 of a hundred of S3 and 4 to 5 of SQS. */
const faults: readonly Fault[] = [
  { error: "InternalError", status: 500 },
  { error: "ServiceUnavailable", status: 503 },
  { reset: "before" },
  { reset: "after" },
  { service: "s3", truncate: 1000, probability: 0.01 },
];

function strike({ aws }: Lake): void {
  faults.forEach((fault, index) => {
    aws.faults.add({ probability: 0.01, seed: index + 1, ...fault });
  });
  aws.faults.add({ service: "s3", error: "SlowDown", probability: 0.01, seed: 11 });
  aws.faults.add({ service: "s3", corrupt: true, probability: 0.01, seed: 12 });
  aws.faults.add({ service: "sqs", operation: "ReceiveMessage", duplicate: true, probability: 0.01, seed: 13 });
  const failEntries = { code: "InternalError", count: 1 };
  aws.faults.add({ service: "sqs", operation: "DeleteMessageBatch", failEntries, probability: 0.01, seed: 14 });
}

describe("faults at 5 % of all calls", () => {
  it.each([
    { messages: 10_000, consumers: 1 },
    { messages: 500, consumers: 2 },
    { messages: 500, consumers: 5 },
  ])(
    "$messages messages, $consumers consumers: all settled, each event there",
    async ({ messages, consumers }) => {
      let ahead = 0;
      lake = await startLake({ now: () => Date.now() + ahead, clockSkew: 7 * 86_400_000 });
      const objects = put(lake, messages);
      strike(lake);
      const sink = acceptingSink();
      const quarantined: Error[] = [];
      const quarantine = async (_id: string, reason: Error) => void quarantined.push(reason);
      const reading = { sink, quarantine, firstPause: 20 };
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
      expect(again).toBeLessThan(messages * rows * 0.05 * consumers);
    },
    240_000,
  );
});

it("reads for five minutes by sessions of one, on a clock that runs fast, without a failure", async () => {
  const speed = 15;
  const begun = Date.now();
  const now = () => begun + (Date.now() - begun) * speed;
  lake = await startLake(
    { now, sessionSeconds: 60, clockSkew: 3_600_000 },
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
  const sink = acceptingSink();
  const stop = new AbortController();
  const troubles: unknown[] = [];
  const reading = readQueue(lake, {
    sink,
    stop,
    mode: "forever",
    onConsumer: (event) => void (/trouble|returned|lost/.test(event.type) && troubles.push(event)),
  });
  const objects: string[] = [];
  while (now() < begun + 300_000) {
    objects.push(...put(lake, objects.length + 1).slice(-1));
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await expect.poll(() => sink.rows.size, { timeout: 20_000 }).toBe(objects.length * rows);
  stop.abort();
  await reading;
  expect(troubles).toEqual([]);
  expect(lake.aws.requests.count({ operation: "AssumeRole" })).toBeGreaterThanOrEqual(5);
}, 60_000);
