import { describe, expect, it } from "vitest";
import { notification } from "../src/index.ts";

const object = {
  bucket: "aws-security-data-lake-us-east-1-abc",
  key: "ext/my source/region=us-east-1/accountId=1/eventDay=20240611/a+b é(1).parquet",
  size: 5,
  etag: "b57f9512698f4b09e608f4f2a65852e5",
};
const setting = { time: Date.UTC(2024, 5, 11, 3, 5, 9, 123) };

describe("the message that announces an object", () => {
  it("is what Security Lake sends to its subscribers", () => {
    expect(JSON.parse(notification(object, "security-lake", setting))).toEqual({
      source: "aws.s3",
      time: "2024-06-11T03:05:09Z",
      account: "123456789012",
      region: "us-east-1",
      resources: [`arn:aws:s3:::${object.bucket}`],
      detail: {
        bucket: { name: object.bucket },
        object: { key: object.key, size: 5, etag: object.etag },
        "request-id": expect.stringMatching(/^[A-Z0-9]{16}$/),
        requester: "securitylake.amazonaws.com",
      },
    });
  });

  it("is a whole EventBridge event, with the key as it is", () => {
    const body = JSON.parse(notification({ ...object, versionId: "v1" }, "eventbridge", setting));
    expect(body).toMatchObject({ version: "0", "detail-type": "Object Created", source: "aws.s3" });
    expect(body.detail).toMatchObject({ reason: "PutObject", object: { key: object.key, "version-id": "v1" } });
  });

  it("is a native record, with the key encoded as forms are", () => {
    const [record] = JSON.parse(notification(object, "s3-records", setting)).Records;
    expect(record).toMatchObject({ eventName: "ObjectCreated:Put", eventTime: "2024-06-11T03:05:09.123Z" });
    expect(record.s3.object.key).toBe(
      "ext/my+source/region%3Dus-east-1/accountId%3D1/eventDay%3D20240611/a%2Bb+%C3%A9%281%29.parquet",
    );
    expect(decodeURIComponent(record.s3.object.key.replaceAll("+", " "))).toBe(object.key);
  });

  it.each(["security-lake", "s3-records"] as const)("is the %s form inside of a topic's envelope", (form) => {
    const body = JSON.parse(notification(object, `sns-${form}`, setting));
    expect(body.Type).toBe("Notification");
    expect(Object.keys(JSON.parse(body.Message))).toEqual(Object.keys(JSON.parse(notification(object, form, setting))));
  });

  it("is the same for the same object", () => {
    expect(notification(object, "s3-records", setting)).toBe(notification(object, "s3-records", setting));
  });
});
