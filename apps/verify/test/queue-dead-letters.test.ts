import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { expect, it } from "vitest";
import { written } from "../src/command.ts";
import { createSetting } from "./setting.ts";

it("messages of a dead-letter queue that others have, too, go back to the queues that they are from", async () => {
  await using setting = await createSetting({ subscription: () => ({ maxReceiveCount: 5 }) });
  const { aws, lake } = setting;
  const deadLetterTargetArn = lake.queueArn.replace(lake.queueName, lake.deadLetterQueueName ?? "");
  const attributes = { RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 5 }) };
  const billing = aws.createQueue({ name: "billing", attributes });
  const sqs = new SQSClient({ endpoint: aws.url, region: lake.region, credentials: aws.credentials });
  await sqs.send(new SendMessageCommand({ QueueUrl: billing.url, MessageBody: "an invoice" }));
  for (const QueueUrl of [billing.url, lake.queueUrl]) {
    while (aws.messages(QueueUrl).length > 0) {
      await sqs.send(new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 0 }));
    }
  }
  const found = (await setting.verify()).find(({ check }) => check.id === "queue-dead-letters");
  expect(found).toMatchObject({ state: "warning", seen: expect.stringMatching(/: 2$/) });
  for (const command of found?.commands ?? []) await setting.aws_cli(`${written(command)}`);
  expect(aws.messages(billing.url)).toMatchObject([{ body: "an invoice" }]);
  expect(aws.messages(lake.queueUrl)).toHaveLength(1);
});
