import { describe, expect, it } from "vitest";
import { isIcebergMetadata, parseObjectKey } from "../src/object-key.ts";

describe("parseObjectKey", () => {
  it.each([
    [
      "aws/CLOUD_TRAIL_MGMT/2.0/region=us-east-1/accountId=111122223333/eventDay=20240611/71de.gz.parquet",
      {
        source: "CLOUD_TRAIL_MGMT",
        sourceVersion: "2.0",
        region: "us-east-1",
        account: "111122223333",
        eventDay: "20240611",
      },
    ],
    [
      "aws/VPC_FLOW/region=us-east-1/accountId=111122223333/eventHour=2023011913/5113.gz.parquet",
      { source: "VPC_FLOW", region: "us-east-1", account: "111122223333", eventDay: "20230119" },
    ],
    [
      "ext/okta/region=eu-west-2/accountid=external_7/eventDay=20240611/part.parquet",
      { source: "okta", region: "eu-west-2", account: "external_7", eventDay: "20240611" },
    ],
    ["ext/okta/1.0/part.parquet", { source: "okta", sourceVersion: "1.0" }],
    ["example-key", {}],
    ["a/eventDay=today/b", {}],
    ["aws/region=x", {}],
  ])("reads %s", (key, expected) => expect(parseObjectKey(key)).toEqual(expected));

  it("takes no part from the object's own name", () => {
    expect(parseObjectKey("ext/s/eventDay=20240611")).toEqual({ source: "s" });
  });
});

describe("isIcebergMetadata", () => {
  it.each([
    ["aws/VPC_FLOW/2.0/metadata/00012-0a1b.metadata.json", true],
    ["aws/VPC_FLOW/2.0/metadata/snap-1.avro", true],
    ["aws/VPC_FLOW/2.0/region=r/accountId=a/eventDay=20240611/metadata.parquet", false],
    ["ext/metadata/part.parquet", false],
  ])("%s: %s", (key, expected) => expect(isIcebergMetadata(key)).toBe(expected));
});
