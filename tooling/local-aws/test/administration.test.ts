import { CloudWatchClient, GetMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import {
  DescribeKeyCommand,
  EnableKeyCommand,
  GetKeyPolicyCommand,
  KMSClient,
  ListGrantsCommand,
  PutKeyPolicyCommand,
} from "@aws-sdk/client-kms";
import { OrganizationsClient, paginateListAccounts } from "@aws-sdk/client-organizations";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Credentials, LocalAws } from "../src/index.ts";
import { createClock, refusal, startLocalAws } from "./clients.ts";

const clock = createClock();
const ids = Array.from({ length: 25 }, (_, index) => String(100_000_000_000 + index));
let aws: LocalAws;
let nobody: Credentials;

beforeAll(async () => {
  aws = await startLocalAws({
    now: clock.now,
    accounts: [...ids.map((id) => ({ id, organization: "o-example" })), "999999999999"],
  });
  nobody = aws.createUser({ name: "nobody" }).credentials;
});
afterAll(() => aws.close());

const settings = (credentials = aws.credentials) => ({ endpoint: aws.url, region: aws.region, credentials });

describe("Organizations", () => {
  const list = async (credentials?: Credentials) => {
    const found: unknown[] = [];
    const client = new OrganizationsClient(settings(credentials));
    for await (const { Accounts } of paginateListAccounts({ client }, {})) found.push(...(Accounts ?? []));
    return found.map((account) => (account as { Id: string }).Id);
  };

  it("lists the accounts of the caller's own, page by page, to those who may", async () => {
    expect(await list()).toEqual(ids);
    expect(await refusal(list(nobody))).toBe("AccessDeniedException");
  });

  it("is not in use for an account without one", async () => {
    const { credentials } = aws.createUser({
      name: "alone",
      account: "999999999999",
      policies: {
        All: { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "organizations:*", Resource: "*" }] },
      },
    });
    expect(await refusal(list(credentials))).toBe("AWSOrganizationsNotInUseException");
  });
});

describe("KMS", () => {
  it("shows and changes a key's policy and state to those whom key and policies allow", async () => {
    const KeyId = aws.createKey();
    const kms = new KMSClient(settings());
    const { Policy = "" } = await kms.send(new GetKeyPolicyCommand({ KeyId }));
    const policy = JSON.parse(Policy);
    expect(policy.Statement).toHaveLength(1);
    policy.Statement.push({
      Effect: "Allow",
      Principal: { Service: "events.amazonaws.com" },
      Action: "kms:Decrypt",
      Resource: "*",
    });
    await kms.send(new PutKeyPolicyCommand({ KeyId, Policy: JSON.stringify(policy) }));
    expect(JSON.parse((await kms.send(new GetKeyPolicyCommand({ KeyId }))).Policy ?? "")).toEqual(policy);
    aws.setKeyEnabled(KeyId, false);
    expect((await kms.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata).toMatchObject({ KeyState: "Disabled" });
    await kms.send(new EnableKeyCommand({ KeyId }));
    expect((await kms.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata).toMatchObject({ KeyState: "Enabled" });
    const other = new KMSClient(settings(nobody));
    expect(await refusal(other.send(new DescribeKeyCommand({ KeyId })))).toBe("AccessDeniedException");
    expect(await refusal(kms.send(new DescribeKeyCommand({ KeyId: "none" })))).toBe("NotFoundException");
    expect(await refusal(kms.send(new PutKeyPolicyCommand({ KeyId, Policy: "{}" })))).toBe(
      "MalformedPolicyDocumentException",
    );
  });

  it("tells of keys under all their names, whose they are, and of their grants", async () => {
    const arn = aws.createKey({ alias: "alias/told" });
    const kms = new KMSClient(settings());
    const about = async (KeyId: string) => (await kms.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata;
    for (const name of ["alias/told", arn.split("/")[1] as string, arn.replace(/key\/.*/, "alias/told"), arn]) {
      expect(await about(name)).toMatchObject({ Arn: arn, KeyManager: "CUSTOMER", KeyState: "Enabled" });
    }
    const own = await about("alias/aws/s3");
    expect(own).toMatchObject({ KeyManager: "AWS", KeyState: "Enabled" });
    expect(await about("alias/aws/s3")).toEqual(own);
    const put = new PutKeyPolicyCommand({ KeyId: own?.Arn, Policy: "{}" });
    expect(await refusal(kms.send(put))).toBe("AccessDeniedException");
    const grantee = (name: string) => `arn:aws:iam::${aws.account}:role/${name}`;
    for (const name of ["one", "other"]) aws.grant(arn, { grantee: grantee(name), operations: ["Decrypt"] });
    const list = new ListGrantsCommand({ KeyId: arn, GranteePrincipal: grantee("one") });
    expect((await kms.send(list)).Grants).toMatchObject([
      { GranteePrincipal: grantee("one"), Operations: ["Decrypt"] },
    ]);
  });
});

describe("CloudWatch", () => {
  it("tells what a queue was sent, by its hours, and holds now", async () => {
    const { name } = aws.createQueue({ name: "lake" });
    aws.sendMessage(name, "a");
    aws.sendMessage(name, "b");
    clock.pass(7_200);
    aws.sendMessage(name, "c");
    const ask = (MetricName: string) => ({
      Id: MetricName.toLowerCase(),
      MetricStat: {
        Metric: { Namespace: "AWS/SQS", MetricName, Dimensions: [{ Name: "QueueName", Value: name }] },
        Period: 3_600,
        Stat: "Sum",
      },
    });
    const { MetricDataResults: results = [] } = await new CloudWatchClient(settings()).send(
      new GetMetricDataCommand({
        MetricDataQueries: [ask("NumberOfMessagesSent"), ask("ApproximateNumberOfMessagesVisible")],
        StartTime: new Date(clock.now() - 86_400_000),
        EndTime: new Date(clock.now() + 60_000),
      }),
    );
    expect(results.map(({ Values }) => Values)).toEqual([[1, 2], [3]]);
    expect(results[0]?.Timestamps?.[0]).toBeInstanceOf(Date);
  });
});
