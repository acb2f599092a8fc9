import { GetQueueAttributesCommand, GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import { asAdministrator } from "../administrator.ts";
import type { Check } from "../check.ts";
import { awsCommand } from "../command.ts";

export const queueDeadLetters: Check = {
  id: "queue-dead-letters",
  title: "No message was put away by the queue",
  explain:
    "A message that was received too often without being deleted goes to the dead-letter queue, where nobody reads it: its events are missing until it is moved back.",
  needs: ["queue"],
  async run(lake) {
    const { redrive, name } = await lake.queue();
    if (redrive === undefined) return { state: "not applicable", seen: "the queue has no dead-letter queue" };
    const [, , , , account, deadLetters = ""] = redrive.deadLetterQueue.split(":");
    const rights = ["sqs:GetQueueUrl", "sqs:GetQueueAttributes"] as const;
    return asAdministrator(lake, rights, account, async ({ sqs }) => {
      const found = await sqs.send(new GetQueueUrlCommand({ QueueName: deadLetters })).catch((error: Error) => {
        if (/QueueDoesNotExist|NonExistentQueue/.test(error.name)) return undefined;
        throw error;
      });
      if (found === undefined) {
        return {
          state: "warning",
          seen: `the dead-letter queue ${deadLetters} of ${name} does not exist`,
          fix: `Someone who may make queues makes ${deadLetters} again, or takes the redrive policy from ${name}`,
          console: `SQS > Queues > ${name} > Dead-letter queue`,
          commands: [awsCommand(["sqs", "create-queue"], { "queue-name": deadLetters })],
        };
      }
      const AttributeNames = ["ApproximateNumberOfMessages" as const];
      const { Attributes } = await sqs.send(
        new GetQueueAttributesCommand({ QueueUrl: found.QueueUrl, AttributeNames }),
      );
      const held = Number(Attributes?.ApproximateNumberOfMessages ?? 0);
      if (held === 0) return { state: "ok", seen: `${deadLetters} is empty` };
      return {
        state: "warning",
        seen: `messages in ${deadLetters}: ${held}`,
        fix: `Once everything else here is mended, someone who may change the queues moves the messages of ${deadLetters} back to the queues that they are from`,
        console: `SQS > Queues > ${deadLetters} > Start DLQ redrive`,
        // Without a destination each goes back to the queue that it is from: others may put theirs away here, too.
        commands: [awsCommand(["sqs", "start-message-move-task"], { "source-arn": redrive.deadLetterQueue })],
      };
    });
  },
};
