import { parseArn } from "../arn.ts";
import { notImplemented } from "../aws-error.ts";
import type { Call } from "../service.ts";
import type { World } from "../world.ts";
import { authorize, authorizedQueue, queueArn, queueOf, type SqsCall } from "./access.ts";
import {
  invalidParameter,
  missingParameter,
  purgeInProgress,
  queueDeletedRecently,
  queueNameExists,
  sqsError,
  unsupported,
} from "./errors.ts";
import { createQueue, defaultSettings, moveAll, purge, type Queue } from "./queue.ts";
import { type AttributeMap, checkRedrive, readAttributes, readSettings } from "./queue-attributes.ts";

export type Operation = (world: World, call: SqsCall) => unknown;

const input = (call: Call<Readonly<Record<string, unknown>>>) => call.intent.input ?? {};

/** The one way in which queues come to be, by call and by seeding. */
export function addQueue(
  world: World,
  place: { readonly region: string; readonly account: string; readonly name: string },
  attributes: AttributeMap,
): Queue {
  const { region, account, name } = place;
  const arn = queueArn(region, account, name);
  const now = world.now();
  const known = world.queues.get(arn);
  if (known !== undefined && known.deletedAt === undefined) {
    const current = readAttributes(known, ["All"], now);
    const different = Object.entries(attributes).find(([attribute, value]) => current[attribute] !== value);
    if (different !== undefined) throw queueNameExists(different[0]);
    return known;
  }
  if (known?.deletedAt !== undefined && now - known.deletedAt < 60_000) throw queueDeletedRecently();
  const fifo = attributes.FifoQueue === "true";
  if (!/^[\w-]{1,80}$/.test(fifo ? name.replace(/\.fifo$/, "") : name) || name.endsWith(".fifo") !== fifo) {
    throw invalidParameter(
      "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length" +
        (fifo ? "; the name of a FIFO queue must end with .fifo" : ""),
    );
  }
  const settings = readSettings(defaultSettings, attributes);
  checkRedrive(settings, arn, world.queues);
  const queue = createQueue({ name, arn, account, region, url: `${world.url}/${account}/${name}` }, settings, now);
  world.queues.set(arn, queue);
  return queue;
}

function liveQueues(world: World, region: string, account: string): Queue[] {
  return [...world.queues.values()].filter(
    (queue) => queue.region === region && queue.account === account && queue.deletedAt === undefined,
  );
}

/** Pages of `urls`, from the one that the token names. */
function page(call: SqsCall, urls: readonly string[]) {
  const { MaxResults, NextToken } = input(call);
  const start = NextToken === undefined ? 0 : Number(Buffer.from(String(NextToken), "base64").toString());
  const end = MaxResults === undefined ? start + 1000 : start + Number(MaxResults);
  const more = MaxResults !== undefined && end < urls.length;
  return { urls: urls.slice(start, end), ...(more && { NextToken: Buffer.from(String(end)).toString("base64") }) };
}

export const queueOperations: Readonly<Record<string, Operation>> = {
  CreateQueue(world, call) {
    const { QueueName, Attributes = {}, tags = {} } = input(call);
    if (QueueName === undefined) throw missingParameter("QueueName");
    const place = { region: call.region, account: call.caller.account, name: String(QueueName) };
    authorize(world, call, "CreateQueue", queueArn(place.region, place.account, place.name));
    const queue = addQueue(world, place, Attributes as AttributeMap);
    for (const [key, value] of Object.entries(tags as AttributeMap)) queue.tags.set(key, value);
    return { QueueUrl: queue.url };
  },

  GetQueueUrl(world, call) {
    const { QueueName, QueueOwnerAWSAccountId } = input(call);
    if (QueueName === undefined) throw missingParameter("QueueName");
    const owner = String(QueueOwnerAWSAccountId ?? call.caller.account);
    return {
      QueueUrl: authorizedQueue(world, call, "GetQueueUrl", queueArn(call.region, owner, String(QueueName))).url,
    };
  },

  ListQueues(world, call) {
    const { account } = call.caller;
    authorize(world, call, "ListQueues", queueArn(call.region, account, "*"));
    const prefix = String(input(call).QueueNamePrefix ?? "");
    const named = liveQueues(world, call.region, account).filter(({ name }) => name.startsWith(prefix));
    const { urls, ...rest } = page(call, named.map(({ url }) => url).sort());
    return { ...(urls.length > 0 && { QueueUrls: urls }), ...rest };
  },

  GetQueueAttributes(world, call) {
    const queue = queueOf(world, call, "GetQueueAttributes");
    const names = (input(call).AttributeNames as string[] | undefined) ?? [];
    return { Attributes: readAttributes(queue, names, call.now) };
  },

  SetQueueAttributes(world, call) {
    const queue = queueOf(world, call, "SetQueueAttributes");
    const given = input(call).Attributes as AttributeMap | undefined;
    if (given === undefined) throw missingParameter("Attributes");
    const settings = readSettings(queue.settings, given);
    checkRedrive(settings, queue.arn, world.queues);
    Object.assign(queue.settings, settings);
    queue.modifiedAt = call.now;
  },

  DeleteQueue(world, call) {
    const queue = queueOf(world, call, "DeleteQueue");
    purge(queue);
    queue.deletedAt = call.now;
  },

  PurgeQueue(world, call) {
    const queue = queueOf(world, call, "PurgeQueue");
    if (queue.purgedAt !== undefined && call.now - queue.purgedAt < 60_000) throw purgeInProgress(queue.name);
    purge(queue);
    queue.purgedAt = call.now;
  },

  ListDeadLetterSourceQueues(world, call) {
    const queue = queueOf(world, call, "ListDeadLetterSourceQueues");
    const sources = deadLetterSources(world, queue);
    const { urls, ...rest } = page(call, sources.map(({ url }) => url).sort());
    return { queueUrls: urls, ...rest };
  },

  /** All visible messages are moved at once; AWS takes its time. */
  StartMessageMoveTask(world, call) {
    const { SourceArn, DestinationArn, MaxNumberOfMessagesPerSecond } = input(call);
    if (MaxNumberOfMessagesPerSecond !== undefined) {
      throw notImplemented("MaxNumberOfMessagesPerSecond of StartMessageMoveTask");
    }
    const source = movable(world, call, "StartMessageMoveTask", SourceArn);
    if (deadLetterSources(world, source).length === 0) {
      throw invalidParameter("Source queue must be configured as a Dead Letter Queue.");
    }
    const target = DestinationArn === undefined ? undefined : movable(world, call, "SendMessage", DestinationArn);
    moveAll(source, (message) => target ?? world.queues.get(message.deadLetterSource ?? ""), call.now);
    return {
      TaskHandle: Buffer.from(JSON.stringify({ taskId: call.requestId, sourceArn: source.arn })).toString("base64"),
    };
  },

  ListQueueTags(world, call) {
    const { tags } = queueOf(world, call, "ListQueueTags");
    return { ...(tags.size > 0 && { Tags: Object.fromEntries(tags) }) };
  },

  TagQueue(world, call) {
    const queue = queueOf(world, call, "TagQueue");
    for (const [key, value] of Object.entries((input(call).Tags as AttributeMap) ?? {})) queue.tags.set(key, value);
  },

  UntagQueue(world, call) {
    const queue = queueOf(world, call, "UntagQueue");
    for (const key of (input(call).TagKeys as string[]) ?? []) queue.tags.delete(key);
  },
};

function deadLetterSources(world: World, queue: Queue): Queue[] {
  return liveQueues(world, queue.region, queue.account).filter(
    ({ settings }) => settings.redrive?.targetArn === queue.arn,
  );
}

function movable(world: World, call: SqsCall, action: string, arn: unknown): Queue {
  if (arn === undefined) throw missingParameter("SourceArn");
  const parsed = parseArn(String(arn));
  if (parsed?.service !== "sqs") throw invalidParameter(`Value ${arn} for parameter SourceArn is invalid.`);
  const queue = world.queues.get(String(arn));
  authorize(world, call, action, String(arn), queue);
  if (queue === undefined || queue.deletedAt !== undefined) {
    throw sqsError(
      "ResourceNotFoundException",
      "The resource that you specified for the SourceArn parameter doesn't exist.",
      "ResourceNotFoundException",
      404,
    );
  }
  if (queue.settings.fifo) throw unsupported("Message move tasks of FIFO queues are not supported.");
  return queue;
}
