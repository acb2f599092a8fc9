import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Notification, parseNotification } from "../src/notification.ts";

const bucket = "aws-security-data-lake-us-east-1-abcdefghijklmnopqrstuvwxyz0123";
const vpcFlowKey =
  "aws/VPC_FLOW/2.0/region=us-east-1/accountId=111122223333/eventDay=20240611/38442d447c39b029d831fe28792de0c1.gz.parquet";
const vpcFlow = {
  bucket,
  key: vpcFlowKey,
  region: "us-east-1",
  size: 2936423,
  etag: "b57f9512698f4b09e608f4f2a65852e5",
};
/** EventBridge names the owner of the bucket, S3's own form does not. */
const ofEventBridge = { ...vpcFlow, account: "123456789012" };
const version = { versionId: "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e" };

const objects = (...announced: Notification["objects"]): Notification => ({
  objects: announced,
  nothingToDo: [],
  malformed: [],
});
const nothing = (reason: string): Notification => ({ objects: [], nothingToDo: [reason], malformed: [] });
const malformed = (reason: string): Notification => ({ objects: [], nothingToDo: [], malformed: [reason] });

/** The outcome of each body in test/fixtures/notifications; its index.json says the same in words. */
const outcomes: Record<string, Notification> = {
  "securitylake-doc.json": objects({
    bucket: "amzn-s3-demo-bucket",
    key: "example-key",
    region: "ca-central-1",
    account: "123456789012",
    size: 5,
    etag: "b57f9512698f4b09e608f4f2a65852e5",
  }),
  "securitylake-object.json": objects(ofEventBridge),
  "securitylake-rollup-region.json": objects({ ...ofEventBridge, key: vpcFlowKey.replace("us-east-1", "us-west-2") }),
  "securitylake-custom-source.json": objects({
    ...ofEventBridge,
    key: "ext/okta_system_log/1.0/region=us-east-1/accountId=111122223333/eventDay=20240611/part-0001.zstd.parquet",
    size: 40211,
  }),
  "securitylake-preview-key.json": objects({
    ...ofEventBridge,
    key: "aws/VPC_FLOW/region=us-east-1/accountId=111122223333/eventHour=2023011913/5113f1f0c7ee2a5b1a5e1b1c5e8c9b63.gz.parquet",
  }),
  "securitylake-iceberg-metadata.json": nothing("Iceberg metadata"),
  "securitylake-zero-bytes.json": nothing("object of 0 bytes"),
  "eventbridge-object-created.json": objects({ ...ofEventBridge, ...version }),
  "eventbridge-completed-multipart.json": objects({ ...ofEventBridge, ...version }),
  "eventbridge-object-deleted.json": nothing("EventBridge Object Deleted"),
  "s3-records.json": objects(vpcFlow),
  "s3-records-two.json": objects(vpcFlow, { ...vpcFlow, key: vpcFlowKey.replace("38442d44", "c0ffee00") }),
  "s3-records-special-key.json": objects({
    ...vpcFlow,
    key: "ext/my source/region=us-east-1/accountId=111122223333/eventDay=20240611/a+b é.parquet",
  }),
  "s3-records-removed.json": nothing("S3 ObjectRemoved:Delete"),
  "s3-test-event.json": nothing("s3:TestEvent"),
  "sns-wrapped-s3-records.json": objects(vpcFlow),
  "sns-wrapped-securitylake.json": objects(ofEventBridge),
  "malformed-json.txt": malformed("the body is not JSON (38 characters)"),
  "malformed-no-key.json": malformed("detail names no readable object key"),
  "malformed-array.json": malformed("the body is an array, not a JSON object"),
  "malformed-empty.txt": malformed("the body is empty (0 characters)"),
};

const folder = join(import.meta.dirname, "fixtures/notifications");
const body = (file: string): string => readFileSync(join(folder, file), "utf8");

describe("parseNotification", () => {
  it("knows an outcome for each of the 21 bodies", () => {
    const listed = Object.keys(JSON.parse(body("index.json"))).map((name) =>
      name.includes(".") ? name : `${name}.json`,
    );
    expect(Object.keys(outcomes).sort()).toEqual(listed.sort());
    expect(listed).toHaveLength(21);
  });

  for (const [file, outcome] of Object.entries(outcomes)) {
    it(`reads ${file}`, () => expect(parseNotification(body(file))).toEqual(outcome));
  }

  it("keeps a good record beside a broken one", () => {
    const { Records } = JSON.parse(body("s3-records.json"));
    const notification = parseNotification(
      JSON.stringify({ Records: [7, Records[0], { eventName: "ObjectCreated:Put" }] }),
    );
    expect(notification.objects).toEqual([vpcFlow]);
    expect(notification.malformed).toEqual(["Records[0] is not a JSON object", "Records[2] names no bucket"]);
  });

  it("keeps what is no event of S3 instead of dropping it", () => {
    const event = JSON.parse(body("eventbridge-object-created.json"));
    const call = { ...event, "detail-type": "AWS API Call via CloudTrail" };
    expect(parseNotification(JSON.stringify(call)).malformed).toEqual([
      'the detail-type is "AWS API Call via CloudTrail", no event of S3',
    ]);
    const { Records } = JSON.parse(body("s3-records.json"));
    Records[0].eventName = "ObjectMoved:Somewhere";
    expect(parseNotification(JSON.stringify({ Records })).malformed).toHaveLength(1);
    Records[0].eventName = "s3:LifecycleExpiration:Delete";
    expect(parseNotification(JSON.stringify({ Records })).nothingToDo).toHaveLength(1);
  });

  it("names a key whose encoding is broken", () => {
    const { Records } = JSON.parse(body("s3-records.json"));
    Records[0].s3.object.key = "a%E0%A4%A";
    expect(parseNotification(JSON.stringify({ Records })).malformed).toEqual([
      "Records[0] names no readable object key",
    ]);
  });

  it("never throws, whatever the body", () => {
    for (const odd of [
      "null",
      "1",
      '"x"',
      "{}",
      '{"detail":7}',
      '{"detail":{}}',
      '{"Records":[]}',
      '{"Records":7}',
      '{"Type":"Notification","Message":"{"}',
    ]) {
      const { malformed, objects } = parseNotification(odd);
      expect(objects).toEqual([]);
      expect(malformed).toHaveLength(1);
    }
  });
});
