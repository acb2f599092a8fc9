import { PutBucketNotificationConfigurationCommand, S3Client } from "@aws-sdk/client-s3";
import { makeObject } from "@threatlockdown/tooling-lake";
import { describe, expect, it } from "vitest";
import { createSetting, lakeKey, object, provider, type Setting, type SettingOptions } from "./setting.ts";

const version = "2012-10-17";

interface SetUp {
  readonly name: string;
  readonly options?: SettingOptions;
  make?(setting: Setting): void | Promise<void>;
}

const byRole = { Effect: "Allow", Action: "sts:AssumeRole" };

/** The credentials at hand are those of a role, as on an instance. */
function withRole(setting: Setting, service: string): string {
  const { aws, lake } = setting;
  const trust = { Version: version, Statement: [{ ...byRole, Principal: { Service: service } }] };
  const policy = { Version: version, Statement: [{ ...byRole, Resource: lake.roleArn }] };
  const { arn } = aws.createRole({ name: "manager", path: "/servers/", trust, policies: { Assume: policy } });
  setting.surroundings = { ...setting.surroundings, base: provider(aws.issueSession(arn)) };
  return arn;
}

function trusted(setting: Setting, principal: string): void {
  const { aws, lake } = setting;
  const Condition = { StringEquals: { "sts:ExternalId": lake.externalId } };
  aws.setTrust(lake.roleArn, {
    Version: version,
    Statement: [{ ...byRole, Principal: { AWS: principal }, Condition }],
  });
}

const setUps: readonly SetUp[] = [
  { name: "a single account" },
  {
    name: "a roll-up Region with events of another, and a bucket there",
    make: ({ aws, put }) => {
      const { key, bytes } = makeObject({ source: "route53_2_0", rows: 5, seed: "roll-up" });
      put({ key: key.replace(/region=[^/]*/, "region=eu-west-1"), bytes });
      aws.createBucket({
        name: "aws-security-data-lake-eu-west-1-abcdefghijklmnopqrstuvwxyz0123",
        region: "eu-west-1",
      });
    },
  },
  {
    name: "an organization whose accounts all send",
    options: {
      aws: {
        accounts: [
          { id: "123456789012", organization: "o-example" },
          { id: "210987654321", organization: "o-example" },
        ],
      },
    },
    make: (setting) => {
      const { key, bytes } = makeObject({ source: "waf_2_0", rows: 5, seed: "organization" });
      for (const account of ["123456789012", "210987654321"]) {
        setting.put({ key: key.replace(/accountId=[^/]*/, `accountId=${account}`), bytes });
      }
      setting.aws.setServiceControlPolicies("123456789012", [
        { Version: version, Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] },
      ]);
      setting.surroundings = { ...setting.surroundings, accounts: ["123456789012", "210987654321"] };
    },
  },
  { name: "a key of the customer's own", options: { subscription: (aws) => ({ kmsKey: lakeKey(aws) }) } },
  {
    name: "endpoints of a VPC",
    make: (setting) => {
      const { url } = setting.aws;
      setting.subscriber = {
        ...setting.subscriber,
        stsEndpoint: url,
        serviceEndpoint: url,
        queue: setting.lake.queueUrl,
      };
    },
  },
  {
    name: "an instance's role that assumes the lake's",
    make: (setting) => trusted(setting, withRole(setting, "ec2.amazonaws.com")),
  },
  {
    name: "an instance's role with the lake's rights, without a role to assume",
    make: (setting) => {
      const { aws, lake } = setting;
      const allow = (Action: string | string[], Resource: string) => ({ Effect: "Allow", Action, Resource });
      aws.putRolePolicy(withRole(setting, "ec2.amazonaws.com"), "Lake", {
        Version: version,
        Statement: [allow("sqs:*", lake.queueArn), allow("s3:GetObject", `arn:aws:s3:::${lake.bucket}/*`)],
      });
      const { roleArn: _, externalId: __, durationSeconds: ___, ...subscriber } = setting.subscriber;
      setting.subscriber = { ...subscriber, queue: lake.queueArn };
    },
  },
  {
    name: "an EventBridge rule of one's own",
    options: { subscription: () => ({ form: "eventbridge", maxReceiveCount: 10 }) },
  },
  {
    name: "an event notification of the bucket, and a trusted account",
    options: { subscription: () => ({ announce: false }), empty: true },
    make: async (setting) => {
      const { aws, lake } = setting;
      const Statement = {
        Effect: "Allow",
        Principal: { Service: "s3.amazonaws.com" },
        Action: "sqs:SendMessage",
        Resource: lake.queueArn,
        Condition: {
          ArnLike: { "aws:SourceArn": `arn:aws:s3:*:*:${lake.bucket}` },
          StringEquals: { "aws:SourceAccount": lake.account },
        },
      };
      const attributes = JSON.stringify({ Policy: JSON.stringify({ Version: version, Statement }) });
      await setting.aws_cli(`aws sqs set-queue-attributes --queue-url ${lake.queueUrl} --attributes '${attributes}'`);
      const client = new S3Client({
        endpoint: aws.url,
        region: lake.region,
        credentials: aws.credentials,
        forcePathStyle: true,
      });
      const QueueConfigurations = [{ QueueArn: lake.queueArn, Events: ["s3:ObjectCreated:*" as const] }];
      await client.send(
        new PutBucketNotificationConfigurationCommand({
          Bucket: lake.bucket,
          NotificationConfiguration: { QueueConfigurations },
        }),
      );
      await setting.aws_cli(`aws sqs purge-queue --queue-url ${lake.queueUrl}`);
      setting.put();
      trusted(setting, `arn:aws:iam::${lake.account}:root`);
    },
  },
  {
    name: "a custom source only",
    options: { subscription: () => ({ sources: ["ext/okta"] }), empty: true },
    make: (setting) =>
      setting.put({
        key: "ext/okta/1.0/region=us-east-1/accountId=123456789012/eventDay=20260101/a.parquet",
        bytes: object.bytes,
      }),
  },
];

describe("a set-up that is right gives no failure and no warning", () => {
  it.concurrent.each(setUps)("$name", async ({ options, make }) => {
    await using setting = await createSetting(options);
    await make?.(setting);
    for (const admin of [true, false]) {
      const results = await setting.verify({ admin });
      const told = results.map(({ check, state, seen }) => `${state}: ${check.id}: ${seen}`);
      expect(told.filter((line) => /^(failed|warning)/.test(line))).toEqual([]);
      if (admin) expect(told.filter((line) => line.startsWith("could not check"))).toEqual([]);
    }
    expect(setting.aws.messages(setting.lake.queueUrl)).not.toEqual([]);
  });
});
