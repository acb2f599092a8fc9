import { readFileSync } from "node:fs";
import {
  DeleteObjectCommand,
  GetBucketNotificationConfigurationCommand,
  type NotificationConfiguration,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type EventPattern, matchesPattern } from "../src/event-rule.ts";
import type { LocalAws } from "../src/index.ts";
import { type Clients, clientsOf, failure, startLocalAws } from "./clients.ts";

const key = "aws/VPC_FLOW/2.0/region=us-east-1/accountId=1/eventDay=20260924/a b.gz.parquet";
let aws: LocalAws;
let clients: Clients;
let bucket: { name: string; arn: string };
let queue: { name: string; arn: string };
let count = 0;

beforeAll(async () => {
  aws = await startLocalAws();
  clients = clientsOf(aws);
});
afterAll(() => aws.close());

function policyFor(service: string, sourceArn: string): string {
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: {
      Effect: "Allow",
      Principal: { Service: service },
      Action: "sqs:SendMessage",
      Resource: "*",
      Condition: { ArnLike: { "aws:SourceArn": sourceArn } },
    },
  });
}

beforeEach(() => {
  count++;
  bucket = aws.createBucket({ name: `notifying-${count}` });
  queue = aws.createQueue({
    name: `notified-${count}`,
    attributes: { Policy: policyFor("s3.amazonaws.com", bucket.arn) },
  });
});

const configure = (NotificationConfiguration: NotificationConfiguration, Bucket = bucket.name) =>
  clients.s3.send(new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration }));
const put = (Key: string, Body: string | Uint8Array = "v") =>
  clients.s3.send(new PutObjectCommand({ Bucket: bucket.name, Key, Body }));
const bodies = (name = queue.name) => aws.messages(name).map(({ body }) => JSON.parse(body));

/** The members that an object has, down to its leaves. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shape);
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shape(member)]));
}

function example(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`fixtures/messages/${name}.json`, import.meta.url), "utf8"));
}

describe("native notifications", () => {
  const everything = (): NotificationConfiguration => ({
    QueueConfigurations: [{ QueueArn: queue.arn, Events: ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"] }],
  });

  it("begin with a test event", async () => {
    await configure(everything());
    expect(bodies()).toMatchObject([{ Service: "Amazon S3", Event: "s3:TestEvent", Bucket: bucket.name }]);
    await configure(everything());
    expect(bodies()).toHaveLength(1);
  });

  it("tell of what was written, with the key encoded", async () => {
    await configure(everything());
    await put(key, "hello");
    const [, message] = bodies();
    expect(shape(message)).toEqual(shape(example("s3-records")));
    expect(message.Records[0]).toMatchObject({
      eventSource: "aws:s3",
      eventName: "ObjectCreated:Put",
      awsRegion: "us-east-1",
      s3: {
        bucket: { name: bucket.name, arn: bucket.arn },
        object: {
          key: "aws/VPC_FLOW/2.0/region%3Dus-east-1/accountId%3D1/eventDay%3D20260924/a+b.gz.parquet",
          size: 5,
          eTag: "5d41402abc4b2a76b9719d911017c592",
        },
      },
    });
  });

  it("tell of uploads in parts and of deletions", async () => {
    await configure(everything());
    const Body = Buffer.alloc(6 * 1024 * 1024);
    await new Upload({ client: clients.s3, params: { Bucket: bucket.name, Key: "k", Body } }).done();
    await clients.s3.send(new DeleteObjectCommand({ Bucket: bucket.name, Key: "k" }));
    expect(bodies().map((body) => body.Records?.[0].eventName)).toEqual([
      undefined,
      "ObjectCreated:CompleteMultipartUpload",
      "ObjectRemoved:Delete",
    ]);
  });

  it("are filtered by event, prefix and suffix, and read back as they were put", async () => {
    const wanted: NotificationConfiguration = {
      QueueConfigurations: [
        {
          Id: "parquet",
          QueueArn: queue.arn,
          Events: ["s3:ObjectCreated:*"],
          Filter: {
            Key: {
              FilterRules: [
                { Name: "prefix", Value: "aws/" },
                { Name: "suffix", Value: ".parquet" },
              ],
            },
          },
        },
      ],
    };
    await configure(wanted);
    for (const name of ["aws/a.parquet", "ext/a.parquet", "aws/a.json"]) await put(name);
    await clients.s3.send(new DeleteObjectCommand({ Bucket: bucket.name, Key: "aws/a.parquet" }));
    expect(bodies().map((body) => body.Records?.[0].s3.object.key)).toEqual([undefined, "aws/a.parquet"]);
    const read = await clients.s3.send(new GetBucketNotificationConfigurationCommand({ Bucket: bucket.name }));
    expect(read.QueueConfigurations).toMatchObject([
      { Id: "parquet", QueueArn: queue.arn, Events: ["s3:ObjectCreated:*"] },
    ]);
    expect(read.QueueConfigurations?.[0]?.Filter?.Key?.FilterRules).toHaveLength(2);
  });

  it("need a queue whose policy lets this bucket in", async () => {
    const closed = aws.createQueue({ name: `closed-${count}` });
    const others = aws.createQueue({
      name: `others-${count}`,
      attributes: { Policy: policyFor("s3.amazonaws.com", "arn:aws:s3:::another") },
    });
    for (const QueueArn of [closed.arn, others.arn, `${queue.arn}-missing`]) {
      const error = await failure(configure({ QueueConfigurations: [{ QueueArn, Events: ["s3:ObjectCreated:*"] }] }));
      expect([error.name, error.message]).toEqual([
        "InvalidArgument",
        "Unable to validate the following destination configurations",
      ]);
    }
  });

  it("may go to a queue without a policy where a user asked for it", async () => {
    await using lenient = await startLocalAws({ lenientDelivery: true });
    lenient.createBucket({ name: "lenient-bucket" });
    const { arn } = lenient.createQueue({ name: "lenient-queue" });
    await clientsOf(lenient).s3.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket: "lenient-bucket",
        NotificationConfiguration: { QueueConfigurations: [{ QueueArn: arn, Events: ["s3:ObjectCreated:*"] }] },
      }),
    );
    lenient.putObject({ bucket: "lenient-bucket", key: "k", body: "v" });
    expect(lenient.messages("lenient-queue")).toHaveLength(2);
  });
});

describe("rules of EventBridge", () => {
  function route(form: "eventbridge" | "security-lake", pattern: EventPattern = { source: ["aws.s3"] }) {
    const name = `rule-${count}`;
    const ruleArn = `arn:aws:events:us-east-1:123456789012:rule/${name}`;
    const target = aws.createQueue({
      name: `ruled-${count}`,
      attributes: { Policy: policyFor("events.amazonaws.com", ruleArn) },
    });
    aws.createRule({
      name,
      pattern: { ...pattern, detail: { bucket: { name: [bucket.name] } } },
      targets: [{ queueArn: target.arn, form }],
    });
    return { ...target, ruleArn };
  }

  it("send the whole event", async () => {
    const target = route("eventbridge");
    await configure({ EventBridgeConfiguration: {} });
    await put(key);
    const [message] = bodies(target.name);
    // The example is of a bucket with versions.
    const { detail, ...envelope } = shape(example("eventbridge-object-created")) as Record<string, object>;
    const { "version-id": _, ...object } = (detail as { object: Record<string, string> }).object;
    expect(shape(message)).toEqual({ ...envelope, detail: { ...detail, object } });
    expect(message).toMatchObject({
      version: "0",
      "detail-type": "Object Created",
      source: "aws.s3",
      account: "123456789012",
      resources: [bucket.arn],
      detail: { bucket: { name: bucket.name }, object: { key, size: 1 }, reason: "PutObject" },
    });
  });

  it("send Security Lake's own form, with the key as it is", async () => {
    const target = route("security-lake");
    await configure({ EventBridgeConfiguration: {} });
    await put(key);
    const [message] = bodies(target.name);
    expect(shape(message)).toEqual(shape(example("securitylake-object")));
    expect(message.detail).toMatchObject({ object: { key }, requester: "securitylake.amazonaws.com" });
  });

  it("send nothing while switched off, without the bucket's consent or the queue's", async () => {
    const target = route("eventbridge");
    await put("before");
    await configure({ EventBridgeConfiguration: {} });
    aws.setRuleEnabled(target.ruleArn, false);
    await put("off");
    aws.setRuleEnabled(target.ruleArn, true);
    await put("on");
    expect(bodies(target.name).map((body) => body.detail.object.key)).toEqual(["on"]);
  });

  it("tell deletions apart", async () => {
    const target = route("eventbridge", { source: ["aws.s3"], "detail-type": ["Object Deleted"] });
    await configure({ EventBridgeConfiguration: {} });
    await put("k");
    await clients.s3.send(new DeleteObjectCommand({ Bucket: bucket.name, Key: "k" }));
    expect(bodies(target.name)).toMatchObject([
      { "detail-type": "Object Deleted", detail: { "deletion-type": "Permanently Deleted" } },
    ]);
  });
});

describe("event patterns", () => {
  const event = { source: "aws.s3", detail: { object: { key: "aws/x.parquet", size: 3 } } };
  it.each([
    [{ source: ["aws.ec2", "aws.s3"] }, true],
    [{ source: ["aws.ec2"] }, false],
    [{ detail: { object: { key: [{ prefix: "aws/" }] } } }, true],
    [{ detail: { object: { key: [{ suffix: ".json" }, { suffix: ".parquet" }] } } }, true],
    [{ detail: { object: { key: [{ wildcard: "aws/*.parquet" }] } } }, true],
    [{ detail: { object: { key: [{ "anything-but": { prefix: "aws/" } }] } } }, false],
    [{ detail: { object: { key: [{ "anything-but": { prefix: ["ext/", "aws/"] } }] } } }, false],
    [{ detail: { object: { key: [{ "anything-but": { wildcard: "ext/*" } }] } } }, true],
    [{ detail: { object: { key: [{ prefix: { "equals-ignore-case": "AWS/" } }] } } }, true],
    [{ detail: { object: { key: [{ suffix: { "equals-ignore-case": ".JSON" } }] } } }, false],
    [{ detail: { object: { size: [{ numeric: [">", 0, "<=", 3] }] } } }, true],
    [{ detail: { object: { size: [{ numeric: ["<", 3] }] } } }, false],
    [{ $or: [{ source: ["aws.ec2"] }, { detail: { object: { size: [3] } } }] }, true],
    [{ source: ["aws.s3"], $or: [{ source: ["aws.ec2"] }, { detail: { object: { size: [4] } } }] }, false],
    [{ detail: { object: { size: [3] } } }, true],
    [{ detail: { object: { "version-id": [{ exists: false }] } } }, true],
    [{ detail: { missing: { key: [{ prefix: "" }] } } }, false],
  ])("%j: %s", (pattern, fits) => {
    expect(matchesPattern(pattern as unknown as EventPattern, event)).toBe(fits);
  });
});
