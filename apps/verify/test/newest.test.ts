import type { S3Client } from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { arrivals, newestObject } from "../src/newest.ts";

/** A bucket that lists its keys as S3 does, three entries a page; each key's time is given in minutes. */
function bucketOf(objects: Readonly<Record<string, number>>) {
  const asked: string[] = [];
  const send = async ({ input }: { input: { Prefix: string; ContinuationToken?: string } }) => {
    const { Prefix: prefix, ContinuationToken: token = "0" } = input;
    asked.push(prefix);
    const entries = new Map<string, string>();
    for (const key of Object.keys(objects).sort()) {
      if (!key.startsWith(prefix)) continue;
      const end = key.indexOf("/", prefix.length);
      const entry = end < 0 ? key : key.slice(0, end + 1);
      entries.set(entry, entry);
    }
    const page = [...entries.keys()].slice(Number(token), Number(token) + 3);
    const next = Number(token) + 3;
    return {
      Contents: page
        .filter((entry) => !entry.endsWith("/"))
        .map((Key) => ({ Key, Size: 1, LastModified: new Date((objects[Key] as number) * 60_000) })),
      CommonPrefixes: page.filter((entry) => entry.endsWith("/")).map((Prefix) => ({ Prefix })),
      ...(next < entries.size && { NextContinuationToken: String(next) }),
    };
  };
  return { s3: { send } as unknown as S3Client, asked };
}

const never = new AbortController().signal;
const folder = (source: string, account: string, day: string) =>
  `aws/${source}/2.0/region=us-east-1/accountId=${account}/eventDay=${day}/`;

describe("the newest object", () => {
  it("is found over sources and accounts, by the last day of each", async () => {
    const { s3, asked } = bucketOf({
      [`${folder("VPC_FLOW", "1", "20260101")}a.gz.parquet`]: 900,
      [`${folder("VPC_FLOW", "1", "20260102")}b.gz.parquet`]: 10,
      [`${folder("VPC_FLOW", "2", "20260102")}c.gz.parquet`]: 30,
      [`${folder("WAF", "1", "20260103")}d.gz.parquet`]: 20,
      "ext/okta/region=us-east-1/accountId=1/eventDay=20260101/e.parquet": 5,
    });
    const { newest, complete } = await newestObject(s3, "lake", never);
    expect(newest?.key).toBe(`${folder("VPC_FLOW", "2", "20260102")}c.gz.parquet`);
    expect(complete).toBe(true);
    expect(asked).not.toContain(folder("VPC_FLOW", "1", "20260101"));
  });

  it("is on whatever page, and is no file of Iceberg", async () => {
    const day = folder("WAF", "1", "20260103");
    const { s3 } = bucketOf({
      ...Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`${day}${i}.gz.parquet`, i])),
      "aws/WAF/2.0/metadata/x.parquet": 99,
      [`${day}z.json`]: 98,
    });
    expect((await newestObject(s3, "lake", never)).newest?.key).toBe(`${day}9.gz.parquet`);
  });

  it("is of the day before where all of the last day's came too late", async () => {
    const { s3 } = bucketOf({
      [`${folder("WAF", "1", "20260102")}a.gz.parquet`]: 10,
      [`${folder("WAF", "1", "20260102")}b.gz.parquet`]: 20,
      [`${folder("WAF", "1", "20260103")}c.gz.parquet`]: 30,
    });
    const { newest } = await newestObject(s3, "lake", never, { until: new Date(25 * 60_000) });
    expect(newest?.key).toBe(`${folder("WAF", "1", "20260102")}b.gz.parquet`);
  });

  it("is absent from an empty bucket", async () => {
    expect(await newestObject(bucketOf({}).s3, "lake", never)).toEqual({ complete: true });
  });

  it("is that of a part where the bucket has very many accounts", async () => {
    const accounts = Array.from({ length: 300 }, (_, i) => String(i).padStart(12, "0"));
    const { s3, asked } = bucketOf(
      Object.fromEntries(accounts.map((account) => [`${folder("WAF", account, "20260101")}a.parquet`, 1])),
    );
    expect((await newestObject(s3, "lake", never)).complete).toBe(false);
    expect(asked.length).toBeLessThan(400);
  });

  it("is that of a part where the bucket is large and AWS is slow", async () => {
    const accounts = Array.from({ length: 100 }, (_, i) => String(i).padStart(12, "0"));
    const { s3, asked } = bucketOf(
      Object.fromEntries(accounts.map((account) => [`${folder("WAF", account, "20260101")}a.parquet`, 1])),
    );
    expect((await newestObject(s3, "lake", never, { milliseconds: -1 })).complete).toBe(false);
    // Pages of three, of the folder of accounts.
    expect(asked.length).toBeLessThan(100);
    expect(
      (await newestObject(bucketOf({ "aws/a.parquet": 1 }).s3, "lake", never, { milliseconds: -1 })).complete,
    ).toBe(true);
  });
});

describe("what arrives", () => {
  const objects = {
    [`${folder("VPC_FLOW", "1", "20260101")}a.gz.parquet`]: 10,
    [`${folder("VPC_FLOW", "1", "20260102")}b.gz.parquet`]: 20,
    [`${folder("WAF", "2", "20260103")}eventHour=01/c.gz.parquet`]: 30,
    "ext/okta/region=eu-west-1/accountId=3/eventDay=20260101/e.parquet": 40,
    [`${folder("WAF", "4", "20260103")}_SUCCESS`]: 50,
    "aws/WAF/2.0/metadata/x.parquet": 99,
  };

  it("is told by source, account and Region, each with its newest", async () => {
    const { found, accounts, leftOut } = await arrivals(bucketOf(objects).s3, "lake", never);
    const told = found.map(({ source, account, region, modified }) => [source, account, region, +modified / 60_000]);
    expect(told.sort()).toEqual([
      ["aws/VPC_FLOW/2.0", "1", "us-east-1", 20],
      ["aws/WAF/2.0", "2", "us-east-1", 30],
      ["ext/okta", "3", "eu-west-1", 40],
    ]);
    expect(leftOut).toBe(0);
    // A folder without Parquet files is no sign of life.
    expect([...accounts].sort()).toEqual(["1", "2", "3"]);
  });

  it("is not looked at of all where there are too many, and then no account is called missing", async () => {
    const { found, accounts, leftOut } = await arrivals(bucketOf(objects).s3, "lake", never, { most: 1 });
    expect({ found: found.length, leftOut }).toEqual({ found: 1, leftOut: 3 });
    expect([...accounts].sort()).toEqual(["1", "2", "3", "4"]);
  });

  it("is told as far as there was time to look, and no account is called missing", async () => {
    const names = Array.from({ length: 450 }, (_, i) => String(i).padStart(12, "0"));
    const { s3 } = bucketOf(
      Object.fromEntries(names.map((name) => [`${folder("WAF", name, "20260101")}a.parquet`, 1])),
    );
    const { found, accounts, leftOut } = await arrivals(s3, "lake", never, { milliseconds: -1 });
    expect({ found: found.length, leftOut, accounts: accounts.size }).toEqual({
      found: 24,
      leftOut: 426,
      accounts: 450,
    });
  });
});
