import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { CreateQueueCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { consume, openQueue } from "@threatlockdown/sqs-consumer";
import { makeObject, notification } from "@threatlockdown/tooling-lake";
import { startFauxqs } from "fauxqs";
import { expect, it } from "vitest";
import { createIngest } from "../src/index.ts";
import { acceptingSink } from "./lake.ts";

it("reads queue and objects of a stand-in by others, a missing object included", async () => {
  const server = await startFauxqs({ port: 0, logger: false });
  const settings = {
    region: "us-east-1",
    endpoint: server.address,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  };
  const [sqs, s3] = [new SQSClient(settings), new S3Client({ ...settings, forcePathStyle: true })];
  try {
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "lake" }));
    await s3.send(new CreateBucketCommand({ Bucket: "lake" }));
    const object = makeObject({ source: "vpc_flow_2_0", rows: 50, seed: 1 });
    for (const form of ["security-lake", "s3-records"] as const) {
      const key = `${form}/${object.key}`;
      const { ETag = "" } = await s3.send(new PutObjectCommand({ Bucket: "lake", Key: key, Body: object.bytes }));
      const announced = { bucket: "lake", key, etag: ETag.replaceAll('"', ""), size: object.size };
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: notification(announced, form) }));
    }
    const missing = { bucket: "lake", key: "gone", etag: object.etag, size: 10 };
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: notification(missing, "s3-records") }));

    const sink = acceptingSink();
    const quarantined: string[] = [];
    const summary = await consume(await openQueue(sqs, "lake"), createIngest(s3, sink), {
      mode: "drain",
      stop: new AbortController().signal,
      quarantine: async (_message, reason) => void quarantined.push(reason.message),
    });
    expect(sink.rows.size).toBe(100);
    expect(quarantined).toEqual(["s3://lake/gone does not exist (404)"]);
    expect(summary).toMatchObject({ received: 3, deleted: 3, quarantined: 1, left: 0 });
  } finally {
    sqs.destroy();
    s3.destroy();
    await server.stop();
  }
}, 30_000);
