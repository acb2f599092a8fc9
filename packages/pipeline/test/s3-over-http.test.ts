import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { type LocalAws, startLocalAws } from "@threatlockdown/tooling-local-aws";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createObjects, ObjectDenied, ObjectGone, openObject } from "../src/index.ts";

const bytes = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, index) => (index * 31) % 251));
const folder = "aws/VPC_FLOW/2.0/region=us-east-1/accountId=111122223333/eventDay=20240611";
const key = `${folder}/a.gz.parquet`;

let aws: LocalAws;
const clients: S3Client[] = [];

beforeEach(async () => {
  aws = await startLocalAws({ accounts: ["123456789012", "999999999999"] });
  aws.createBucket({ name: "lake" });
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await aws.close();
});

function client(settings: { region?: string; credentials?: LocalAws["credentials"]; maxAttempts?: number } = {}) {
  const s3 = new S3Client({
    region: aws.region,
    endpoint: aws.url,
    credentials: aws.credentials,
    forcePathStyle: true,
    ...settings,
  });
  clients.push(s3);
  return s3;
}

function put(
  object: { bucket?: string; key?: string; body?: Uint8Array; kmsKey?: string; storageClass?: string } = {},
) {
  const place = { bucket: "lake", key, ...object };
  const { etag, size } = aws.putObject({ body: bytes, announce: false, ...place });
  return { bucket: place.bucket, key: place.key, etag, size };
}

/** A role of another account that may do what the statements say. */
function reader(...actions: string[]): S3Client {
  const { credentials } = aws.createUser({
    name: `reader-${clients.length}`,
    policies: {
      reading: { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: actions, Resource: "*" }] },
    },
  });
  return client({ credentials });
}

const ranges = () => aws.requests.list({ operation: "GetObject" }).map(({ range, status }) => [range, status]);
const failed = (opened: Promise<unknown>) =>
  opened.then(
    () => expect.unreachable("it was opened"),
    (error: Error) => error,
  );

describe("an object over HTTP", () => {
  it("is continued where its body broke off, and its checksum checked over all of it", async () => {
    const announced = put();
    aws.faults.add({ operation: "GetObject", truncate: 100_000, times: 2 });
    const { source } = await openObject(client(), announced);
    expect(Buffer.compare(await source.slice(0, bytes.length), bytes)).toBe(0);
    expect(ranges()).toEqual([
      [undefined, 200],
      ["bytes=100000-299999", 206],
      ["bytes=200000-299999", 206],
    ]);
  });

  it("is asked for anew when a part that continued it was changed on the way", async () => {
    const announced = put();
    aws.faults.add({ operation: "GetObject", truncate: 100_000, times: 1 });
    aws.faults.add({ operation: "GetObject", corrupt: true, after: 1, times: 1 });
    const { source } = await openObject(client(), announced);
    expect(Buffer.compare(await source.slice(0, bytes.length), bytes)).toBe(0);
    expect(ranges().map(([range]) => range)).toEqual([undefined, "bytes=100000-299999", undefined]);
  });

  it("is asked for anew when its bytes do not have its checksum, a bounded number of times", async () => {
    const announced = put();
    const restore = aws.faults.add({ operation: "GetObject", corrupt: true });
    const error = await failed(openObject(client(), announced));
    expect(error.message).toBe(`s3://lake/${key}: the 300000 bytes that S3 sent do not have their CRC64NVME`);
    expect(ranges()).toHaveLength(3);
    restore();
    expect((await openObject(client(), announced)).etag).toBe(announced.etag);
  });

  it("is not put together of two versions when it is replaced while its body breaks off", async () => {
    const announced = put();
    const s3 = client();
    aws.faults.add({ operation: "GetObject", truncate: 100_000, times: 1 });
    const opening = failed(openObject(s3, announced));
    await vi.waitUntil(() => ranges().length === 1, { timeout: 10_000, interval: 1 });
    put({ body: bytes.toReversed() });
    const error = await opening;
    expect(error).toBeInstanceOf(ObjectGone);
    expect(error.message).toBe(`s3://lake/${key} was replaced: its ETag is no longer ${announced.etag} (412)`);
  });

  it("is given up and asked for again when nothing comes", async () => {
    const announced = put();
    aws.faults.add({ operation: "GetObject", latency: Number.POSITIVE_INFINITY, times: 1 });
    const { source } = await openObject(client(), announced, { stall: 200 });
    expect(source.byteLength).toBe(300_000);
  });

  it("is given up when the credentials for it do not come", async () => {
    const announced = put();
    const s3 = client({ credentials: (() => new Promise(() => {})) as never });
    const error = await failed(openObject(s3, announced, { stall: 20 }));
    expect(error.message).toBe(`s3://lake/${key}: S3 sent nothing for 0.02 s`);
    const lost = AbortSignal.abort(new Error("lease lost"));
    expect((await failed(openObject(s3, announced, { signal: lost }))).message).toBe("lease lost");
  });

  it("leaves nothing behind when it is given up in the middle of its body", async () => {
    const announced = put({ body: Buffer.alloc(8_000_000, 1) });
    const lost = new AbortController();
    const opening = failed(openObject(client(), announced, { signal: lost.signal }));
    await vi.waitUntil(() => ranges().length === 1, { timeout: 10_000, interval: 1 });
    lost.abort(new Error("lease lost"));
    expect((await opening).message).toBe("lease lost");
  });

  it("is read by ranges side by side where it is large", async () => {
    const large = Buffer.alloc(20 * 1024 * 1024, "0123456789abcdef");
    const announced = put({ body: large });
    const { source } = await openObject(client(), announced);
    const middle = await source.slice(4, 16 * 1024 * 1024);
    expect(Buffer.compare(middle, large.subarray(4, 16 * 1024 * 1024))).toBe(0);
    expect(ranges()).toHaveLength(5);
    expect(ranges().map(([range]) => range)).toContain("bytes=4194308-8388611");
  });

  it("keeps what a broken range has brought", async () => {
    const announced = put({ body: Buffer.alloc(10 * 1024 * 1024, 7) });
    const { source } = await openObject(client(), announced);
    aws.requests.clear();
    aws.faults.add({ operation: "GetObject", truncate: 100_000, times: 1 });
    expect((await source.slice(1000, 200_000)).length).toBe(199_000);
    expect(ranges().map(([range]) => range)).toEqual(["bytes=1000-199999", "bytes=101000-199999"]);
  });
});

describe("a bucket in another region", () => {
  it("is followed once and remembered, for many objects at a time", async () => {
    aws.createBucket({ name: "far", region: "eu-west-2" });
    const announced = Array.from({ length: 20 }, (_, index) => put({ bucket: "far", key: `${folder}/${index}` }));
    const { open } = createObjects(client());
    await open(announced[0] as (typeof announced)[0]);
    aws.requests.clear();
    await Promise.all(announced.map((object) => open(object)));
    expect(aws.requests.count({ operation: "GetObject", status: 200 })).toBe(20);
    expect(aws.requests.count({ operation: "GetObject", status: 301 })).toBe(0);
  });

  it("is followed by many at once from the start, beside objects of the client's own region", async () => {
    aws.createBucket({ name: "far", region: "eu-west-2" });
    const { open } = createObjects(client());
    const announced = Array.from({ length: 40 }, (_, index) =>
      put({ bucket: index % 2 === 0 ? "far" : "lake", key: `${folder}/${index}` }),
    );
    const opened = await Promise.all(announced.map((object) => open(object)));
    expect(opened.map(({ bucket }) => bucket)).toEqual(announced.map(({ bucket }) => bucket));
  });
});

describe("SlowDown", () => {
  it("makes all objects below the prefix wait, and no other", async () => {
    const announced = Array.from({ length: 30 }, (_, index) => put({ key: `${folder}/${index}` }));
    const elsewhere = put({ key: "aws/WAF/2.0/region=r/accountId=1/eventDay=20240611/x" });
    aws.faults.add({ operation: "GetObject", key: /VPC_FLOW/, error: "SlowDown", times: 3 });
    const { open } = createObjects(client({ maxAttempts: 1 }), { firstPause: 300 });
    const first = announced.slice(0, 3).map((object) => open(object));
    await vi.waitUntil(() => aws.requests.count({ status: 503 }) === 3, { timeout: 10_000, interval: 1 });
    const rest = announced.slice(3).map((object) => open(object));
    await open(elsewhere);
    expect(aws.requests.count({ operation: "GetObject", status: 200 })).toBe(1);
    await Promise.all([...first, ...rest]);
    expect(aws.requests.count({ operation: "GetObject" })).toBe(3 + 30 + 1);
  });

  it("is told as it is after bounded tries", async () => {
    const announced = put();
    aws.faults.add({ operation: "GetObject", error: "SlowDown", message: "Please reduce your request rate." });
    const error = await failed(openObject(client({ maxAttempts: 1 }), announced, { firstPause: 5 }));
    expect(error).toMatchObject({ name: "SlowDown", message: "Please reduce your request rate." });
    expect(ranges()).toHaveLength(3);
  });
});

describe("a refusal as a reader sees it", () => {
  it("names the permission that is missing", async () => {
    const announced = put();
    const error = await failed(openObject(reader("s3:ListBucket"), announced));
    expect(error).toBeInstanceOf(ObjectDenied);
    expect(error).toMatchObject({ action: "s3:GetObject", resource: `s3://lake/${key}` });
    expect(error.message).toMatch(
      /^s3:\/\/lake\/.*a\.gz\.parquet may not be read: User: arn:aws:iam::123456789012:user\/reader-0 is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::lake\/.*" because no identity-based policy allows the s3:GetObject action; allow it in the role's policy and the bucket's$/,
    );
  });

  it("tells the key's refusal from S3's", async () => {
    const kmsKey = aws.createKey();
    const announced = put({ kmsKey });
    const error = await failed(openObject(reader("s3:*"), announced));
    expect(error).toBeInstanceOf(ObjectDenied);
    expect(error).toMatchObject({ action: "kms:Decrypt" });
    expect(error.message).toMatch(
      /cannot be decrypted: User: arn:.* is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:.*; allow kms:Decrypt for the role in its policy and in the key's$/,
    );
  });

  it("says that the key is disabled", async () => {
    const kmsKey = aws.createKey();
    const announced = put({ kmsKey });
    aws.setKeyEnabled(kmsKey, false);
    const error = await failed(openObject(client(), announced));
    expect(error).toBeInstanceOf(ObjectDenied);
    expect(error.message).toMatch(
      /cannot be decrypted: KMS\.DisabledException: arn:aws:kms:.* is disabled\.; enable or restore its KMS key, or allow the role to use it$/,
    );
  });

  it("says that a missing object is missing, to those who may list", async () => {
    const error = await failed(openObject(client(), { bucket: "lake", key: "gone", size: 10 }));
    expect(error).toBeInstanceOf(ObjectGone);
    expect(error.message).toBe("s3://lake/gone does not exist (404)");
  });

  it("says what can be said of a missing object to those who may not list", async () => {
    const error = await failed(openObject(reader("s3:GetObject"), { bucket: "lake", key: "gone", size: 10 }));
    expect(error).toBeInstanceOf(ObjectGone);
    expect(error.message).toBe("s3://lake/gone does not exist, as far as a role without s3:ListBucket can see (403)");
  });

  it("says that an object is archived", async () => {
    const announced = put({ storageClass: "GLACIER" });
    const error = await failed(openObject(client(), announced));
    expect(error).toBeInstanceOf(ObjectGone);
    expect(error.message).toBe(`s3://lake/${key} is archived and must be restored before it can be read (403)`);
  });

  it("does not read a bucket of another account than the notification names", async () => {
    const announced = { ...put(), account: "999999999999" };
    const error = await failed(openObject(client(), announced));
    expect(error).toBeInstanceOf(ObjectDenied);
    expect(error.message).toContain("AWS does not say why: the role has no s3:GetObject on it, or");
    expect(error.message).toContain("the bucket does not belong to account 999999999999");
    const { etag } = await openObject(client(), { ...announced, account: "123456789012" });
    expect(etag).toBe(announced.etag);
    expect(await failed(openObject(client(), put(), { owner: "999999999999" }))).toBeInstanceOf(ObjectDenied);
  });

  it("pays for requests only where that was agreed to", async () => {
    aws.createBucket({
      name: "paid",
      requesterPays: true,
      policy: {
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::paid/*" }],
      },
    });
    const announced = put({ bucket: "paid" });
    const { credentials } = aws.createUser({
      name: "other",
      account: "999999999999",
      policies: { all: { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "s3:*", Resource: "*" }] } },
    });
    const s3 = client({ credentials });
    const error = await failed(openObject(s3, announced));
    expect(error.message).toContain("the bucket lets requesters pay and this one has not agreed to");
    const { source } = await openObject(s3, announced, { requesterPays: true });
    expect(source.byteLength).toBe(300_000);
  });
});

it("leaves a client as it was", async () => {
  const s3 = client();
  aws.createBucket({ name: "far", region: "eu-west-2" });
  await openObject(s3, put({ bucket: "far" }));
  put();
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: "lake", Key: key }));
  expect(await Body?.transformToByteArray()).toHaveLength(300_000);
});
