import { describe, expect, it } from "vitest";
import { createSetting, type Setting } from "./setting.ts";

const version = "2012-10-17";
const here = { "aws:SourceIp": ["127.0.0.0/8", "::1/128"] };
const elsewhere = { "aws:SourceIp": "10.0.0.0/8" };

async function found(setting: Setting, id: string) {
  const results = await setting.verify();
  const { state, seen, fix } = results.find(({ check }) => check.id === id) ?? {};
  return { state, seen, fix };
}

const open = (keys: string) => ({
  state: "could not check",
  seen: expect.stringMatching(new RegExp(`depends on conditions that only a real request meets or not: ${keys}$`)),
  fix: expect.stringMatching(/^Go by the check /),
});

describe("what depends on a condition that is not known here is not called right", () => {
  it.each([
    ["aws:SourceVpce", "vpce-1a2b3c4d"],
    ["aws:PrincipalOrgID", "o-other"],
  ])("a bucket's Deny unless %s", async (key, value) => {
    await using setting = await createSetting();
    const { bucket } = setting.lake;
    const Condition = { StringNotEquals: { [key]: value } };
    const deny = { Effect: "Deny", Principal: "*", Action: "s3:*", Resource: `arn:aws:s3:::${bucket}/*`, Condition };
    const policy = JSON.stringify({ Version: version, Statement: [deny] });
    await setting.aws_cli(`aws s3api put-bucket-policy --bucket ${bucket} --policy '${policy}'`);
    expect(await found(setting, "bucket-policy")).toEqual(open(key));
    expect(await found(setting, "newest-object")).toMatchObject({ state: "failed" });
  });

  it.each([
    ["aws:SourceIp", { IpAddress: elsewhere }],
    ["aws:PrincipalTag/team", { StringLike: { "aws:PrincipalTag/team": "x" } }],
  ])("trust on %s", async (key, more) => {
    await using setting = await createSetting();
    const { lake, aws } = setting;
    const Condition = { StringEquals: { "sts:ExternalId": lake.externalId }, ...more };
    const allow = { Effect: "Allow", Principal: { AWS: lake.userArn }, Action: "sts:AssumeRole", Condition };
    aws.setTrust(lake.roleArn, { Version: version, Statement: [allow] });
    expect(await found(setting, "role")).toEqual(open(key));
  });

  it("what the user's own policies forbid", async () => {
    await using setting = await createSetting();
    const { aws, lake } = setting;
    aws.putUserPolicy(lake.userArn, "Network", {
      Version: version,
      Statement: [{ Effect: "Deny", Action: "*", Resource: "*", Condition: { NotIpAddress: elsewhere } }],
    });
    expect(await found(setting, "user")).toEqual(open("aws:sourceip"));
    expect(await found(setting, "assume-role")).toMatchObject({ state: "failed" });
  });

  it("what the role's own policies lack, and the bucket's allows on a condition", async () => {
    await using setting = await createSetting();
    const { lake, aws, aws_cli } = setting;
    const Resource = `arn:aws:s3:::${lake.bucket}/*`;
    aws.putRolePolicy(lake.roleArn, "SubscriberSources", {
      Version: version,
      Statement: [{ Effect: "Allow", Action: "s3:ListBucket", Resource: "*" }],
    });
    const allow = { Effect: "Allow", Principal: { AWS: lake.roleArn }, Action: "s3:GetObject", Resource };
    const policy = JSON.stringify({ Version: version, Statement: [{ ...allow, Condition: { IpAddress: here } }] });
    await aws_cli(`aws s3api put-bucket-policy --bucket ${lake.bucket} --policy '${policy}'`);
    expect(await found(setting, "role-permissions")).toEqual(open("aws:SourceIp"));
    expect(await found(setting, "newest-object")).toMatchObject({ state: "ok" });
  });
});

describe("what depends on it is right where a real request shows it", () => {
  it("of a bucket's Deny", async () => {
    await using setting = await createSetting();
    const { bucket } = setting.lake;
    const Condition = { NotIpAddress: here };
    const deny = { Effect: "Deny", Principal: "*", Action: "s3:*", Resource: `arn:aws:s3:::${bucket}/*`, Condition };
    const policy = JSON.stringify({ Version: version, Statement: [deny] });
    await setting.aws_cli(`aws s3api put-bucket-policy --bucket ${bucket} --policy '${policy}'`);
    expect(await found(setting, "bucket-policy")).toMatchObject({
      state: "ok",
      seen: expect.stringMatching(/ forbids arn:\S+ nothing where its requests are \(aws:SourceIp\)$/),
    });
  });

  it("of trust", async () => {
    await using setting = await createSetting();
    const { lake, aws } = setting;
    const Condition = { StringEquals: { "sts:ExternalId": lake.externalId }, IpAddress: here };
    const allow = { Effect: "Allow", Principal: { AWS: lake.userArn }, Action: "sts:AssumeRole", Condition } as const;
    aws.setTrust(lake.roleArn, { Version: version, Statement: [allow] });
    expect(await found(setting, "role")).toMatchObject({
      state: "ok",
      seen: expect.stringMatching(/ on conditions that its requests meet \(aws:SourceIp\); sessions of /),
    });
  });
});

it("a trust policy that compares the external ID as a set insists on it", async () => {
  await using setting = await createSetting();
  const { lake, aws } = setting;
  const Condition = { "ForAnyValue:StringEquals": { "sts:ExternalId": [lake.externalId] } };
  const allow = { Effect: "Allow", Principal: { AWS: lake.userArn }, Action: "sts:AssumeRole", Condition };
  aws.setTrust(lake.roleArn, { Version: version, Statement: [allow] });
  expect(await found(setting, "role")).toMatchObject({ state: "ok" });
});
