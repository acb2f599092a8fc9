import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { endpointUrl, findRegion, regionOf, s3Endpoint } from "../src/index.ts";

describe("endpointUrl", () => {
  it.each([
    ["xxxxxx.sts.region.vpce.amazonaws.com", "https://xxxxxx.sts.region.vpce.amazonaws.com"],
    [" https://vpce-1.sts.eu-west-1.vpce.amazonaws.com/ ", "https://vpce-1.sts.eu-west-1.vpce.amazonaws.com"],
    ["sts-fips.us-east-1.amazonaws.com", "https://sts-fips.us-east-1.amazonaws.com"],
    ["localhost:4566", "https://localhost:4566"],
    ["http://127.0.0.1:4566", "http://127.0.0.1:4566"],
    ["http://[::1]:4566/", "http://[::1]:4566"],
    ["HTTPS://STS.amazonaws.com:443", "https://sts.amazonaws.com"],
  ])("reads %s", (text, url) => {
    expect(endpointUrl(text)).toBe(url);
  });

  it.each([
    "",
    "a b",
    "ftp://sts.amazonaws.com",
    "https://",
    "*.vpce-1.sts.eu-west-1.vpce.amazonaws.com",
    "https://h?q=1",
  ])("refuses %j", (text) => {
    expect(() => endpointUrl(text)).toThrow(expect.objectContaining({ code: "AUTH_SETTING" }));
  });

  it("repeats no password", () => {
    for (const text of ["https://user:hunter2@sts.amazonaws.com", "ftp://user:hunter2@sts.amazonaws.com"])
      expect(() => endpointUrl(text)).toThrow(/^(?!.*hunter2)/);
  });
});

describe("s3Endpoint", () => {
  const vpce = "vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com";

  it.each([
    [`https://bucket.${vpce}`, `https://bucket.${vpce}`, false],
    [`bucket.${vpce}`, `https://bucket.${vpce}`, false],
    [vpce, `https://bucket.${vpce}`, false],
    [`https://*.${vpce}`, `https://bucket.${vpce}`, false],
    [`lake.bucket.${vpce}`, `https://bucket.${vpce}`, false],
    ["https://bucket.xxxxxx.s3.region.vpce.amazonaws.com", "https://bucket.xxxxxx.s3.region.vpce.amazonaws.com", false],
    ["s3-fips.us-east-1.amazonaws.com", "https://s3-fips.us-east-1.amazonaws.com", false],
    ["http://127.0.0.1:4566", "http://127.0.0.1:4566", true],
    ["http://[::1]:4566", "http://[::1]:4566", true],
    ["http://localhost:4566", "http://localhost:4566", true],
  ])("reads %s", (text, endpoint, forcePathStyle) => {
    expect(s3Endpoint(text)).toEqual({ endpoint, forcePathStyle });
  });

  it("makes the SDK put the bucket before the interface endpoint", async () => {
    let asked = "";
    const s3 = new S3Client({
      region: "us-east-1",
      credentials: { accessKeyId: "a", secretAccessKey: "b" },
      ...s3Endpoint(vpce),
      requestHandler: {
        handle: async (request: { hostname: string; path: string }) => {
          asked = `${request.hostname}${request.path}`;
          throw new Error("far enough");
        },
      } as never,
      maxAttempts: 1,
    });
    await expect(s3.send(new GetObjectCommand({ Bucket: "lake", Key: "a/b=c" }))).rejects.toThrow("far enough");
    expect(asked).toBe(`lake.bucket.${vpce}/a/b%3Dc`);
  });
});

describe("regionOf", () => {
  it.each([
    ["arn:aws:sqs:eu-west-1:123456789012:lake", "eu-west-1"],
    ["arn:aws-us-gov:sqs:us-gov-west-1:123456789012:lake", "us-gov-west-1"],
    ["arn:aws:iam::123456789012:role/r", undefined],
    ["https://sqs.ap-southeast-2.amazonaws.com/123456789012/lake", "ap-southeast-2"],
    ["https://sqs.cn-north-1.amazonaws.com.cn/123456789012/lake", "cn-north-1"],
    ["https://eu-central-1.queue.amazonaws.com/123456789012/lake", "eu-central-1"],
    ["vpce-1a2b.sts.eu-west-3.vpce.amazonaws.com", "eu-west-3"],
    ["https://bucket.vpce-1a2b.s3.us-east-2.vpce.amazonaws.com", "us-east-2"],
    ["https://s3.dualstack.us-west-2.amazonaws.com", "us-west-2"],
    ["sts-fips.us-east-1.amazonaws.com", "us-east-1"],
    ["bucket.xxxxxx.s3.region.vpce.amazonaws.com", undefined],
    ["http://127.0.0.1:4566/000000000000/lake", undefined],
    ["lake", undefined],
  ])("of %s is %s", (text, region) => {
    expect(regionOf(text)).toBe(region);
  });
});

describe("findRegion", () => {
  it("prefers what is set, then the queue's own", async () => {
    const queue = "arn:aws:sqs:eu-west-1:123456789012:lake";
    expect(await findRegion({ queue, region: "eu-north-1" })).toBe("eu-north-1");
    expect(await findRegion({ queue })).toBe("eu-west-1");
  });
});
