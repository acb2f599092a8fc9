import { describe, expect, it } from "vitest";
import { openQueue, queueAddress, queueDepth, sqsSettings } from "../src/index.ts";
import { failure, memorySqs } from "./memory-sqs.ts";
import { virtualClock } from "./virtual-clock.ts";

describe("queueAddress", () => {
  it.each([
    ["sqs-security-lake-main-queue", { name: "sqs-security-lake-main-queue" }],
    [
      " https://sqs.eu-west-1.amazonaws.com/123456789012/lake ",
      {
        name: "lake",
        url: "https://sqs.eu-west-1.amazonaws.com/123456789012/lake",
        account: "123456789012",
        region: "eu-west-1",
      },
    ],
    ["https://sqs-fips.us-gov-west-1.amazonaws.com/123456789012/lake", { region: "us-gov-west-1" }],
    ["https://vpce-0a1b-c2d3.sqs.us-east-2.vpce.amazonaws.com/123456789012/lake", { region: "us-east-2" }],
    ["https://eu-central-1.queue.amazonaws.com/123456789012/lake", { region: "eu-central-1" }],
    ["https://queue.amazonaws.com/123456789012/lake", { region: "us-east-1" }],
    ["http://127.0.0.1:9324/000000000000/lake", { name: "lake", account: "000000000000" }],
    [
      "arn:aws:sqs:eu-west-1:123456789012:AmazonSecurityLake-7-Main-Queue",
      {
        name: "AmazonSecurityLake-7-Main-Queue",
        url: "https://sqs.eu-west-1.amazonaws.com/123456789012/AmazonSecurityLake-7-Main-Queue",
        account: "123456789012",
        region: "eu-west-1",
      },
    ],
    [
      "arn:aws-cn:sqs:cn-north-1:123456789012:lake",
      { url: "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/lake" },
    ],
    [
      "arn:aws-us-gov:sqs:us-gov-east-1:123456789012:lake",
      { url: "https://sqs.us-gov-east-1.amazonaws.com/123456789012/lake" },
    ],
  ])("reads %s", (text, expected) => {
    expect(queueAddress(text)).toMatchObject(expected);
  });

  it.each([
    "lake.fifo",
    "arn:aws:sqs:eu-west-1:123456789012:lake.fifo",
    "https://sqs.eu-west-1.amazonaws.com/1/lake.fifo",
  ])("refuses the FIFO queue %s", (text) => {
    expect(() => queueAddress(text)).toThrow(/FIFO queues are not supported; give a standard queue/);
  });

  it.each(["", "a queue", "x".repeat(81), "arn:aws:sns:eu-west-1:123456789012:topic", "https://"])(
    "refuses %j",
    (text) => {
      expect(() => queueAddress(text)).toThrow(expect.objectContaining({ code: "QUEUE_NAME" }));
    },
  );
});

describe("sqsSettings", () => {
  it.each([
    ["lake", { useQueueUrlAsEndpoint: false }],
    ["arn:aws:sqs:eu-west-1:123456789012:lake", { useQueueUrlAsEndpoint: false, region: "eu-west-1" }],
    [
      "https://vpce-1.sqs.us-east-2.vpce.amazonaws.com/123456789012/lake",
      {
        useQueueUrlAsEndpoint: false,
        endpoint: "https://vpce-1.sqs.us-east-2.vpce.amazonaws.com",
        region: "us-east-2",
      },
    ],
  ])("for %s", (queue, expected) => {
    expect(sqsSettings(queue)).toEqual(expected);
  });
});

describe("openQueue", () => {
  it("looks a name up, of another account too, and reads the attributes", async () => {
    const clock = virtualClock();
    const memory = memorySqs(clock, {
      VisibilityTimeout: "600",
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: "arn:aws:sqs:eu-west-1:1:dead", maxReceiveCount: "4" }),
    });
    const queue = await openQueue(memory.sqs, "lake", { account: "210987654321", clock });
    expect(queue).toMatchObject({
      name: "lake",
      url: "http://memory/1/lake",
      visibilityTimeout: 600,
      askForVisibility: false,
      attributes: true,
      retention: 345_600,
      redrive: { deadLetterQueue: "arn:aws:sqs:eu-west-1:1:dead", maxReceiveCount: 4 },
    });
    expect(memory.calls[0]?.input).toEqual({ QueueName: "lake", QueueOwnerAWSAccountId: "210987654321" });
  });

  it("needs no look-up for an ARN", async () => {
    const clock = virtualClock();
    const memory = memorySqs(clock);
    const queue = await openQueue(memory.sqs, "arn:aws:sqs:eu-west-1:123456789012:lake", { clock });
    expect(queue.url).toBe("https://sqs.eu-west-1.amazonaws.com/123456789012/lake");
    expect(memory.calls.map((call) => call.name)).toEqual(["GetQueueAttributes"]);
  });

  it("asks for the timeout itself where the attributes may not be read", async () => {
    const clock = virtualClock();
    const memory = memorySqs(clock);
    memory.before = (name) => {
      if (name === "GetQueueAttributes") throw failure("AccessDenied");
    };
    const queue = await openQueue(memory.sqs, "lake", { clock });
    expect(queue).toMatchObject({ visibilityTimeout: 300, askForVisibility: true, attributes: false });
    expect(await queueDepth(queue, clock)).toBeUndefined();
  });

  it("takes the timeout that is wanted, and no impossible one", async () => {
    const clock = virtualClock();
    const { sqs } = memorySqs(clock);
    expect(await openQueue(sqs, "lake", { clock, visibilityTimeout: 90 })).toMatchObject({
      visibilityTimeout: 90,
      askForVisibility: true,
    });
    await expect(openQueue(sqs, "lake", { clock, visibilityTimeout: 43_201 })).rejects.toThrow("43201");
  });

  it.each([
    ["QueueDoesNotExist", "QUEUE_MISSING", /sqs:GetQueueUrl on queue lake: .*name, account and region/],
    ["AWS.SimpleQueueService.NonExistentQueue", "QUEUE_MISSING", /^sqs:GetQueueUrl/],
    ["AccessDenied", "QUEUE_DENIED", /allow the action/],
    ["InvalidClientTokenId", "QUEUE_CREDENTIALS", /credentials and the clock/],
    ["ExpiredToken", "QUEUE_CREDENTIALS", /credentials/],
    ["CredentialsProviderError", "QUEUE_CREDENTIALS", /^sqs:GetQueueUrl on queue lake: CredentialsProviderError said$/],
  ])("says what %s means", async (name, code, text) => {
    const clock = virtualClock();
    const memory = memorySqs(clock);
    memory.before = () => {
      throw failure(name);
    };
    const opening = openQueue(memory.sqs, "lake", { clock });
    await expect(opening).rejects.toMatchObject({ code, queue: "lake", cause: { name } });
    await expect(opening).rejects.toThrow(text);
  });
});
