import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { AssumeRoleCommand } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSubscription, type LocalAws, type Subscription } from "../src/index.ts";
import { clientsOf, failure, refusal, startLocalAws } from "./clients.ts";

const [lake, managers] = ["123456789012", "210987654321"] as const;
const key = "aws/VPC_FLOW/2.0/region=us-east-1/accountId=1/eventDay=20260924/a.gz.parquet";
let aws: LocalAws;

beforeAll(async () => {
  aws = await startLocalAws({ accounts: [lake, managers] });
});
afterAll(() => aws.close());

async function assume({ userCredentials, roleArn, externalId }: Subscription) {
  const { Credentials: given } = await clientsOf(aws, userCredentials).sts.send(
    new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: "host", ExternalId: externalId }),
  );
  return clientsOf(aws, {
    accessKeyId: given?.AccessKeyId ?? "",
    secretAccessKey: given?.SecretAccessKey ?? "",
    sessionToken: given?.SessionToken ?? "",
  });
}

describe("a subscription", () => {
  it("has the names of the real one", () => {
    const made = createSubscription(aws, { userName: "named" });
    const id = /^AmazonSecurityLake-([0-9a-f-]{36})$/.exec(made.roleName)?.[1];
    expect(made.queueName).toBe(`AmazonSecurityLake-${id}-Main-Queue`);
    expect(made.roleArn).toBe(`arn:aws:iam::${lake}:role/AmazonSecurityLake-${id}`);
    expect(made.bucket).toMatch(/^aws-security-data-lake-us-east-1-[a-z0-9]{30}$/);
  });

  it("lets its role do what a subscriber does, and nothing else", async () => {
    const made = createSubscription(aws, { userAccount: managers });
    const { sqs, s3 } = await assume(made);
    const { etag, size } = aws.putObject({ bucket: made.bucket, key, body: "parquet" });

    const { QueueUrl } = await sqs.send(
      new GetQueueUrlCommand({ QueueName: made.queueName, QueueOwnerAWSAccountId: lake }),
    );
    expect(QueueUrl).toBe(made.queueUrl);
    await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }));
    const { Messages: [message] = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
    expect(JSON.parse(message?.Body ?? "").detail).toMatchObject({
      bucket: { name: made.bucket },
      object: { key, size, etag },
    });
    const ReceiptHandle = message?.ReceiptHandle;
    await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 600 }));
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: made.bucket, Key: key }));
    expect(await Body?.transformToString()).toBe("parquet");
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    expect(aws.messages(made.queueName)).toHaveLength(0);

    const refusals = await Promise.all(
      [
        sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "x" })),
        s3.send(new PutObjectCommand({ Bucket: made.bucket, Key: key, Body: "x" })),
        s3.send(new ListObjectsV2Command({ Bucket: made.bucket })),
        s3.send(new GetObjectCommand({ Bucket: made.bucket, Key: "other/k" })),
        s3.send(new GetObjectCommand({ Bucket: made.bucket, Key: `${key}-missing` })),
      ].map(refusal),
    );
    expect(new Set(refusals)).toEqual(new Set(["AccessDenied"]));
  });

  it("can be of some sources, encrypted by a key, with a dead-letter queue", async () => {
    const kmsKey = aws.createKey();
    const made = createSubscription(aws, {
      userName: "special",
      sources: ["ext/okta"],
      kmsKey,
      maxReceiveCount: 3,
    });
    aws.setKeyPolicy(kmsKey, {
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Principal: { AWS: lake }, Action: "kms:*", Resource: "*" },
        {
          Effect: "Allow",
          Principal: { Service: "events.amazonaws.com" },
          Action: ["kms:GenerateDataKey", "kms:Decrypt"],
          Resource: "*",
        },
      ],
    });
    const okta = key.replace("aws/VPC_FLOW", "ext/okta");
    for (const name of [key, okta]) aws.putObject({ bucket: made.bucket, key: name, body: "parquet" });
    const { sqs, s3 } = await assume(made);
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: made.queueUrl }));
    expect(Messages.map(({ Body }) => JSON.parse(Body ?? "").detail.object.key)).toEqual([okta]);
    await s3.send(new GetObjectCommand({ Bucket: made.bucket, Key: okta }));
    expect(await refusal(s3.send(new GetObjectCommand({ Bucket: made.bucket, Key: key })))).toBe("AccessDenied");
    expect(made.deadLetterQueueName).toBeDefined();
  });

  it("announces what a test asks for, in each form", () => {
    const made = createSubscription(aws, { userName: "announced", announce: false });
    aws.putObject({ bucket: made.bucket, key, body: "parquet" });
    expect(aws.messages(made.queueName)).toHaveLength(0);
    for (const form of ["security-lake", "eventbridge", "s3"] as const) {
      const body = aws.announce({ bucket: made.bucket, key, queue: made.queueUrl, form });
      expect(aws.messages(made.queueName).at(-1)?.body).toBe(body);
    }
  });

  it("can be one of several of the same user", async () => {
    const [first, second] = [
      createSubscription(aws, { userName: "busy" }),
      createSubscription(aws, { userName: "busy" }),
    ];
    expect(second.userCredentials).toEqual(first.userCredentials);
    for (const made of [first, second]) await assume(made);
  });

  it("asks for its external id", async () => {
    const made = createSubscription(aws, { userName: "asked" });
    expect((await failure(assume({ ...made, externalId: "wrong" }))).name).toBe("AccessDenied");
  });
});
