import { networkInterfaces } from "node:os";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { GetQueueUrlCommand, SQSClient } from "@aws-sdk/client-sqs";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { createSubscription, type LocalAws, type Subscription, startLocalAws } from "@threatlockdown/tooling-local-aws";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { findCaller, type LakeSettings, lakeCredentials, s3Endpoint } from "../src/index.ts";

const hasIPv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
);

describe("the role of a subscription", () => {
  let aws: LocalAws;
  let subscription: Subscription;
  let time = 0;

  beforeEach(async () => {
    time = Date.now();
    aws = await startLocalAws({ now: () => time, accounts: ["123456789012", "444455556666"] });
    subscription = createSubscription(aws, { userAccount: "444455556666", externalId: "wazuh-external-id-value" });
  });

  afterEach(async () => {
    vi.unstubAllEnvs();
    await aws?.close();
  });

  function settings(): LakeSettings {
    const { roleArn, externalId, region, userCredentials } = subscription;
    return {
      roleArn,
      externalId,
      region,
      stsEndpoint: aws.endpoints.sts,
      base: async () => userCredentials,
      now: () => time,
    };
  }

  it("serves queue and bucket with one session, named after product and host", async () => {
    const { region } = aws;
    aws.putObject({ bucket: subscription.bucket, key: "aws/VPC_FLOW/2.0/a=b.parquet", body: "rows" });
    const credentials = lakeCredentials({ ...settings(), sessionName: "threatlockdown-manager-1" });
    const sqs = new SQSClient({ region, endpoint: aws.endpoints.sqs, credentials });
    const s3 = new S3Client({ region, credentials, ...s3Endpoint(aws.endpoints.s3) });
    const sts = new STSClient({ region, endpoint: aws.endpoints.sts, credentials });
    const [queue, object, caller] = await Promise.all([
      sqs.send(new GetQueueUrlCommand({ QueueName: subscription.queueName })),
      s3.send(new GetObjectCommand({ Bucket: subscription.bucket, Key: "aws/VPC_FLOW/2.0/a=b.parquet" })),
      sts.send(new GetCallerIdentityCommand({})),
    ]);
    expect(queue.QueueUrl).toBe(subscription.queueUrl);
    expect(await object.Body?.transformToString()).toBe("rows");
    expect(caller.Arn).toBe(
      `arn:aws:sts::${aws.account}:assumed-role/${subscription.roleName}/threatlockdown-manager-1`,
    );
    expect(aws.requests.count({ operation: "AssumeRole" })).toBe(1);
  });

  it("knows whose the credentials are", async () => {
    const { region } = aws;
    const asked = { region, stsEndpoint: aws.endpoints.sts };
    expect(await findCaller(lakeCredentials({ ...settings(), sessionName: "here" }), asked)).toEqual({
      arn: `arn:aws:sts::${aws.account}:assumed-role/${subscription.roleName}/here`,
      account: aws.account,
    });
    expect(await findCaller(async () => subscription.userCredentials, asked)).toEqual({
      arn: "arn:aws:iam::444455556666:user/threatlockdown",
      account: "444455556666",
    });
    await expect(
      findCaller(async () => ({ accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "x" }), asked),
    ).rejects.toThrow(/^sts:GetCallerIdentity: InvalidClientTokenId: .*\(1\) the access key does not exist/);
  });

  it("is renewed before its end, without a call that fails", async () => {
    const { region } = aws;
    const credentials = lakeCredentials({ ...settings(), durationSeconds: 900 });
    const sqs = new SQSClient({ region, endpoint: aws.endpoints.sqs, credentials });
    const until = time + 2 * 3_600_000;
    while (time < until) {
      const { expiration } = await credentials();
      expect(expiration?.getTime()).toBeGreaterThan(time);
      await sqs.send(new GetQueueUrlCommand({ QueueName: subscription.queueName }));
      time += 120_000;
    }
    const expired = aws.requests.list().filter((request) => request.code?.startsWith("ExpiredToken"));
    expect(expired).toEqual([]);
    expect(aws.requests.count({ operation: "AssumeRole", status: 200 })).toBeGreaterThanOrEqual(8);
    expect(aws.requests.count({ operation: "AssumeRole", status: 200 })).toBeLessThanOrEqual(12);
  });

  it("carries a run of five minutes over sessions of one", async () => {
    await aws.close();
    aws = await startLocalAws({ now: () => time, accounts: ["123456789012", "444455556666"], sessionSeconds: 60 });
    subscription = createSubscription(aws, { userAccount: "444455556666" });
    const credentials = lakeCredentials(settings());
    const sqs = new SQSClient({ region: aws.region, endpoint: aws.endpoints.sqs, credentials });
    for (const end = time + 300_000; time < end; time += 5_000)
      await sqs.send(new GetQueueUrlCommand({ QueueName: subscription.queueName }));
    expect(aws.requests.list().filter((request) => request.status >= 400)).toEqual([]);
    expect(aws.requests.count({ operation: "AssumeRole", status: 200 })).toBeGreaterThanOrEqual(5);
  });

  it("goes on while STS is away", async () => {
    const failures: number[] = [];
    const credentials = lakeCredentials({
      ...settings(),
      durationSeconds: 900,
      onFailure: (_error, validForMs) => failures.push(validForMs),
    });
    const first = await credentials();
    const mended = aws.faults.add({
      service: "sts",
      operation: "AssumeRole",
      error: "ServiceUnavailable",
      status: 503,
    });
    for (const step of [700_000, 60_000, 60_000]) {
      const before = failures.length;
      time += step;
      expect(await credentials()).toBe(first);
      await expect.poll(() => failures.length).toBeGreaterThan(before);
    }
    mended();
    time += 40_000;
    await expect.poll(async () => (await credentials()) !== first).toBe(true);
  });

  it.each<[string, (arn: string) => Partial<LakeSettings>, RegExp]>([
    [
      "a wrong external id",
      () => ({ externalId: "not-the-one" }),
      /^sts:AssumeRole on arn:aws:iam::\d+:role\/AmazonSecurityLake-[\w-]+ as arn:aws:iam::444455556666:user\/threatlockdown: AccessDenied: .*\(1\) the external id is not the one/,
    ],
    ["no external id", () => ({ externalId: undefined }), /\(1\) the trust policy of the role asks for an external id/],
    [
      "a role that is not there",
      (arn) => ({ roleArn: `${arn}-other` }),
      /there is no such role: AWS does not tell|no policy of this user or role allows sts:AssumeRole/,
    ],
    ["a session longer than the role allows", () => ({ durationSeconds: 7_200 }), /shorter iam_role_duration or raise/],
    [
      "an unknown key",
      () => ({ base: async () => ({ accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "x" }) }),
      /InvalidClientTokenId: .*\(1\) the access key does not exist/,
    ],
    [
      "a wrong secret",
      () => ({
        base: async () => ({
          accessKeyId: subscription.userCredentials.accessKeyId,
          secretAccessKey: "not-the-secret",
        }),
      }),
      /SignatureDoesNotMatch: .*\(1\) the secret access key does not belong/,
    ],
  ])("says what is wrong with %s", async (_what, change, expected) => {
    const failing = lakeCredentials({ ...settings(), ...change(subscription.roleArn) })();
    await expect(failing).rejects.toMatchObject({ code: "AUTH_ROLE" });
    await expect(failing).rejects.toThrow(expected);
    await expect(failing).rejects.toThrow(/^(?!.*(not-the-one|not-the-secret|wazuh-external-id-value|\n))/);
  });

  it("says that from role to role a session lasts an hour", async () => {
    const hop = aws.createRole({
      name: "hop",
      account: "444455556666",
      trust: {
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: { AWS: "*" }, Action: "sts:AssumeRole" }],
      },
      policies: {
        on: { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Resource: "*" }] },
      },
    });
    const lake = aws.createRole({
      name: "lake",
      maxSessionDuration: 43_200,
      trust: {
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: { AWS: hop.arn }, Action: "sts:AssumeRole" }],
      },
    });
    const chained = {
      ...settings(),
      roleArn: lake.arn,
      externalId: undefined,
      base: async () => aws.issueSession(hop.arn),
    };
    expect((await lakeCredentials({ ...chained, durationSeconds: 3_600 })()).sessionToken).toBeDefined();
    await expect(lakeCredentials({ ...chained, durationSeconds: 7_200 })()).rejects.toThrow(
      /from role to role a session lasts one hour at most; set iam_role_duration to 3600 or less/,
    );
  });

  it("works with a clock that is hours off", async () => {
    time += 5 * 3_600_000;
    const credentials = lakeCredentials({ ...settings(), now: Date.now });
    const { expiration } = await credentials();
    expect(Math.abs((expiration?.getTime() ?? 0) - Date.now() - 3_600_000)).toBeLessThan(60_000);
  });

  it.each(["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"])("is asked for where %s says", async (name) => {
    vi.stubEnv(name, aws.url);
    const { accessKeyId } = await lakeCredentials({ ...settings(), stsEndpoint: undefined })();
    expect(accessKeyId).toMatch(/^ASIA/);
    expect(aws.requests.count({ operation: "AssumeRole", status: 200 })).toBe(1);
    vi.stubEnv(name, "http://127.0.0.1:1");
    await lakeCredentials(settings())(); // <sts_endpoint> comes first
    expect(aws.requests.count({ operation: "AssumeRole", status: 200 })).toBe(2);
  });

  it.skipIf(!hasIPv6)("is asked for over IPv6, and so is an object of a bucket", async () => {
    await aws.close();
    aws = await startLocalAws({ now: () => time, host: "::1" });
    subscription = createSubscription(aws);
    aws.putObject({ bucket: subscription.bucket, key: "aws/WAF/2.0/a", body: "rows" });
    const credentials = lakeCredentials(settings());
    const s3 = new S3Client({ region: aws.region, credentials, ...s3Endpoint(aws.endpoints.s3) });
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: subscription.bucket, Key: "aws/WAF/2.0/a" }));
    expect(await Body?.transformToString()).toBe("rows");
    s3.destroy();
  });

  it("cannot be had where nothing listens, and leaves that to whoever repeats calls", async () => {
    await expect(lakeCredentials({ ...settings(), stsEndpoint: "http://127.0.0.1:1" })()).rejects.toMatchObject({
      code: "ECONNREFUSED",
    });
  });
});
