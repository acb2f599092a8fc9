import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListDeadLetterSourceQueuesCommand,
  ListQueuesCommand,
  ListQueueTagsCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  StartMessageMoveTaskCommand,
  TagQueueCommand,
} from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LocalAws } from "../src/index.ts";
import { type Clients, clientsOf, createClock, failure, refusal, startLocalAws } from "./clients.ts";

const clock = createClock();
let aws: LocalAws;
let clients: Clients;

beforeAll(async () => {
  aws = await startLocalAws({
    now: clock.now,
    clockSkew: Number.POSITIVE_INFINITY,
    accounts: ["123456789012", "210987654321"],
  });
  clients = clientsOf(aws);
});
afterAll(() => aws.close());

const create = (QueueName: string, Attributes?: Record<string, string>) =>
  clients.sqs.send(new CreateQueueCommand({ QueueName, Attributes }));
const attributesOf = async (QueueUrl: string) =>
  (await clients.sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }))).Attributes ?? {};

describe("queues", () => {
  it("are found by name, and are not when they do not exist", async () => {
    const { QueueUrl } = await create("found");
    const found = await clients.sqs.send(new GetQueueUrlCommand({ QueueName: "found" }));
    expect(found.QueueUrl).toBe(QueueUrl);
    const missing = await failure(clients.sqs.send(new GetQueueUrlCommand({ QueueName: "missing" })));
    expect(missing.name).toBe("QueueDoesNotExist");
  });

  it("are made once: the same again is the same queue, other attributes are an error", async () => {
    const first = await create("once", { VisibilityTimeout: "5" });
    expect(await create("once", { VisibilityTimeout: "5" })).toMatchObject({ QueueUrl: first.QueueUrl });
    expect(await refusal(create("once", { VisibilityTimeout: "6" }))).toBe("QueueNameExists");
  });

  it("have names of letters, digits, hyphens and underscores", async () => {
    expect(await refusal(create("a.b"))).toMatch(/InvalidParameterValue/);
    expect(await refusal(create("x".repeat(81)))).toMatch(/InvalidParameterValue/);
  });

  it("are of one region", async () => {
    await create("regional");
    const elsewhere = clientsOf(aws, aws.credentials, { region: "eu-west-1" });
    expect(await refusal(elsewhere.sqs.send(new GetQueueUrlCommand({ QueueName: "regional" })))).toBe(
      "QueueDoesNotExist",
    );
  });

  it("cannot be made anew within 60 s of their deletion", async () => {
    const { QueueUrl } = await create("gone");
    await clients.sqs.send(new DeleteQueueCommand({ QueueUrl }));
    expect(await refusal(clients.sqs.send(new GetQueueUrlCommand({ QueueName: "gone" })))).toBe("QueueDoesNotExist");
    expect(await refusal(create("gone"))).toBe("QueueDeletedRecently");
    clock.pass(61);
    await create("gone");
  });

  it("are purged once a minute", async () => {
    const { QueueUrl = "" } = await create("purged");
    aws.sendMessage(QueueUrl, "x");
    await clients.sqs.send(new PurgeQueueCommand({ QueueUrl }));
    expect(aws.messages(QueueUrl)).toHaveLength(0);
    expect(await refusal(clients.sqs.send(new PurgeQueueCommand({ QueueUrl })))).toBe("PurgeQueueInProgress");
  });

  it("are listed by prefix, page by page", async () => {
    for (const name of ["list-a", "list-b", "list-c"]) await create(name);
    const first = await clients.sqs.send(new ListQueuesCommand({ QueueNamePrefix: "list-", MaxResults: 2 }));
    const second = await clients.sqs.send(
      new ListQueuesCommand({ QueueNamePrefix: "list-", MaxResults: 2, NextToken: first.NextToken }),
    );
    const names = [...(first.QueueUrls ?? []), ...(second.QueueUrls ?? [])].map((url) => url.split("/").at(-1));
    expect(names).toEqual(["list-a", "list-b", "list-c"]);
    expect(second.NextToken).toBeUndefined();
  });

  it("carry tags", async () => {
    const { QueueUrl } = await create("tagged");
    await clients.sqs.send(new TagQueueCommand({ QueueUrl, Tags: { team: "soc" } }));
    expect((await clients.sqs.send(new ListQueueTagsCommand({ QueueUrl }))).Tags).toEqual({ team: "soc" });
  });

  it("may be FIFO, which can be told but not used here", async () => {
    const { QueueUrl } = await create("ordered.fifo", { FifoQueue: "true" });
    expect((await attributesOf(QueueUrl as string)).FifoQueue).toBe("true");
    const error = await failure(clients.sqs.send(new ReceiveMessageCommand({ QueueUrl })));
    expect(error.message).toContain("does not implement ReceiveMessage on FIFO queues");
    expect(error.$metadata?.httpStatusCode).toBe(501);
  });
});

describe("attributes", () => {
  it("have AWS's defaults", async () => {
    const { QueueUrl } = await create("defaults");
    expect(await attributesOf(QueueUrl as string)).toMatchObject({
      QueueArn: "arn:aws:sqs:us-east-1:123456789012:defaults",
      VisibilityTimeout: "30",
      MessageRetentionPeriod: "345600",
      ReceiveMessageWaitTimeSeconds: "0",
      DelaySeconds: "0",
      SqsManagedSseEnabled: "true",
    });
  });

  it("are set, and refused beyond their limits", async () => {
    const { QueueUrl } = await create("settings");
    const set = (Attributes: Record<string, string>) =>
      clients.sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes }));
    await set({ VisibilityTimeout: "600" });
    expect((await attributesOf(QueueUrl as string)).VisibilityTimeout).toBe("600");
    expect(await refusal(set({ VisibilityTimeout: "43201" }))).toBe("InvalidAttributeValue");
    expect(await refusal(set({ Policy: "{" }))).toBe("InvalidAttributeValue");
    expect(await refusal(set({ QueueArn: "arn" }))).toBe("InvalidAttributeName");
  });
});

describe("dead letters", () => {
  it("go to the target once they were received too often, and can be sent back", async () => {
    const target = aws.createQueue({ name: "dead" });
    const source = aws.createQueue({
      name: "alive",
      attributes: {
        VisibilityTimeout: "0",
        RedrivePolicy: JSON.stringify({ deadLetterTargetArn: target.arn, maxReceiveCount: 2 }),
      },
    });
    await clients.sqs.send(new SendMessageCommand({ QueueUrl: source.url, MessageBody: "poison" }));
    const receive = async (QueueUrl: string) =>
      (
        await clients.sqs.send(
          new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 0, MessageSystemAttributeNames: ["All"] }),
        )
      ).Messages ?? [];
    const [first] = await receive(source.url);
    expect(await receive(source.url)).toHaveLength(1);
    expect(await receive(source.url)).toHaveLength(0);
    const [dead] = await receive(target.url);
    expect(dead?.MessageId).toBe(first?.MessageId);
    expect(dead?.Attributes).toMatchObject({
      DeadLetterQueueSourceArn: source.arn,
      SentTimestamp: first?.Attributes?.SentTimestamp,
    });

    const sources = await clients.sqs.send(new ListDeadLetterSourceQueuesCommand({ QueueUrl: target.url }));
    expect(sources.queueUrls).toEqual([source.url]);
    await clients.sqs.send(new StartMessageMoveTaskCommand({ SourceArn: target.arn }));
    expect(aws.messages("dead")).toHaveLength(0);
    expect(aws.messages("alive")).toMatchObject([{ body: "poison", receiveCount: 0 }]);
  });

  it("need a target that exists and lets them in", async () => {
    const closed = aws.createQueue({
      name: "closed",
      attributes: { RedriveAllowPolicy: JSON.stringify({ redrivePermission: "denyAll" }) },
    });
    const redrive = (deadLetterTargetArn: string) => ({
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 2 }),
    });
    const missing = await failure(create("s1", redrive("arn:aws:sqs:us-east-1:123456789012:missing")));
    expect(missing.message).toContain("Dead letter target does not exist");
    expect((await failure(create("s2", redrive(closed.arn)))).message).toContain("does not permit this source queue");
  });
});

it("is reached across accounts by the owner's id when the queue's policy says so", async () => {
  const arn = "arn:aws:sqs:us-east-1:123456789012:shared";
  aws.createQueue({
    name: "shared",
    attributes: {
      Policy: JSON.stringify({
        Version: "2012-10-17",
        Statement: { Effect: "Allow", Principal: { AWS: "210987654321" }, Action: "sqs:GetQueueUrl", Resource: arn },
      }),
    },
  });
  const guest = aws.createUser({
    name: "guest",
    account: "210987654321",
    policies: { all: { Version: "2012-10-17", Statement: { Effect: "Allow", Action: "sqs:*", Resource: "*" } } },
  });
  const { sqs } = clientsOf(aws, guest.credentials);
  const find = (QueueName: string) =>
    sqs.send(new GetQueueUrlCommand({ QueueName, QueueOwnerAWSAccountId: "123456789012" }));
  expect((await find("shared")).QueueUrl).toContain("/123456789012/shared");
  expect((await failure(find("defaults"))).message).toBe(
    "User: arn:aws:iam::210987654321:user/guest is not authorized to perform: sqs:getqueueurl on resource: " +
      "arn:aws:sqs:us-east-1:123456789012:defaults because no resource-based policy allows the sqs:getqueueurl action",
  );
});

it("says by name what it does not do", async () => {
  const { url } = aws.createQueue({ name: "plain" });
  const { AddPermissionCommand } = await import("@aws-sdk/client-sqs");
  const error = await failure(
    clients.sqs.send(
      new AddPermissionCommand({ QueueUrl: url, Label: "l", AWSAccountIds: ["123456789012"], Actions: ["*"] }),
    ),
  );
  expect(error.name).toBe("NotImplemented");
  expect(error.message).toContain("the SQS operation AddPermission");
});
