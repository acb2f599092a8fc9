import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  type GetObjectCommandInput,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  ListPartsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  RestoreObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LocalAws } from "../src/index.ts";
import { type ChecksumAlgorithm, checksum } from "../src/s3/checksum.ts";
import { type Clients, clientsOf, createClock, failure, refusal, startLocalAws } from "./clients.ts";

const clock = createClock();
const Bucket = "aws-security-data-lake-us-east-1-test";
let aws: LocalAws;
let clients: Clients;

beforeAll(async () => {
  aws = await startLocalAws({ now: clock.now, clockSkew: Number.POSITIVE_INFINITY });
  clients = clientsOf(aws);
  aws.createBucket({ name: Bucket });
});
afterAll(() => aws.close());

const put = (Key: string, Body: string | Uint8Array, more: object = {}) =>
  clients.s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const get = async (Key: string, more: Partial<GetObjectCommandInput> = {}) => {
  const output = await clients.s3.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return { ...output, text: await output.Body?.transformToString() };
};

describe("objects", () => {
  it("are given back with size, MD5, type and metadata", async () => {
    await put("k", "hello", { ContentType: "text/plain", Metadata: { origin: "lake" } });
    const { text, ETag, ContentLength, ContentType, Metadata, LastModified } = await get("k");
    const md5 = createHash("md5").update("hello").digest("hex");
    expect({ text, ETag, ContentLength, ContentType, Metadata }).toEqual({
      text: "hello",
      ETag: `"${md5}"`,
      ContentLength: 5,
      ContentType: "text/plain",
      Metadata: { origin: "lake" },
    });
    expect(LastModified?.getTime()).toBe(Math.floor(clock.now() / 1000) * 1000);
  });

  it.each([
    "aws/VPC_FLOW/2.0/region=us-east-1/accountId=1/eventDay=20260924/0f.gz.parquet",
    "a b+c/é%20d.parquet",
    "x/(1)'*!~@$&,;:?#[]|.parquet",
    "a//b/../c.parquet",
    "ends-with/",
    "𝄞/\u007f",
  ])("have keys of any kind: %j", async (key) => {
    await put(key, key);
    expect((await get(key)).text).toBe(key);
    expect(aws.listKeys(Bucket)).toContain(key);
  });

  it("that are missing are told by name, and by status to HEAD", async () => {
    expect(await refusal(get("missing"))).toBe("NoSuchKey");
    expect(await refusal(clients.s3.send(new HeadObjectCommand({ Bucket, Key: "missing" })))).toBe("NotFound");
    expect(await refusal(get("k", { Bucket: "missing-bucket" }))).toBe("NoSuchBucket");
  });

  it("may be empty", async () => {
    await put("empty", "");
    expect((await get("empty")).text).toBe("");
    expect(await refusal(get("empty", { Range: "bytes=0-3" }))).toBe("InvalidRange");
  });

  it("may come as a stream with its checksum behind it", async () => {
    const body = Readable.from([Buffer.alloc(70_000, 1), Buffer.from("end")]);
    await clients.s3.send(
      new PutObjectCommand({ Bucket, Key: "stream", Body: body, ContentLength: 70_003, ChecksumAlgorithm: "CRC32" }),
    );
    const stored = aws.readObject(Bucket, "stream");
    expect(stored?.length).toBe(70_003);
    expect((await get("stream", { ChecksumMode: "ENABLED" })).ChecksumCRC32).toBe(checksum("CRC32", stored!));
  });

  it("are deleted one by one and together", async () => {
    for (const key of ["d1", "d2", "d3"]) await put(key, "x");
    await clients.s3.send(new DeleteObjectCommand({ Bucket, Key: "d1" }));
    const { Deleted } = await clients.s3.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "d2" }, { Key: "d3" }, { Key: "never" }] } }),
    );
    expect(Deleted?.map(({ Key }) => Key)).toEqual(["d2", "d3", "never"]);
    expect(aws.listKeys(Bucket, "d")).toEqual([]);
  });

  it("are written on condition", async () => {
    const { ETag } = await put("conditional", "1");
    expect(await refusal(put("conditional", "2", { IfNoneMatch: "*" }))).toBe("PreconditionFailed");
    expect(await refusal(put("conditional", "2", { IfMatch: '"other"' }))).toBe("PreconditionFailed");
    await put("conditional", "2", { IfMatch: ETag });
  });
});

describe("ranges", () => {
  const body = "PAR1-the-rows-PAR1";
  beforeAll(() => put("ranged", body));

  it.each([
    ["bytes=0-3", "PAR1", "bytes 0-3/18"],
    ["bytes=-4", "PAR1", "bytes 14-17/18"],
    ["bytes=5-", "the-rows-PAR1", "bytes 5-17/18"],
    ["bytes=5-999", "the-rows-PAR1", "bytes 5-17/18"],
    ["bytes=-999", body, "bytes 0-17/18"],
  ])("%s", async (Range, text, ContentRange) => {
    expect(await get("ranged", { Range })).toMatchObject({
      text,
      ContentRange,
      ContentLength: text.length,
      $metadata: { httpStatusCode: 206 },
    });
  });

  it("outside are refused with the size", async () => {
    const error = await failure(get("ranged", { Range: "bytes=18-" }));
    expect(error).toMatchObject({ name: "InvalidRange", $metadata: { httpStatusCode: 416 }, ActualObjectSize: "18" });
  });

  it("that make no sense are passed over", async () => {
    expect(await get("ranged", { Range: "bytes=9-5" })).toMatchObject({
      text: body,
      $metadata: { httpStatusCode: 200 },
    });
  });
});

describe("conditions of reading", () => {
  it("If-Match and If-Unmodified-Since", async () => {
    const { ETag } = await put("matched", "1");
    expect((await get("matched", { IfMatch: ETag })).text).toBe("1");
    expect(await refusal(get("matched", { IfMatch: '"else"' }))).toBe("PreconditionFailed");
    expect(await refusal(get("matched", { IfUnmodifiedSince: new Date(0) }))).toBe("PreconditionFailed");
  });

  it("If-None-Match and If-Modified-Since", async () => {
    const { ETag } = await put("fresh", "1");
    const unchanged = await failure(get("fresh", { IfNoneMatch: ETag }));
    expect(unchanged.$metadata?.httpStatusCode).toBe(304);
    expect((await failure(get("fresh", { IfModifiedSince: new Date(clock.now()) }))).$metadata?.httpStatusCode).toBe(
      304,
    );
    expect((await get("fresh", { IfNoneMatch: '"else"' })).text).toBe("1");
  });

  it("the bucket's owner", async () => {
    await put("owned", "1");
    expect((await get("owned", { ExpectedBucketOwner: "123456789012" })).text).toBe("1");
    expect(await refusal(get("owned", { ExpectedBucketOwner: "210987654321" }))).toBe("AccessDenied");
  });
});

describe("checksums", () => {
  // The check values of the catalogue of CRC algorithms, for "123456789".
  it.each([
    ["CRC32", "cbf43926"],
    ["CRC32C", "e3069283"],
    ["CRC64NVME", "ae8b14860a799888"],
  ])("%s has the value that its definition gives", (algorithm, hex) => {
    const value = checksum(algorithm as ChecksumAlgorithm, Buffer.from("123456789"));
    expect(Buffer.from(value, "base64").toString("hex")).toBe(hex);
  });

  it.each(["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const)(
    "%s is kept and given back",
    async (algorithm) => {
      await put(`sum-${algorithm}`, "some bytes", { ChecksumAlgorithm: algorithm });
      const output = await get(`sum-${algorithm}`, { ChecksumMode: "ENABLED" });
      expect(output[`Checksum${algorithm}`]).toBe(checksum(algorithm, Buffer.from("some bytes")));
    },
  );

  it("that do not fit the body are refused", async () => {
    expect(await refusal(put("bad", "abc", { ChecksumCRC32: "AAAAAA==" }))).toBe("BadDigest");
    expect(await refusal(put("bad", "abc", { ContentMD5: "AAAAAAAAAAAAAAAAAAAAAA==" }))).toBe("BadDigest");
    expect(aws.listKeys(Bucket, "bad")).toEqual([]);
  });

  it("are made for objects that came without one, as S3 does", async () => {
    aws.putObject({ bucket: Bucket, key: "plain", body: "plain" });
    const { ChecksumCRC64NVME } = await get("plain", { ChecksumMode: "ENABLED" });
    expect(ChecksumCRC64NVME).toBe(checksum("CRC64NVME", Buffer.from("plain")));
  });
});

describe("multipart uploads", () => {
  const large = Buffer.alloc(5 * 1024 * 1024, 7);

  it("are put together in order, with an ETag and checksum that name the parts", async () => {
    await new Upload({
      client: clients.s3,
      params: { Bucket, Key: "parts", Body: Buffer.concat([large, Buffer.from("tail")]) },
      partSize: large.length,
    }).done();
    const head = await clients.s3.send(new HeadObjectCommand({ Bucket, Key: "parts", ChecksumMode: "ENABLED" }));
    expect(head.ETag).toMatch(/^"[0-9a-f]{32}-2"$/);
    expect(head.ChecksumCRC32).toMatch(/-2$/);
    expect(head.ChecksumType).toBe("COMPOSITE");
    expect((await get("parts", { Range: "bytes=-5" })).text).toBe("\u0007tail");
  });

  it("refuse wrong, disordered and small parts", async () => {
    const Key = "refused";
    const { UploadId } = await clients.s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const upload = async (PartNumber: number, Body: Uint8Array) => ({
      PartNumber,
      ETag: (await clients.s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }))).ETag,
    });
    const one = await upload(1, Buffer.from("small"));
    const two = await upload(2, Buffer.from("tail"));
    const complete = (Parts: object[]) =>
      refusal(
        clients.s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } })),
      );
    expect(await complete([one, two])).toBe("EntityTooSmall");
    expect(await complete([two, one])).toBe("InvalidPartOrder");
    expect(await complete([{ ...one, ETag: '"0"' }])).toBe("InvalidPart");
    const { Parts } = await clients.s3.send(new ListPartsCommand({ Bucket, Key, UploadId }));
    expect(Parts?.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual([
      [1, 5],
      [2, 4],
    ]);
    expect(aws.listKeys(Bucket, Key)).toEqual([]);
  });
});

describe("versions", () => {
  const versioned = "aws-security-data-lake-versioned";
  beforeAll(async () => {
    aws.createBucket({ name: versioned });
    await clients.s3.send(
      new PutBucketVersioningCommand({ Bucket: versioned, VersioningConfiguration: { Status: "Enabled" } }),
    );
  });

  it("are kept and read by their ids", async () => {
    const first = await put("v", "1", { Bucket: versioned });
    const second = await put("v", "2", { Bucket: versioned });
    expect(first.VersionId).not.toBe(second.VersionId);
    expect((await get("v", { Bucket: versioned })).text).toBe("2");
    expect((await get("v", { Bucket: versioned, VersionId: first.VersionId })).text).toBe("1");
    expect(await refusal(get("v", { Bucket: versioned, VersionId: "unknown" }))).toBe("NoSuchVersion");
  });

  it("end in a delete marker, which is taken away by its id", async () => {
    await put("m", "1", { Bucket: versioned });
    const { DeleteMarker, VersionId } = await clients.s3.send(new DeleteObjectCommand({ Bucket: versioned, Key: "m" }));
    expect(DeleteMarker).toBe(true);
    expect(await refusal(get("m", { Bucket: versioned }))).toBe("NoSuchKey");
    expect((await failure(get("m", { Bucket: versioned, VersionId }))).$metadata?.httpStatusCode).toBe(405);
    const listed = await clients.s3.send(new ListObjectVersionsCommand({ Bucket: versioned, Prefix: "m" }));
    expect(listed.DeleteMarkers?.map(({ IsLatest }) => IsLatest)).toEqual([true]);
    expect(listed.Versions?.map(({ IsLatest }) => IsLatest)).toEqual([false]);
    await clients.s3.send(new DeleteObjectCommand({ Bucket: versioned, Key: "m", VersionId }));
    expect((await get("m", { Bucket: versioned })).text).toBe("1");
  });
});

describe("archived objects", () => {
  it("cannot be read until they are restored", async () => {
    aws.putObject({ bucket: Bucket, key: "cold", body: "cold", storageClass: "GLACIER" });
    expect(await failure(get("cold"))).toMatchObject({
      name: "InvalidObjectState",
      StorageClass: "GLACIER",
      $metadata: { httpStatusCode: 403 },
    });
    expect((await clients.s3.send(new HeadObjectCommand({ Bucket, Key: "cold" }))).StorageClass).toBe("GLACIER");
    await clients.s3.send(new RestoreObjectCommand({ Bucket, Key: "cold", RestoreRequest: { Days: 1 } }));
    expect((await get("cold")).text).toBe("cold");
    clock.pass(86_400);
    expect(await refusal(get("cold"))).toBe("InvalidObjectState");
  });
});

it("holds and sends 64 MiB in one piece", async () => {
  const body = Buffer.alloc(64 * 1024 * 1024, 3);
  await put("large", body);
  const { Body } = await clients.s3.send(new GetObjectCommand({ Bucket, Key: "large" }));
  expect((await Body?.transformToByteArray())?.length).toBe(body.length);
});
