import { PutBucketNotificationConfigurationCommand, S3Client } from "@aws-sdk/client-s3";
import { makeObject } from "@threatlockdown/tooling-lake";
import { describe, expect, it } from "vitest";
import type { Result } from "../src/check.ts";
import { written } from "../src/command.ts";
import { createSetting, lakeKey, object, provider, type Setting, type SettingOptions } from "./setting.ts";

const version = "2012-10-17";

interface SetUp {
  readonly name: string;
  /** What the report tells of its kind. */
  readonly shown: readonly RegExp[];
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
  {
    name: "a single account",
    shown: [
      /^ok: role: .* trusts arn:aws:iam::123456789012:user/,
      /^ok: bucket-policy: .* forbids arn:.* nothing/,
      /^ok: arriving: aws\/VPC_FLOW/,
    ],
    // As AWS advises for every bucket.
    make: async ({ aws_cli, lake: { bucket } }) => {
      const deny = {
        Effect: "Deny",
        Principal: "*",
        Action: "s3:*",
        Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
        Condition: { Bool: { "aws:SecureTransport": "false" } },
      };
      const policy = JSON.stringify({ Version: version, Statement: [deny] });
      await aws_cli(`aws s3api put-bucket-policy --bucket ${bucket} --policy '${policy}'`);
    },
  },
  {
    name: "a roll-up Region with events of another, and a bucket there",
    shown: [/^ok: buckets: .*us-east-1-.*; in other Regions: .*eu-west-1-/, /^ok: arriving: .*ROUTE53.* in eu-west-1/],
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
    shown: [/^ok: arriving: .*123456789012.*; 2 accounts expected, as the organization says$/],
    options: {
      aws: {
        accounts: [
          { id: "123456789012", organization: "o-example" },
          { id: "210987654321", organization: "o-example" },
          "333333333333",
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
    },
  },
  {
    name: "a key of the customer's own",
    shown: [
      /^ok: keys: arn:aws:kms:.* lets arn:.*:role\/.*, events\.amazonaws\.com use it/,
      /^ok: role-permissions: .*1 of KMS's keys/,
      /^ok: queue-encryption: by the key arn:aws:kms/,
      /^ok: newest-object: .*, decrypted by the key arn:aws:kms/,
    ],
    options: { subscription: (aws) => ({ kmsKey: lakeKey(aws) }) },
  },
  {
    name: "endpoints of a VPC",
    shown: [/^ok: endpoints: STS at 127\.0\.0\.1.*SQS at 127\.0\.0\.1.*S3 at 127\.0\.0\.1/],
    make: (setting) => {
      const { url } = setting.aws;
      // The subscriber knows them from its own settings alone.
      const { endpoint: _, ...surroundings } = setting.surroundings;
      setting.surroundings = { ...surroundings, adminEndpoint: url };
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
    shown: [/^ok: credentials: .*:assumed-role\/manager\//, /^ok: user: arn:.*:role\/servers\/manager may do/],
    make: (setting) => trusted(setting, withRole(setting, "ec2.amazonaws.com")),
  },
  {
    name: "an instance's role with the lake's rights, without a role to assume",
    shown: [/^not applicable: role: no role is set/, /^ok: newest-object: /],
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
    shown: [
      /^ok: notification: .*EventBridge rule objects-of-the-lake$/,
      /^ok: newest-object: .*announced by EventBridge/,
    ],
    options: { subscription: () => ({ announce: false, maxReceiveCount: 10 }), empty: true },
    make: async (setting) => {
      const { bucket, queueArn, queueUrl, account, region } = setting.lake;
      const pattern = { source: ["aws.s3"], "detail-type": ["Object Created"], detail: { bucket: { name: [bucket] } } };
      const allow = {
        Effect: "Allow",
        Principal: { Service: "events.amazonaws.com" },
        Action: "sqs:SendMessage",
        Resource: queueArn,
        Condition: { ArnEquals: { "aws:SourceArn": `arn:aws:events:${region}:${account}:rule/objects-of-the-lake` } },
      };
      const attributes = { Policy: JSON.stringify({ Version: version, Statement: [allow] }) };
      for (const command of [
        `aws s3api put-bucket-notification-configuration --bucket ${bucket} --notification-configuration '{"EventBridgeConfiguration":{}}'`,
        `aws events put-rule --name objects-of-the-lake --event-pattern '${JSON.stringify(pattern)}'`,
        `aws events put-targets --rule objects-of-the-lake --targets '${JSON.stringify([{ Id: "1", Arn: queueArn }])}'`,
        `aws sqs set-queue-attributes --queue-url ${queueUrl} --attributes '${JSON.stringify(attributes)}'`,
      ]) {
        await setting.aws_cli(command);
      }
      setting.put();
    },
  },
  {
    name: "a rule that says much of the lake's events",
    shown: [
      /^ok: notification: .*EventBridge rule AmazonSecurityLake-\S+-Rule$/,
      /^ok: queue-policy: it lets in: Event/,
    ],
    make: async ({ aws_cli, lake, put }) => {
      const pattern = {
        source: [{ prefix: "aws." }],
        "detail-type": [{ "equals-ignore-case": "object created" }],
        account: [lake.account],
        region: [{ "anything-but": { prefix: ["eu-", "ap-"] } }],
        resources: [`arn:aws:s3:::${lake.bucket}`],
        detail: {
          bucket: { name: [{ wildcard: "aws-security-data-lake-*" }] },
          object: { key: [{ wildcard: "aws/*.gz.parquet" }, { prefix: "ext/" }] },
          reason: [{ "anything-but": ["CopyObject"] }],
          "deletion-type": [{ exists: false }],
        },
        $or: [{ source: ["aws.ec2"] }, { detail: { version: ["0"] } }],
      };
      const name = lake.queueName.replace("-Main-Queue", "-Rule");
      await aws_cli(`aws events put-rule --name ${name} --event-pattern '${JSON.stringify(pattern)}'`);
      put();
    },
    options: { empty: true },
  },
  {
    name: "an event notification of the bucket, and a trusted account",
    shown: [
      /^ok: notification: .*event notification of the bucket$/,
      /^ok: newest-object: .*announced by an event notification of S3/,
    ],
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
    shown: [/^ok: arriving: ext\/okta\/1\.0 of \d+/, /^ok: role-permissions: the queue, 1 source$/],
    options: { subscription: () => ({ sources: ["ext/okta"] }), empty: true },
    make: (setting) =>
      setting.put({
        key: "ext/okta/1.0/region=us-east-1/accountId=123456789012/eventDay=20260101/a.parquet",
        bytes: object.bytes,
      }),
  },
];

describe("a set-up that is right gives no failure and no warning", () => {
  it.concurrent.each(setUps)("$name", async ({ options, make, shown }) => {
    await using setting = await createSetting(options);
    await make?.(setting);
    for (const admin of [true, false]) {
      const results = await setting.verify({ admin });
      const told = results.map(({ check, state, seen }) => `${state}: ${check.id}: ${seen}`);
      expect(told.filter((line) => /^(failed|warning)/.test(line))).toEqual([]);
      if (!admin) continue;
      expect(told.filter((line) => line.startsWith("could not check"))).toEqual([]);
      for (const kind of shown) expect(told).toContainEqual(expect.stringMatching(kind));
    }
    expect(setting.aws.messages(setting.lake.queueUrl)).not.toEqual([]);
  });
});

describe("messages", () => {
  it("that have waited for more than a day do not hide that none has come since", async () => {
    await using setting = await createSetting({ empty: true });
    setting.ahead = -25 * 3_600_000;
    setting.put();
    setting.ahead = 0;
    const found = (await setting.verify()).find(({ check }) => check.id === "messages");
    expect(found).toMatchObject({
      state: "warning",
      seen: expect.stringMatching(/no message that was sent to it for 24 h, and 1 are there: older ones, or new ones/),
    });
  });
});

describe("a policy that is right in its own way", () => {
  const trouble = (results: readonly Result[]) =>
    results.flatMap(({ check, state, seen }) => (/^(failed|warning)$/.test(state) ? [`${check.id}: ${seen}`] : []));
  const byId = (results: readonly Result[], id: string) => results.find(({ check }) => check.id === id);
  const readable = ({ lake }: Setting, more: object) => ({
    Version: version,
    Statement: [
      { Effect: "Allow", Action: "s3:GetObject", Resource: `arn:aws:s3:::${lake.bucket}/aws/VPC_FLOW/2.0/*`, ...more },
    ],
  });

  it("lets the role read a version of a source, as Security Lake writes it, and no older one", async () => {
    await using setting = await createSetting();
    setting.put({ ...object, key: object.key.replace("/2.0/", "/1.0/") });
    setting.put();
    await setting.aws_cli(`aws sqs purge-queue --queue-url ${setting.lake.queueUrl}`);
    setting.put();
    setting.aws.putRolePolicy(setting.lake.roleArn, "SubscriberSources", readable(setting, {}));
    const results = await setting.verify();
    expect(trouble(results)).toEqual([]);
    expect(byId(results, "role-permissions")).toMatchObject({ state: "ok", seen: "the queue, 1 source" });
  });

  it.each([
    ["aws/*.gz.parquet", "ok"],
    ["aws/VPC_FLOW/2.0/region=us-east-1/*", "ok"],
    ["*/region=*/accountId=*", "ok"],
    ["aws/*.csv", "failed"],
  ])("lets the role read %s, which is %s", async (objects, state) => {
    await using setting = await createSetting();
    setting.aws.putRolePolicy(setting.lake.roleArn, "SubscriberSources", {
      Version: version,
      Statement: [
        { Effect: "Allow", Action: "s3:GetObject", Resource: `arn:aws:s3:::${setting.lake.bucket}/${objects}` },
      ],
    });
    const results = await setting.verify();
    expect(byId(results, "role-permissions")?.state).toBe(state);
    // Told and mended of the whole source.
    const { seen, commands = [] } = byId(results, "role-permissions") as Result;
    expect([seen, ...commands.map(written)].join("\n")).not.toContain("region=");
  });

  it("lets the role do with a queue that is given by its URL what is needed", async () => {
    await using setting = await createSetting();
    const { queueArn, queueUrl, roleArn } = setting.lake;
    setting.subscriber = { ...setting.subscriber, queue: queueUrl };
    const allow = (...Action: readonly string[]) =>
      setting.aws.putRolePolicy(roleArn, "SubscriberQueue", {
        Version: version,
        Statement: [{ Effect: "Allow", Action, Resource: queueArn }],
      });
    const needed = ["sqs:ReceiveMessage", "sqs:DeleteMessage"];
    allow(...needed);
    expect(byId(await setting.verify(), "role-permissions")).toMatchObject({
      state: "warning",
      seen: expect.stringMatching(
        /^it may not do sqs:ChangeMessageVisibility, sqs:GetQueueAttributes on .*; the subscriber does without: it takes fewer/,
      ),
    });
    allow(...needed, "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes");
    expect(byId(await setting.verify(), "role-permissions")?.state).toBe("ok");
  });

  it("forbids everybody to read but the role and its account, and everybody to send but EventBridge", async () => {
    await using setting = await createSetting();
    const { bucket, roleArn, account, queueArn, queueUrl } = setting.lake;
    const deny = (NotPrincipal: object, Action: string, Resource: string) => ({
      Effect: "Deny",
      NotPrincipal,
      Action,
      Resource,
    });
    const policyOf = (...Statement: readonly object[]) => JSON.stringify({ Version: version, Statement });
    const read = deny({ AWS: [roleArn, `arn:aws:iam::${account}:root`] }, "s3:GetObject", `arn:aws:s3:::${bucket}/*`);
    await setting.aws_cli(`aws s3api put-bucket-policy --bucket ${bucket} --policy '${policyOf(read)}'`);
    const eventBridge = { Service: "events.amazonaws.com" };
    const send = { Effect: "Allow", Principal: eventBridge, Action: "sqs:SendMessage", Resource: queueArn };
    const Policy = policyOf(send, deny(eventBridge, "sqs:SendMessage", queueArn));
    const attributes = JSON.stringify({ Policy });
    await setting.aws_cli(`aws sqs set-queue-attributes --queue-url ${queueUrl} --attributes '${attributes}'`);
    const results = await setting.verify();
    expect(trouble(results)).toEqual([]);
    for (const id of ["bucket-policy", "queue-policy", "newest-object"]) expect(byId(results, id)?.state).toBe("ok");
  });

  it("lets the role use the key by the key's policy alone, which is enough within one account", async () => {
    let key = "";
    await using setting = await createSetting({
      subscription: (aws) => {
        key = lakeKey(aws);
        return { kmsKey: key };
      },
    });
    setting.aws.putRolePolicy(setting.lake.roleArn, "SubscriberSources", readable(setting, {}));
    const refused = byId(await setting.verify(), "role-permissions");
    expect(refused).toMatchObject({
      state: "failed",
      seen: expect.stringMatching(/kms:Decrypt .*no policy allows it/),
    });
    const to = (Principal: object, Action: string | string[]) => ({
      Effect: "Allow",
      Principal,
      Action,
      Resource: "*",
    });
    const policy = {
      Version: version,
      Statement: [
        to({ AWS: `arn:aws:iam::${setting.aws.account}:root` }, "kms:*"),
        to({ AWS: setting.lake.roleArn }, "kms:Decrypt"),
        to({ Service: "events.amazonaws.com" }, ["kms:GenerateDataKey", "kms:Decrypt"]),
      ],
    };
    await setting.aws_cli(
      `aws kms put-key-policy --key-id ${key} --policy-name default --policy '${JSON.stringify(policy)}'`,
    );
    const results = await setting.verify();
    expect(trouble(results)).toEqual([]);
    expect(byId(results, "role-permissions")).toMatchObject({ state: "ok" });
    expect(byId(results, "newest-object")).toMatchObject({ state: "ok" });
  });

  it("has a condition on what only a real request has: that is no failure", async () => {
    await using setting = await createSetting();
    const Condition = { IpAddress: { "aws:SourceIp": ["127.0.0.0/8", "::1/128"] } };
    setting.aws.putRolePolicy(setting.lake.roleArn, "SubscriberSources", readable(setting, { Condition }));
    setting.aws.putUserPolicy(setting.lake.userArn, "Network", {
      Version: version,
      Statement: [
        { Effect: "Deny", Action: "*", Resource: "*", Condition: { NotIpAddress: { "aws:SourceIp": "127.0.0.0/8" } } },
      ],
    });
    const results = await setting.verify();
    expect(trouble(results)).toEqual([]);
    expect(byId(results, "role-permissions")).toMatchObject({
      state: "could not check",
      seen: expect.stringMatching(/depends on conditions .*: aws:sourceip$/),
      fix: expect.stringMatching(/^Go by the check /),
    });
    expect(byId(results, "user")).toMatchObject({
      state: "ok",
      seen: expect.stringMatching(/ let it do sts:AssumeRole, on conditions that its requests meet \(aws:sourceip\)$/),
    });
    expect(byId(results, "newest-object")?.state).toBe("ok");
  });

  it("lets the user assume the role by that external ID, and in that Region", async () => {
    await using setting = await createSetting();
    const { lake, aws } = setting;
    trusted(setting, `arn:aws:iam::${lake.account}:root`);
    const Condition = { StringEquals: { "sts:ExternalId": lake.externalId, "aws:RequestedRegion": lake.region } };
    aws.putUserPolicy(lake.userArn, `Assume-${lake.roleName}`, {
      Version: version,
      Statement: [{ ...byRole, Resource: lake.roleArn, Condition }],
    });
    const results = await setting.verify();
    expect(trouble(results)).toEqual([]);
    expect(byId(results, "user")?.state).toBe("ok");
  });
});

describe("a repair leaves what forbids something else as it is", () => {
  it("in the policies of a role", async () => {
    await using setting = await createSetting();
    const { lake, aws } = setting;
    const guard = { Effect: "Deny", Action: "*", Resource: "*" };
    aws.putRolePolicy(lake.roleArn, "Guard", {
      Version: version,
      Statement: [
        { ...guard, Condition: { Bool: { "aws:SecureTransport": "false" } } },
        { ...guard, Condition: { StringNotEquals: { "aws:RequestedRegion": lake.region } } },
      ],
    });
    aws.putRolePolicy(lake.roleArn, "SubscriberSources", {
      Version: version,
      Statement: [{ Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::other/*" }],
    });
    const found = (await setting.verify()).find(({ check }) => check.id === "role-permissions") as Result;
    expect(found.state).toBe("failed");
    const printed = (found.commands ?? []).map(written);
    expect(printed).toEqual([expect.stringMatching(/^aws iam put-role-policy .*ThreatLockDown-Subscriber/)]);
  });

  it("in the role's trust policy, and whom else it trusts", async () => {
    await using setting = await createSetting();
    const { aws, lake } = setting;
    const account = { ...byRole, Principal: { AWS: `arn:aws:iam::${lake.account}:root` } };
    const service = { ...byRole, Principal: { Service: "ec2.amazonaws.com" } };
    const Condition = { StringEquals: { "sts:ExternalId": ["<external-id>"] } };
    const changed = async (...Statement: readonly object[]) => {
      aws.setTrust(lake.roleArn, { Version: version, Statement });
      const results = await setting.verify({ reveal: false });
      return (results.find(({ check }) => check.id === "role") as Result).policy;
    };
    // Without an external ID: it is asked for, of all who are named there.
    expect(await changed(account, service)).toEqual({
      Version: version,
      Statement: [{ ...account, Condition }, service],
    });
    // Others of the account have an external ID of their own.
    const others = { ...account, Condition: { StringEquals: { "sts:ExternalId": ["of-others"] } } };
    expect(await changed(others, service)).toEqual({
      Version: version,
      Statement: [
        { ...account, Condition: { StringEquals: { "sts:ExternalId": ["<unchanged>"] } } },
        service,
        { ...byRole, Principal: { AWS: lake.userArn }, Condition },
      ],
    });
  });

  it("in the bucket's policy, whose statement goes on to forbid it to others", async () => {
    await using setting = await createSetting();
    const { bucket, roleArn, account } = setting.lake;
    const admin = `arn:aws:iam::${account}:user/admin`;
    const deny = { Effect: "Deny", Principal: "*", Action: "s3:GetObject", Resource: `arn:aws:s3:::${bucket}/*` };
    const Condition = { StringNotEquals: { "aws:PrincipalArn": admin } };
    const policy = JSON.stringify({ Version: version, Statement: [{ ...deny, Condition }] });
    await setting.aws_cli(`aws s3api put-bucket-policy --bucket ${bucket} --policy '${policy}'`);
    const found = (await setting.verify()).find(({ check }) => check.id === "bucket-policy") as Result;
    expect(found.policy).toEqual({
      Version: version,
      Statement: [{ ...deny, Condition: { ...Condition, ArnNotEquals: { "aws:PrincipalArn": [roleArn] } } }],
    });
  });
});

describe("an old object gives no false warning", () => {
  const ago = (setting: Setting, hours: number, file: { readonly key: string; readonly bytes: Uint8Array }) => {
    setting.ahead = -hours * 3_600_000;
    setting.put(file);
    setting.ahead = 0;
  };
  const arriving = async (setting: Setting) =>
    (await setting.verify()).find(({ check }) => check.id === "arriving") as Result;

  it("of a source whose next version sends", async () => {
    await using setting = await createSetting();
    ago(setting, 100, { ...object, key: object.key.replace("/2.0/", "/1.0/") });
    expect(await arriving(setting)).toMatchObject({
      state: "ok",
      seen: expect.stringContaining("aws/VPC_FLOW/1.0 of 111122223333 in us-east-1: 100 h ago; aws/VPC_FLOW/2.0"),
    });
  });

  it("of a source that is given more time", async () => {
    await using setting = await createSetting({ empty: true });
    ago(setting, 48, object);
    setting.surroundings = { ...setting.surroundings, staleHours: 72 };
    expect(await arriving(setting)).toMatchObject({ state: "ok" });
    setting.surroundings = { ...setting.surroundings, staleHours: 47 };
    expect(await arriving(setting)).toMatchObject({ state: "warning" });
  });
});
