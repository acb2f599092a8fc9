import http from "node:http";
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  GetBucketEncryptionCommand,
  GetBucketLocationCommand,
  GetBucketPolicyCommand,
  GetBucketTaggingCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketEncryptionCommand,
  PutBucketPolicyCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LocalAws } from "../src/index.ts";
import { bucketOfHost } from "../src/s3/address.ts";
import { type Clients, clientsOf, failure, refusal, startLocalAws } from "./clients.ts";

let aws: LocalAws;
let clients: Clients;

beforeAll(async () => {
  aws = await startLocalAws();
  clients = clientsOf(aws);
});
afterAll(() => aws.close());

describe("buckets", () => {
  it("are made, listed, and deleted when empty", async () => {
    await clients.s3.send(new CreateBucketCommand({ Bucket: "fresh-bucket" }));
    const { Buckets } = await clients.s3.send(new ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name)).toContain("fresh-bucket");
    aws.putObject({ bucket: "fresh-bucket", key: "k", body: "v" });
    expect(await refusal(clients.s3.send(new DeleteBucketCommand({ Bucket: "fresh-bucket" })))).toBe("BucketNotEmpty");
    aws.deleteObject("fresh-bucket", "k");
    await clients.s3.send(new DeleteBucketCommand({ Bucket: "fresh-bucket" }));
    expect(await refusal(clients.s3.send(new HeadBucketCommand({ Bucket: "fresh-bucket" })))).toBe("NotFound");
  });

  it("have names that S3 allows, once", async () => {
    aws.createBucket({ name: "taken-bucket" });
    const create = (Bucket: string) => refusal(clients.s3.send(new CreateBucketCommand({ Bucket })));
    expect(await create("Upper_Case")).toBe("InvalidBucketName");
    expect(await create("taken-bucket")).toBe("BucketAlreadyOwnedByYou");
  });

  it("keep policy and encryption", async () => {
    aws.createBucket({ name: "settings-bucket" });
    const Bucket = "settings-bucket";
    expect(await refusal(clients.s3.send(new GetBucketPolicyCommand({ Bucket })))).toBe("NoSuchBucketPolicy");
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Deny", Principal: "*", Action: "s3:DeleteObject", Resource: `arn:aws:s3:::${Bucket}/*` }],
    });
    await clients.s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
    expect((await clients.s3.send(new GetBucketPolicyCommand({ Bucket }))).Policy).toBe(Policy);
    expect(await refusal(clients.s3.send(new PutBucketPolicyCommand({ Bucket, Policy: "{}" })))).toBe(
      "MalformedPolicy",
    );
    const key = aws.createKey();
    const rule = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms" as const, KMSMasterKeyID: key } };
    await clients.s3.send(
      new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: { Rules: [rule] } }),
    );
    const read = await clients.s3.send(new GetBucketEncryptionCommand({ Bucket }));
    expect(read.ServerSideEncryptionConfiguration?.Rules?.[0]).toMatchObject(rule);
  });
});

describe("regions", () => {
  beforeAll(() => {
    aws.createBucket({ name: "irish-bucket", region: "eu-west-1" });
    aws.putObject({ bucket: "irish-bucket", key: "k", body: "v" });
  });
  const Bucket = "irish-bucket";

  it("other than the client's are told by a redirect that names them", async () => {
    const error = await failure(clients.s3.send(new GetObjectCommand({ Bucket, Key: "k" })));
    expect(error).toMatchObject({ name: "PermanentRedirect", $metadata: { httpStatusCode: 301 } });
    const response = await fetch(`${aws.url}/${Bucket}/k`, { redirect: "manual" });
    expect([response.status, response.headers.get("x-amz-bucket-region")]).toEqual([301, "eu-west-1"]);
  });

  it("are followed by a client that follows", async () => {
    const following = clientsOf(aws, aws.credentials, { followRegionRedirects: true });
    const { Body } = await following.s3.send(new GetObjectCommand({ Bucket, Key: "k" }));
    expect(await Body?.transformToString()).toBe("v");
  });

  it("are told by GetBucketLocation and HeadBucket", async () => {
    const { LocationConstraint } = await clients.s3.send(new GetBucketLocationCommand({ Bucket }));
    expect(LocationConstraint).toBe("eu-west-1");
    const local = clientsOf(aws, aws.credentials, { region: "eu-west-1" });
    expect((await local.s3.send(new HeadBucketCommand({ Bucket }))).BucketRegion).toBe("eu-west-1");
  });
});

describe("listings", () => {
  const Bucket = "listed-bucket";
  beforeAll(() => {
    aws.createBucket({ name: Bucket });
    for (const key of ["a/1", "a/2", "a/b/3", "a=1", "é", "z&<z", "𝄞"])
      aws.putObject({ bucket: Bucket, key, body: key });
  });
  const list = (more: object) => clients.s3.send(new ListObjectsV2Command({ Bucket, ...more }));

  it("are in the order of UTF-8 bytes", async () => {
    const { Contents } = await list({});
    expect(Contents?.map(({ Key }) => Key)).toEqual(["a/1", "a/2", "a/b/3", "a=1", "z&<z", "é", "𝄞"]);
  });

  it("roll up what lies below a delimiter", async () => {
    const { Contents, CommonPrefixes } = await list({ Prefix: "a/", Delimiter: "/" });
    expect(Contents?.map(({ Key }) => Key)).toEqual(["a/1", "a/2"]);
    expect(CommonPrefixes?.map(({ Prefix }) => Prefix)).toEqual(["a/b/"]);
  });

  it("come page by page, each key and prefix once", async () => {
    const seen: (string | undefined)[] = [];
    let token: string | undefined;
    do {
      const page = await list({ MaxKeys: 1, ContinuationToken: token, Delimiter: "/" });
      seen.push(...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix));
      seen.push(...(page.Contents ?? []).map(({ Key }) => Key));
      token = page.NextContinuationToken;
    } while (token !== undefined);
    expect(seen).toEqual(["a/", "a=1", "z&<z", "é", "𝄞"]);
  });

  it("start after a key, and end without keys for MaxKeys 0", async () => {
    expect((await list({ StartAfter: "a=1" })).Contents?.map(({ Key }) => Key)).toEqual(["z&<z", "é", "𝄞"]);
    expect(await list({ MaxKeys: 0 })).toMatchObject({ KeyCount: 0, IsTruncated: false });
  });

  it("are encoded when asked to", async () => {
    const { Contents } = await list({ EncodingType: "url", Prefix: "z" });
    expect(Contents?.map(({ Key }) => Key)).toEqual(["z%26%3Cz"]);
  });

  it("exist in the older form too, and of versions", async () => {
    const { Contents, NextMarker } = await clients.s3.send(new ListObjectsCommand({ Bucket, MaxKeys: 2 }));
    expect(Contents?.map(({ Key }) => Key)).toEqual(["a/1", "a/2"]);
    const rest = await clients.s3.send(new ListObjectsCommand({ Bucket, Marker: NextMarker }));
    expect(rest.Contents?.length).toBe(5);
    const first = await clients.s3.send(new ListObjectVersionsCommand({ Bucket, MaxKeys: 4 }));
    const second = await clients.s3.send(
      new ListObjectVersionsCommand({
        Bucket,
        KeyMarker: first.NextKeyMarker,
        VersionIdMarker: first.NextVersionIdMarker,
      }),
    );
    expect([first.Versions?.length, second.Versions?.length]).toEqual([4, 3]);
  });
});

describe("addresses", () => {
  it.each([
    ["127.0.0.1", undefined],
    ["localhost", undefined],
    ["b.localhost", "b"],
    ["s3.localhost", undefined],
    ["b.c.s3.localhost", "b.c"],
    ["s3.eu-west-1.amazonaws.com", undefined],
    ["b.s3.eu-west-1.amazonaws.com", "b"],
    ["b.s3-fips.us-gov-west-1.amazonaws.com", "b"],
    ["b.s3.dualstack.us-east-1.amazonaws.com", "b"],
    ["bucket.vpce-0a1b-2c3d.s3.us-east-1.vpce.amazonaws.com", undefined],
    ["b.bucket.vpce-0a1b-2c3d.s3.us-east-1.vpce.amazonaws.com", "b"],
    ["storage.example", undefined],
  ])("%s names the bucket %s", (host, bucket) => {
    expect(bucketOfHost(host)).toBe(bucket);
  });

  it("may hold the bucket's name", async () => {
    aws.createBucket({ name: "virtual-bucket" });
    aws.putObject({ bucket: "virtual-bucket", key: "k", body: "v" });
    type Lookup = NonNullable<http.AgentOptions["lookup"]>;
    const lookup: Lookup = (_, options, callback) =>
      options.all ? callback(null, [{ address: "127.0.0.1", family: 4 }]) : callback(null, "127.0.0.1", 4);
    const s3 = new S3Client({
      region: aws.region,
      credentials: aws.credentials,
      endpoint: `http://s3.localhost:${new URL(aws.url).port}`,
      requestHandler: new NodeHttpHandler({ httpAgent: new http.Agent({ lookup }) }),
    });
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: "virtual-bucket", Key: "k" }));
    expect(await Body?.transformToString()).toBe("v");
  });
});

it("says by name what it does not do", async () => {
  aws.createBucket({ name: "plain-bucket" });
  const Bucket = "plain-bucket";
  const unknown = await failure(clients.s3.send(new GetBucketTaggingCommand({ Bucket })));
  expect([unknown.name, unknown.message]).toEqual([
    "NotImplemented",
    "The local stand-in of AWS does not implement the S3 operation GetBucketTagging.",
  ]);
  aws.putObject({ bucket: Bucket, key: "k", body: "v" });
  const header = await failure(
    clients.s3.send(new GetObjectCommand({ Bucket, Key: "k", SSECustomerAlgorithm: "AES256", SSECustomerKey: "a" })),
  );
  expect(header.message).toContain("x-amz-server-side-encryption-customer-algorithm");
});
