import { GetQueueUrlCommand, ListQueuesCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { queueAddress } from "@threatlockdown/sqs-consumer";
import { asAdministrator, isDenied, refusedTo } from "../administrator.ts";
import { accountOf, nameOf } from "../arn.ts";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import type { Flow } from "../flow.ts";
import type { Lake } from "../lake.ts";
import { regionIn } from "../other-regions.ts";
import { leadsTo } from "../route.ts";
import { settingName } from "../setting.ts";
import { flowRights } from "./buckets.ts";

export function compareQueue(lake: Lake): string {
  return `Compare ${settingName(lake, "queue")} with the subscription endpoint in Security Lake > My subscribers`;
}

const subscriberId = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
/** Security Lake names what it makes for a subscriber after it. */
const madeQueue = new RegExp(`^AmazonSecurityLake-(${subscriberId})-Main-Queue$`);
const madeRole = new RegExp(`^AmazonSecurityLake-(${subscriberId})$`);

/** The queue that Security Lake has made for the subscriber of this role; undefined where it did not make the role. */
export function queueOfRole(roleArn = ""): string | undefined {
  const id = madeRole.exec(nameOf(roleArn))?.[1];
  return id === undefined ? undefined : `AmazonSecurityLake-${id}-Main-Queue`;
}

/** The role that Security Lake has made for the subscriber of this queue; undefined where it did not make the queue. */
function roleOfQueue(queue: string): string | undefined {
  const id = madeQueue.exec(queueAddress(queue).name)?.[1];
  return id === undefined ? undefined : `AmazonSecurityLake-${id}`;
}

/** Begins as those do that Security Lake makes, and is none: roles of other names may well be meant. */
const misnamedRole = /^AmazonSecurityLake-[0-9a-f]{4}/i;

/** What to do about a role's name that Security Lake does not give, where that of the queue's own role is known. */
export function writeRole(lake: Lake): Pick<Finding, "fix" | "console" | "paste"> | undefined {
  const { queue, roleArn = "" } = lake.subscriber;
  const own = roleOfQueue(queue);
  const name = nameOf(roleArn);
  if (own === undefined || madeRole.test(name) || !misnamedRole.test(name)) return undefined;
  const arn = roleArn.slice(0, -name.length) + own;
  return {
    fix: `Correct ${settingName(lake, "role")}: Security Lake has made the role ${own} together with the queue; Security Lake > My subscribers shows it`,
    ...(lake.manager !== undefined && { paste: `<iam_role_arn>${arn}</iam_role_arn>\n` }),
    console: subscribers,
  };
}

/** What to do about a name that is not that of the role's own queue. */
export async function writeQueue(lake: Lake, own: string): Promise<Pick<Finding, "fix" | "console" | "paste">> {
  return {
    fix: `Correct ${settingName(lake, "queue")}: Security Lake has made the queue ${own} together with the role; the subscription endpoint in Security Lake > My subscribers shows it`,
    ...(lake.manager !== undefined && { paste: `<sqs_name>${await written(lake, own)}</sqs_name>\n` }),
    console: subscribers,
  };
}

/** The role's own queue, where another one is named, and it is really there. */
export async function queueInstead(lake: Lake): Promise<string | undefined> {
  const { roleArn, queue: named } = lake.subscriber;
  const own = queueOfRole(roleArn);
  if (own === undefined || own === queueAddress(named).name) return undefined;
  const { sqs } = await lake.clients();
  return sqs.send(new GetQueueUrlCommand({ QueueName: own })).then(
    () => own,
    () => undefined,
  );
}

/** In the form of what it takes the place of, where that is in the role's account. */
async function written(lake: Lake, own: string): Promise<string> {
  const { queue, roleArn } = lake.subscriber;
  const { name, account } = queueAddress(queue);
  const ofRole = accountOf(roleArn);
  if (account === undefined || account === ofRole) return queue.slice(0, queue.lastIndexOf(name)) + own;
  const [arn, partition, sqs, region] = (await lake.queueArn()).split(":");
  return [arn, partition, sqs, region, ofRole, own].join(":");
}

const subscribers = "Security Lake > Subscribers > My subscribers";

export const queueName: Check = {
  id: "queue-name",
  title: "The queue is the subscriber's",
  explain:
    "Security Lake makes a queue and a role for each subscriber; the role may not read another queue, and another queue has other events.",
  needs: ["region"],
  async run(lake) {
    const { roleArn, queue } = lake.subscriber;
    const { name, account: given } = queueAddress(queue);
    const own = queueOfRole(roleArn);
    const made = madeQueue.test(name);
    const oneOf = (what: string) =>
      `${compareQueue(lake)}, and ${settingName(lake, "role")} with the role there: both have to be of one ${what}`;
    if (made && own !== undefined && own !== name) {
      const [ofQueue, ofRole] = [madeQueue.exec(name), madeQueue.exec(own)].map((found) => found?.[1]);
      return {
        state: "failed",
        seen: `${name} is the queue of the subscriber ${ofQueue}, and the role is that of the subscriber ${ofRole}`,
        fix: oneOf("subscriber"),
        console: subscribers,
      };
    }
    const accountOfRole = accountOf(roleArn);
    if (made && own !== undefined && given !== undefined && given !== accountOfRole) {
      return {
        state: "failed",
        seen: `the queue ${name} is in account ${given}, and its subscriber's role in ${accountOfRole}: Security Lake makes both in one`,
        fix: oneOf("account"),
        console: subscribers,
      };
    }
    const origin = made
      ? `${name}, made by Security Lake${own === undefined ? "" : " for the subscriber of the role"}`
      : `${name}, not one that Security Lake makes for subscribers`;
    // An administrator sees whether there is such a role.
    const misnamed = lake.admin === undefined ? writeRole(lake) : undefined;
    if (misnamed !== undefined) {
      return { state: "failed", seen: `Security Lake makes no role of the name ${nameOf(roleArn ?? "")}`, ...misnamed };
    }
    if (lake.admin === undefined && made) return { state: "ok", seen: origin };
    // Nobody else names queues so.
    if (lake.admin === undefined && own !== undefined && /^amazonsecuritylake/i.test(name)) {
      return {
        state: "failed",
        seen: `Security Lake makes no queue of the name ${name}`,
        ...(await writeQueue(lake, own)),
      };
    }
    const queueArn = await lake.queueArn();
    const [, , , region, account] = queueArn.split(":");
    return asAdministrator(lake, ["sqs:GetQueueUrl", "sqs:ListQueues"], account, async ({ sqs }) => {
      if (await exists(sqs, name)) {
        const astray = own !== undefined && own !== name && (await exists(sqs, own));
        return astray ? judgeOther(lake, name, own) : { state: "ok", seen: origin };
      }
      const others = await queuesOf(sqs);
      const seen = `there is no queue ${name} in account ${account} and Region ${region}${others.length === 0 ? "" : `; Security Lake has made there: ${others.join(", ")}`}`;
      if (own !== undefined && others.includes(own)) return { state: "failed", seen, ...(await writeQueue(lake, own)) };
      const instead = await regionsInstead(lake);
      if (instead !== undefined) return { state: "failed", seen: `${seen}; ${instead.seen}`, fix: instead.fix };
      return {
        state: "failed",
        seen,
        fix: `${compareQueue(lake)}; give it by its ARN if it is in another account or Region`,
        console: subscribers,
      };
    });
  },
};

/** Where the Region is that of nobody's lake: it is likelier to be wrong than the queue's name. */
async function regionsInstead(lake: Lake): Promise<Required<Pick<Finding, "seen" | "fix">> | undefined> {
  if (queueAddress(lake.subscriber.queue).region !== undefined) return undefined;
  const { buckets = [], elsewhere = [] } = await lake.flow().catch(() => ({}) as Partial<Flow>);
  const regions = [...new Set(elsewhere.flatMap((bucket) => regionIn(bucket) ?? []))].join(", ");
  if (buckets.length > 0 || regions === "") return undefined;
  const correct = lake.regionGiven ? ", or correct --region" : "";
  return {
    seen: `the lake has no bucket in that Region, and has in ${regions}`,
    fix: `Give the queue by its ARN in ${settingName(lake, "queue")}${correct}: the subscription endpoint in Security Lake > My subscribers shows it, in ${regions}`,
  };
}

/**
 * A queue that is there, beside the role's own. Whoever uses it on purpose has the lake's events led there; of any other, the
 * role must not be given the messages.
 */
async function judgeOther(lake: Lake, name: string, own: string): Promise<Finding> {
  const seen = `${name} is there, and nothing leads to it from the lake; the role's own queue is ${own}`;
  try {
    const [flow, queueArn] = await Promise.all([lake.flow(), lake.queueArn()]);
    const led = flow.buckets.some((bucket) => leadsTo(flow, bucket, queueArn));
    if (led) return { state: "ok", seen: `${name}, to which the lake's events are led; the role's own is ${own}` };
    return { state: "failed", seen, ...(await writeQueue(lake, own)) };
  } catch (error) {
    if (!isDenied(error)) throw error;
    return couldNotCheck({ ...refusedTo(lake, error, flowRights), lasting: true });
  }
}

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
  return urls.map(nameOf).filter((name) => madeQueue.test(name));
}
