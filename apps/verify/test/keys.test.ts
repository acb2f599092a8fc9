import { describe, expect, it } from "vitest";
import type { Result } from "../src/check.ts";
import { inPlaceOf } from "../src/sealed.ts";
import { setKeyPolicy } from "./key-faults.ts";
import { createSetting, lakeKey, object, otherObject, type Setting, type SettingOptions } from "./setting.ts";

const version = "2012-10-17";
const withKey: SettingOptions = { subscription: (aws) => ({ kmsKey: lakeKey(aws) }) };
const administrator = { AWS: "arn:aws:iam::123456789012:user/admin" };
const eventBridge = { Service: "events.amazonaws.com" };

const about = (results: readonly Result[], ...ids: readonly string[]) =>
  ids.map((id) => results.find(({ check }) => check.id === id) as Result);

/** It may read objects, and use no key. */
function withoutKey({ aws, lake }: Setting, more: object = {}): void {
  const sources = `arn:aws:s3:::${lake.bucket}/aws/*`;
  const allow = { Effect: "Allow", Action: "s3:GetObject", Resource: sources, ...more };
  aws.putRolePolicy(lake.roleArn, "SubscriberSources", { Version: version, Statement: [allow] });
}

/** The administrator may not do it; the subscriber may do what it could before. */
function deny({ aws }: Setting, service: "s3" | "kms" | "sqs", operation: string): void {
  aws.faults.add({ service, operation, error: service === "s3" ? "AccessDenied" : "AccessDeniedException" });
}

/** The queue has no key, so that all is about the bucket's. */
const queueWithoutKey = (setting: Setting) =>
  setting.aws_cli(
    `aws sqs set-queue-attributes --queue-url ${setting.lake.queueUrl} --attributes '{"KmsMasterKeyId":"","SqsManagedSseEnabled":"true"}'`,
  );

describe("a bucket whose encryption may not be looked at", () => {
  it("has the key that its newest object tells", async () => {
    await using setting = await createSetting(withKey);
    await queueWithoutKey(setting);
    deny(setting, "s3", "GetBucketEncryption");
    const [keys, permissions] = about(await setting.verify(), "keys", "role-permissions");
    expect(keys).toMatchObject({ state: "ok", seen: expect.stringMatching(`^${setting.key} lets arn:`) });
    expect(permissions).toMatchObject({ state: "ok", seen: "the queue, 1 source and 1 of KMS's keys" });
    setKeyPolicy(setting, administrator);
    expect(about(await setting.verify(), "keys")[0]).toMatchObject({
      state: "failed",
      seen: expect.stringMatching(/does not let arn:.*role.* do kms:Decrypt$/),
    });
  });

  it("has none where its newest object has none", async () => {
    await using setting = await createSetting();
    deny(setting, "s3", "GetBucketEncryption");
    const [keys, permissions] = about(await setting.verify(), "keys", "role-permissions");
    expect(keys?.state).toBe("not applicable");
    expect(permissions).toMatchObject({ state: "ok", seen: "the queue, 1 source" });
  });

  it("is not judged where there is no object, or none that is told of", async () => {
    for (const empty of [true, false]) {
      await using setting = await createSetting({ empty });
      deny(setting, "s3", "GetBucketEncryption");
      if (!empty) deny(setting, "s3", "HeadObject");
      for (const found of about(await setting.verify(), "keys", "role-permissions")) {
        expect(found).toMatchObject({
          state: "could not check",
          seen: expect.stringMatching(
            /what the bucket aws-security-data-lake-.* is encrypted by may not be looked at$/,
          ),
          obstacle: { rights: ["s3:GetEncryptionConfiguration"] },
        });
      }
    }
  });
});

describe("a queue whose attributes may not be looked at", () => {
  it("may have a key", async () => {
    await using setting = await createSetting();
    deny(setting, "sqs", "GetQueueAttributes");
    for (const found of about(await setting.verify(), "keys", "role-permissions")) {
      expect(found).toMatchObject({ state: "could not check", obstacle: { rights: ["sqs:GetQueueAttributes"] } });
    }
  });
});

describe("a key that may not be looked at", () => {
  it.each([
    ["DescribeKey", "kms:DescribeKey"],
    ["GetKeyPolicy", "kms:GetKeyPolicy"],
  ])("is not judged: %s", async (operation, right) => {
    await using setting = await createSetting(withKey);
    deny(setting, "kms", operation);
    expect(about(await setting.verify(), "keys")).toMatchObject([
      { state: "could not check", obstacle: { rights: [right] } },
    ]);
  });

  it("is AWS's own, perhaps, where nobody may look", async () => {
    await using setting = await createSetting(withKey);
    const [encryption] = about(await setting.verify({ admin: false }), "queue-encryption");
    expect(encryption).toMatchObject({ state: "could not check", obstacle: { rights: ["kms:DescribeKey"] } });
  });
});

it("a key that a queue calls by alias or id is looked for where the queue is", () => {
  const whole = (name: string) => inPlaceOf("arn:aws-cn:sqs:cn-north-1:210987654321:lake", name);
  const at = "arn:aws-cn:kms:cn-north-1:210987654321";
  expect(whole("alias/lake")).toBe(`${at}:alias/lake`);
  expect(whole("0d1e")).toBe(`${at}:key/0d1e`);
  expect(whole(`${at}:key/1`)).toBe(`${at}:key/1`);
  expect(inPlaceOf("arn:aws:sqs:us-east-1:<account>:lake", "alias/lake")).toBe("alias/lake");
});

describe("AWS's own key of S3", () => {
  it("serves a role of the bucket's account", async () => {
    await using setting = await createSetting({ empty: true });
    const encryption = { Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms" } }] };
    await setting.aws_cli(
      `aws s3api put-bucket-encryption --bucket ${setting.lake.bucket} --server-side-encryption-configuration '${JSON.stringify(encryption)}'`,
    );
    setting.put();
    const results = await setting.verify();
    expect(results.filter(({ state }) => /failed|warning|could not check/.test(state))).toEqual([]);
    expect(about(results, "keys")[0]?.seen).toMatch(/alias\/aws\/s3, which AWS manages: it serves all of account/);
  });
});

describe("a role that no policy lets decrypt", () => {
  /** Neither its own policies nor the key's: of the bucket's key alone, or of the queue's, too. */
  async function setUp(of: "bucket" | "both", options: SettingOptions = withKey): Promise<Setting> {
    const setting = await createSetting(options);
    if (of === "bucket") await queueWithoutKey(setting);
    withoutKey(setting);
    setKeyPolicy(setting, administrator, eventBridge);
    return setting;
  }
  const told = async (setting: Setting) =>
    about(await setting.verify(), "keys", "role-permissions").map(({ state, obstacle }) => ({ state, ...obstacle }));
  const open = { state: "could not check", rights: ["kms:ListGrants"] };

  it("may do so by a grant", async () => {
    await using setting = await setUp("both");
    const { aws, lake, key = "" } = setting;
    aws.grant(key, { grantee: lake.roleArn, operations: ["Decrypt", "DescribeKey"] });
    const results = await setting.verify();
    expect(results.filter(({ state }) => /failed|warning|could not check/.test(state))).toEqual([]);
  });

  it.each([
    ["to another", "arn:aws:iam::123456789012:role/other", "Decrypt"],
    ["for something else", undefined, "GenerateDataKey"],
  ])("may not by a grant %s", async (_, grantee, operation) => {
    await using setting = await setUp("both");
    const { aws, lake, key = "" } = setting;
    aws.grant(key, { grantee: grantee ?? lake.roleArn, operations: [operation] });
    expect(await told(setting)).toMatchObject([{ state: "failed" }, { state: "failed" }]);
  });

  it("may not where the key's policy forbids it, whatever a grant allows", async () => {
    await using setting = await setUp("bucket");
    const { aws, lake, key = "" } = setting;
    aws.grant(key, { grantee: lake.roleArn, operations: ["Decrypt"] });
    const all = { Action: "kms:*", Resource: "*" };
    const Statement = [
      { ...all, Effect: "Allow", Principal: administrator },
      { ...all, Effect: "Deny", Principal: { AWS: lake.roleArn } },
    ];
    aws.setKeyPolicy(key, { Version: version, Statement });
    expect((await told(setting))[0]).toMatchObject({ state: "failed" });
  });

  it("may do so, perhaps, where grants may not be looked at and nothing has been read", async () => {
    await using setting = await setUp("bucket", { ...withKey, empty: true });
    setting.put({ ...otherObject, key: otherObject.key.replace(/\.parquet$/, ".json") });
    deny(setting, "kms", "ListGrants");
    expect(await told(setting)).toMatchObject([open, open]);
  });

  it("has shown that it may where it has read an object, and that it may not where it was refused", async () => {
    await using setting = await setUp("bucket");
    deny(setting, "kms", "ListGrants");
    expect(await told(setting)).toMatchObject([{ state: "failed" }, { state: "failed" }]);
    setting.aws.grant(setting.key ?? "", { grantee: setting.lake.roleArn, operations: ["Decrypt"] });
    expect(await told(setting)).toMatchObject([{ state: "ok" }, { state: "ok" }]);
  });

  it("has shown nothing by an object whose key is disabled", async () => {
    await using setting = await setUp("bucket");
    deny(setting, "kms", "ListGrants");
    setting.aws.grant(setting.key ?? "", { grantee: setting.lake.roleArn, operations: ["Decrypt"] });
    setting.aws.setKeyEnabled(setting.key ?? "", false);
    const [keys, permissions] = about(await setting.verify(), "keys", "role-permissions");
    expect(keys).toMatchObject({ state: "failed", seen: expect.stringMatching(/is disabled$/) });
    expect(permissions).toMatchObject({ state: "could not check", obstacle: { rights: ["kms:ListGrants"] } });
  });

  it("may do so by a grant for some requests, as its reads show", async () => {
    await using setting = await setUp("bucket");
    const { aws, lake, key = "" } = setting;
    const grant = (name: string) =>
      aws.grant(key, {
        grantee: lake.roleArn,
        operations: ["Decrypt"],
        encryptionContext: { "aws:s3:arn": `arn:aws:s3:::${lake.bucket}/${name}` },
      });
    grant("another");
    expect(await told(setting)).toMatchObject([{ state: "failed" }, { state: "failed" }]);
    grant(object.key);
    expect(await told(setting)).toMatchObject([{ state: "ok" }, { state: "ok" }]);
  });
});

describe("policies at resources", () => {
  it("are read once in a run, however many of the role's rights depend on them", async () => {
    await using setting = await createSetting(withKey);
    setting.put(otherObject);
    withoutKey(setting, { Action: "s3:ListBucket" });
    setting.aws.requests.clear();
    const [permissions] = about(await setting.verify(), "role-permissions");
    expect(permissions?.seen).toMatch(/s3:GetObject on .*VPC_FLOW.*WAF/);
    expect(setting.aws.requests.count({ operation: "GetBucketPolicy" })).toBe(1);
    expect(setting.aws.requests.count({ operation: "GetKeyPolicy" })).toBe(1);
    expect(setting.aws.requests.count({ operation: "DescribeKey" })).toBe(1);
  });
});

it("a key that is disabled is enabled at another place than its policy's", async () => {
  await using setting = await createSetting(withKey);
  setting.aws.setKeyEnabled(setting.key ?? "", false);
  const id = setting.key?.split("/").at(-1);
  const place = async () => about(await setting.verify(), "keys")[0]?.console;
  expect(await place()).toBe(`KMS > Customer managed keys > ${id} > Key actions > Enable`);
  setKeyPolicy(setting, administrator);
  expect(await place()).toBe(`KMS > Customer managed keys > ${id} > Key actions > Enable, then Key policy`);
});
