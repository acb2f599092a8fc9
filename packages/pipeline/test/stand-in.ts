import {
  CreateBucketCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from "@aws-sdk/client-s3";
import { CreateQueueCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { consume, openQueue } from "@threatlockdown/sqs-consumer";
import { makeObject, notification } from "@threatlockdown/tooling-lake";
import { expect } from "vitest";
import { createIngest, openObject } from "../src/index.ts";
import { acceptingSink } from "./lake.ts";

interface Settings {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: NonNullable<S3ClientConfig["credentials"]>;
}

/** Reads queue and objects of a stand-in of AWS by others: two forms of notifications, a version, ranges, a missing object. */
export async function readStandIn(settings: Settings): Promise<void> {
  const [sqs, s3] = [new SQSClient(settings), new S3Client({ ...settings, forcePathStyle: true })];
  try {
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "lake" }));
    await s3.send(new CreateBucketCommand({ Bucket: "lake" }));
    const versioning = { Bucket: "lake", VersioningConfiguration: { Status: "Enabled" } } as const;
    await s3.send(new PutBucketVersioningCommand(versioning));
    const object = makeObject({ source: "vpc_flow_2_0", rows: 50, seed: 1 });
    const put = async (key: string, body: Uint8Array) => {
      const input = { Bucket: "lake", Key: key, Body: body, ChecksumAlgorithm: "CRC64NVME" } as const;
      const { ETag = "", VersionId } = await s3.send(new PutObjectCommand(input));
      const announced = { bucket: "lake", key, etag: ETag.replaceAll('"', ""), size: body.length };
      return VersionId === undefined ? announced : { ...announced, versionId: VersionId };
    };
    for (const form of ["security-lake", "s3-records"] as const) {
      const announced = await put(`${form}/${object.key}`, object.bytes);
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

    const old = await put("twice", Buffer.alloc(400_000, "old "));
    await put("twice", Buffer.alloc(400_000, "new "));
    if ("versionId" in old) {
      const { source } = await openObject(s3, old, { wholeUpTo: 100_000 });
      expect(Buffer.from(await source.slice(4, 12)).toString()).toBe("old old ");
      expect(Buffer.from(await source.slice(399_992, 400_000)).toString()).toBe("old old ");
    }
  } finally {
    sqs.destroy();
    s3.destroy();
  }
}
