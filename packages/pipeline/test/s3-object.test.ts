import { Readable } from "node:stream";
import type { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { ObjectDenied, ObjectGone } from "../src/s3-error.ts";
import { openObject } from "../src/s3-object.ts";

const content = Uint8Array.from({ length: 1000 }, (_, index) => index % 251);
const announced = {
  bucket: "b",
  key: "aws/WAF/2.0/region=r/accountId=1/eventDay=20240611/x.parquet",
  size: 1000,
  etag: "e1",
};

type Answer = (input: GetObjectCommand["input"]) => unknown;

/** S3 with one object; `answers` take the first requests, the rest is answered as S3 would. */
function s3(...answers: Answer[]): {
  client: S3Client;
  ranges: (string | undefined)[];
  inputs: GetObjectCommand["input"][];
} {
  const ranges: (string | undefined)[] = [];
  const inputs: GetObjectCommand["input"][] = [];
  const send = async ({ input }: GetObjectCommand) => {
    ranges.push(input.Range);
    inputs.push(input);
    return (answers.shift() ?? ((i: typeof input) => served(i.Range)))(input);
  };
  return { client: { send } as unknown as S3Client, ranges, inputs };
}

function served(range: string | undefined, sent = (bytes: Uint8Array) => bytes): unknown {
  const [, from = "", to = ""] = /^bytes=(\d*)-(\d*)$/.exec(range ?? "") ?? [];
  const start = range === undefined ? 0 : from === "" ? Math.max(0, content.length - Number(to)) : Number(from);
  const end = from === "" || to === "" ? content.length : Number(to) + 1;
  const bytes = content.subarray(start, end);
  return {
    ETag: '"e1"',
    LastModified: new Date("2024-06-11T03:05:09Z"),
    ContentLength: bytes.length,
    ...(range !== undefined && { ContentRange: `bytes ${start}-${end - 1}/${content.length}` }),
    Body: Readable.from([sent(bytes)]),
  };
}

const refused = (name: string, status: number, message = name): Answer => {
  return () => {
    throw Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } });
  };
};

describe("openObject", () => {
  it("reads a small object by one request, pinned to the announced ETag", async () => {
    const { client, ranges, inputs } = s3();
    const object = await openObject(client, announced);
    expect(await object.source.slice(0, 1000)).toEqual(content);
    expect(await object.source.slice(990, 1000)).toEqual(content.subarray(990));
    expect(ranges).toEqual([undefined]);
    expect(inputs[0]).toMatchObject({ Bucket: "b", Key: announced.key, IfMatch: '"e1"' });
    expect(object).toMatchObject({ etag: "e1", origin: { source: "WAF", eventDay: "20240611" } });
  });

  it("asks for the announced version where there is one", async () => {
    const { client, inputs } = s3();
    await openObject(client, { ...announced, versionId: "v7" });
    expect(inputs[0]).toMatchObject({ VersionId: "v7" });
    expect(inputs[0].IfMatch).toBeUndefined();
  });

  it("reads a large object by ranges: its end first, then what is asked for", async () => {
    const { client, ranges } = s3();
    const object = await openObject(client, { ...announced, size: 300 * 1024 * 1024 }, { wholeUpTo: 100 });
    expect(object.source.byteLength).toBe(1000);
    expect(await object.source.slice(10, 20)).toEqual(content.subarray(10, 20));
    expect(ranges[0]).toBe("bytes=-262144");
  });

  it("opens an object of unknown size by its end, whole where that is all of it", async () => {
    const { client, ranges } = s3();
    const { size: _, ...unknown } = announced;
    const object = await openObject(client, unknown, { wholeUpTo: 2000 });
    expect(await object.source.slice(0, 1000)).toEqual(content);
    expect(ranges).toEqual(["bytes=-2000"]);
  });

  it("takes no memory for an object that is larger than announced, and reads it by ranges", async () => {
    const big: Answer = () => ({ ...(served(undefined) as object), ContentLength: 5_000_000_000 });
    const { client, ranges } = s3(big);
    const object = await openObject(client, { ...announced, size: 5 });
    expect(await object.source.slice(10, 20)).toEqual(content.subarray(10, 20));
    expect(ranges).toEqual([undefined, "bytes=-262144"]);
  });

  it("continues a body that broke off from where it did, pinned to the same ETag", async () => {
    const { client, ranges, inputs } = s3(
      (input) => served(input.Range, (bytes) => bytes.subarray(0, 400)),
      (input) => served(input.Range, (bytes) => bytes.subarray(0, 100)),
    );
    const { etag: _, ...unpinned } = announced;
    const object = await openObject(client, unpinned);
    expect(await object.source.slice(0, 1000)).toEqual(content);
    expect(ranges).toEqual([undefined, "bytes=400-999", "bytes=500-999"]);
    expect(inputs.map(({ IfMatch }) => IfMatch)).toEqual([undefined, '"e1"', '"e1"']);
  });

  it("does not put together the bytes of two objects", async () => {
    const cut: Answer = (input) => served(input.Range, (bytes) => bytes.subarray(0, 400));
    const other: Answer = (input) => ({ ...(served(input.Range) as object), ContentRange: "bytes 400-999/1001" });
    await expect(openObject(s3(cut, other, other).client, announced)).rejects.toThrow(
      "S3 was asked for bytes 400-999/1000 and sent bytes 400-999/1001",
    );
  });

  it("reads on for as long as a body brings something", async () => {
    const large = Uint8Array.from({ length: 1_000_000 }, (_, index) => (index * 7) % 251);
    const inBites = async ({ input }: GetObjectCommand) => {
      const [, from = "0"] = /^bytes=(\d+)-/.exec(input.Range ?? "") ?? [];
      const bytes = large.subarray(Number(from));
      return {
        ETag: '"e1"',
        ContentLength: bytes.length,
        ...(input.Range !== undefined && { ContentRange: `bytes ${from}-999999/1000000` }),
        Body: Readable.from([bytes.subarray(0, 100_000)]),
      };
    };
    const object = await openObject({ send: inBites } as unknown as S3Client, { ...announced, size: 1_000_000 });
    expect(await object.source.slice(0, 1_000_000)).toEqual(large);
  });

  it("gives a body up that breaks off each time, with the numbers", async () => {
    const cut: Answer = (input) =>
      served(input.Range, (bytes) => bytes.subarray(0, input.Range === undefined ? 400 : 200));
    await expect(openObject(s3(cut, cut, cut).client, announced)).rejects.toThrow(
      `s3://b/${announced.key}: S3 sent 800 of 1000 bytes`,
    );
  });

  it("finds an object that appears late", async () => {
    const { client } = s3(refused("NoSuchKey", 404));
    expect((await openObject(client, announced)).etag).toBe("e1");
  });

  it.each([
    ["NoSuchKey", 404, "does not exist (404)"],
    ["PreconditionFailed", 412, "its ETag is no longer e1"],
    ["InvalidObjectState", 403, "is archived"],
  ])("says that it is gone on %s, after bounded tries", async (code, status, text) => {
    const answer = refused(code, status);
    const { client, ranges } = s3(answer, answer, answer, answer);
    const error = await openObject(client, announced).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(ObjectGone);
    expect(error.message).toContain(`s3://b/${announced.key}`);
    expect(error.message).toContain(text);
    expect(ranges).toHaveLength(3);
  });

  it("tells a missing object from a forbidden one where S3 does", async () => {
    const hidden = refused(
      "AccessDenied",
      403,
      "User: arn:aws:sts::1:assumed-role/R/s is not authorized to perform: s3:ListBucket on resource: b",
    );
    await expect(openObject(s3(hidden, hidden, hidden).client, announced)).rejects.toBeInstanceOf(ObjectGone);
    const { client, ranges } = s3(refused("AccessDenied", 403, "not authorized to perform: s3:GetObject"));
    await expect(openObject(client, announced)).rejects.toBeInstanceOf(ObjectDenied);
    expect(ranges).toHaveLength(1);
  });

  it.each([
    ["NoSuchBucket", 404, /there is no such bucket here \(404\); check the endpoint/],
    ["KMS.DisabledException", 400, /cannot be decrypted: KMS.DisabledException: .*; enable or restore its KMS key/],
  ])("takes %s for the set-up's fault, not the object's", async (code, status, text) => {
    const error = await openObject(s3(refused(code, status)).client, announced).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(ObjectDenied);
    expect(error.message).toMatch(text);
  });

  it.each(["InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed", "ExpiredToken"])(
    "says nothing of the object when S3 refuses the caller with %s",
    async (code) => {
      const answer = refused(code, 403);
      const error = await openObject(s3(answer, answer, answer).client, announced).catch((thrown) => thrown);
      expect(error.name).toBe(code);
    },
  );

  it("asks again with new credentials when they ran out on the way", async () => {
    const { client, ranges } = s3(refused("ExpiredToken", 400));
    expect((await openObject(client, announced)).etag).toBe("e1");
    expect(ranges).toHaveLength(2);
  });

  it("stops trying when the lease is lost", async () => {
    const controller = new AbortController();
    const { client } = s3(() => {
      controller.abort(new Error("lease lost"));
      throw Object.assign(new Error("aborted"), { name: "AbortError" });
    });
    await expect(openObject(client, announced, { signal: controller.signal })).rejects.toThrow("lease lost");
  });
});
