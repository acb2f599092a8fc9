import { GetQueueUrlCommand, ListQueuesCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { queueAddress } from "@threatlockdown/sqs-consumer";
import { asAdministrator } from "../administrator.ts";
import type { Check } from "../check.ts";
import type { Lake } from "../lake.ts";
import { nameOf } from "../role.ts";
import { settingName } from "../setting.ts";

export function compareQueue(lake: Lake): string {
  return `Compare ${settingName(lake, "queue")} with the subscription endpoint in Security Lake > My subscribers`;
}

/** Security Lake names what it makes for a subscriber after it. */
const madeBySecurityLake = /^AmazonSecurityLake-([0-9a-f-]{36})(?:-Main-Queue)?$/;

export const queueName: Check = {
  id: "queue-name",
  title: "The queue is the subscriber's",
  explain:
    "Security Lake makes a queue and a role for each subscriber; the role may not read another queue, and another queue has other events.",
  needs: ["region"],
  async run(lake) {
    const { roleArn, queue } = lake.subscriber;
    const { name } = queueAddress(queue);
    const [ofQueue, ofRole] = [name, nameOf(roleArn ?? "")].map((made) => madeBySecurityLake.exec(made)?.[1]);
    if (ofQueue !== undefined && ofRole !== undefined && ofQueue !== ofRole) {
      return {
        state: "failed",
        seen: `${name} is the queue of the subscriber ${ofQueue}, and the role is that of the subscriber ${ofRole}`,
        fix: `${compareQueue(lake)}, and ${settingName(lake, "role")} with the role there: both have to be of one subscriber`,
        console: "Security Lake > Subscribers > My subscribers",
      };
    }
    const origin =
      ofQueue === undefined
        ? `${name}, not one that Security Lake makes for subscribers`
        : `${name}, made by Security Lake${ofRole === undefined ? "" : " for the subscriber of the role"}`;
    if (lake.admin === undefined && ofQueue !== undefined) return { state: "ok", seen: origin };
    const queueArn = await lake.queueArn();
    const [, , , region, account] = queueArn.split(":");
    return asAdministrator(lake, ["sqs:GetQueueUrl", "sqs:ListQueues"], account, async ({ sqs }) => {
      if (await exists(sqs, name)) return { state: "ok", seen: origin };
      const others = await queuesOf(sqs);
      return {
        state: "failed",
        seen: `there is no queue ${name} in account ${account} and Region ${region}${others.length === 0 ? "" : `; Security Lake has made there: ${others.join(", ")}`}`,
        fix: `${compareQueue(lake)}; give it by its ARN if it is in another account or Region`,
        console: "Security Lake > Subscribers > My subscribers",
      };
    });
  },
};

async function exists(sqs: SQSClient, QueueName: string): Promise<boolean> {
  try {
    await sqs.send(new GetQueueUrlCommand({ QueueName }));
    return true;
  } catch (error) {
    if (/QueueDoesNotExist|NonExistentQueue/.test((error as Error).name)) return false;
    throw error;
  }
}

async function queuesOf(sqs: SQSClient): Promise<string[]> {
  const { QueueUrls: urls = [] } = await sqs.send(new ListQueuesCommand({ QueueNamePrefix: "AmazonSecurityLake-" }));
  return urls.map(nameOf).filter((name) => madeBySecurityLake.test(name));
}
