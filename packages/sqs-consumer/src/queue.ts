import { GetQueueAttributesCommand, GetQueueUrlCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { type Clock, systemClock, within } from "./clock.ts";
import { meaning, QueueError, queueError } from "./errors.ts";

/** The one method of the SDK's client that is used. */
export type Sqs = Pick<SQSClient, "send">;

export interface Queue {
  readonly sqs: Sqs;
  readonly url: string;
  readonly name: string;
  /** Seconds for which a received message is hidden from others. */
  readonly visibilityTimeout: number;
  /** Whether each receive has to ask for that timeout, because the queue's own is another or is not known. */
  readonly askForVisibility: boolean;
  /** Absent where the queue has none, or its attributes may not be read. */
  readonly redrive?: Redrive;
  /** Seconds for which the queue keeps a message. */
  readonly retention?: number;
  /** Whether the attributes could be read. */
  readonly attributes: boolean;
}

export interface Redrive {
  readonly deadLetterQueue: string;
  /** After so many receives a message moves to the dead-letter queue. */
  readonly maxReceiveCount: number;
}

export interface QueueOptions {
  /** Account that owns a queue given by name; without it, the caller's. */
  readonly account?: string;
  /** Seconds, 1 to 43200; without it, the queue's own. */
  readonly visibilityTimeout?: number;
  readonly clock?: Clock;
}

export interface QueueAddress {
  readonly name: string;
  readonly url?: string;
  readonly account?: string;
  readonly region?: string;
}

/** Security Lake's queues are made with this timeout. Used where the attributes may not be read; receives then ask for it. */
const assumedVisibility = 300;
const requestSeconds = 10;
const namePattern = /^[A-Za-z0-9_-]{1,80}$/;
const arnPattern = /^arn:(aws[a-z0-9-]*):sqs:([a-z0-9-]+):(\d{12}):(.+)$/;
const domains: Readonly<Record<string, string>> = {
  "aws-cn": "amazonaws.com.cn",
  "aws-iso": "c2s.ic.gov",
  "aws-iso-b": "sc2s.sgov.gov",
  "aws-iso-e": "cloud.adc-e.uk",
  "aws-iso-f": "csp.hci.ic.gov",
  "aws-eusc": "amazonaws.eu",
};

/**
 * Reads a queue's name, URL or ARN.
 * @throws {QueueError} `QUEUE_NAME` when it is none of them, `QUEUE_FIFO` for a FIFO queue
 */
export function queueAddress(text: string): QueueAddress {
  const given = text.trim();
  const address = fromArn(given) ?? fromUrl(given) ?? { name: given };
  if (address.name.endsWith(".fifo"))
    throw new QueueError("QUEUE_FIFO", given, "FIFO queues are not supported; give a standard queue");
  if (!namePattern.test(address.name))
    throw new QueueError("QUEUE_NAME", given, "no name (1 to 80 of A-Z a-z 0-9 _ -), URL or ARN of a queue");
  return address;
}

function fromArn(text: string): QueueAddress | undefined {
  const [, partition, region, account, name] = arnPattern.exec(text) ?? [];
  if (partition === undefined || region === undefined || account === undefined || name === undefined) return undefined;
  const url = `https://sqs.${region}.${domains[partition] ?? "amazonaws.com"}/${account}/${name}`;
  return { name, url, account, region };
}

function fromUrl(text: string): QueueAddress | undefined {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  const { hostname, pathname } = new URL(text);
  const [name = "", account = ""] = pathname.split("/").filter(Boolean).reverse();
  const region = /(?:^|\.)sqs(?:-fips)?\.([a-z]{2}[a-z0-9-]*-\d)\./.exec(hostname)?.[1] ?? legacyRegion(hostname);
  return {
    name,
    url: text,
    ...(/^\d{12}$/.test(account) ? { account } : {}),
    ...(region === undefined ? {} : { region }),
  };
}

/** The older hosts: `eu-west-1.queue.amazonaws.com`, and `queue.amazonaws.com` for the first region. */
function legacyRegion(hostname: string): string | undefined {
  const [, region] = /^(?:([a-z0-9-]+)\.)?queue\.amazonaws\.com/.exec(hostname) ?? [];
  return region ?? (hostname.startsWith("queue.amazonaws.com") ? "us-east-1" : undefined);
}

/** What a client for this queue is made with, beside credentials. */
export interface SqsSettings {
  readonly useQueueUrlAsEndpoint: false;
  /** Where the queue was given by its URL. */
  readonly endpoint?: string;
  /** Where the queue's URL or ARN names one. */
  readonly region?: string;
}

/**
 * Settings for an SQS client: a queue given by its URL is asked there, any other where the client's settings and
 * `AWS_ENDPOINT_URL` say. Left alone, the SDK asks the host of the queue's URL whatever they say, and writes a warning for
 * every call.
 * @throws {QueueError} as `queueAddress`
 */
export function sqsSettings(nameOrUrlOrArn: string): SqsSettings {
  const { url, region } = queueAddress(nameOrUrlOrArn);
  const given = url !== undefined && nameOrUrlOrArn.trim() === url;
  return {
    useQueueUrlAsEndpoint: false,
    ...(given ? { endpoint: new URL(url).origin } : {}),
    ...(region === undefined ? {} : { region }),
  };
}

/**
 * Finds the queue and reads what a consumer must know of it.
 * @throws {QueueError} when it is no queue, is missing or may not be looked up
 */
export async function openQueue(sqs: Sqs, nameOrUrlOrArn: string, options: QueueOptions = {}): Promise<Queue> {
  const clock = options.clock ?? systemClock;
  const { visibilityTimeout: wanted } = options;
  if (wanted !== undefined && !(wanted >= 1 && wanted <= 43_200))
    throw new QueueError("QUEUE_REQUEST", nameOrUrlOrArn, `visibility timeout of ${wanted} s is not within 1 to 43200`);
  const address = queueAddress(nameOrUrlOrArn);
  const url = address.url ?? (await lookUp(sqs, address.name, options.account, clock));
  const attributes = await readAttributes({ sqs, url }, clock);
  const own = Number(attributes?.VisibilityTimeout ?? Number.NaN);
  const redrive = readRedrive(attributes?.RedrivePolicy);
  const retention = attributes?.MessageRetentionPeriod;
  // A queue may be set to hide messages for 0 s, which is no lease at all.
  const visibilityTimeout = wanted ?? (own >= 1 ? own : assumedVisibility);
  return {
    sqs,
    url,
    name: address.name,
    visibilityTimeout,
    askForVisibility: visibilityTimeout !== own,
    attributes: attributes !== undefined,
    ...(redrive === undefined ? {} : { redrive }),
    ...(retention === undefined ? {} : { retention: Number(retention) }),
  };
}

async function lookUp(sqs: Sqs, name: string, account: string | undefined, clock: Clock): Promise<string> {
  const command = new GetQueueUrlCommand({
    QueueName: name,
    ...(account === undefined ? {} : { QueueOwnerAWSAccountId: account }),
  });
  try {
    const found = await within(clock, requestSeconds * 1000, undefined, (signal) =>
      sqs.send(command, { abortSignal: signal }),
    );
    return found.QueueUrl as string;
  } catch (error) {
    throw queueError(name, "sqs:GetQueueUrl", error);
  }
}

/** `undefined` where the caller may not read them: a consumer can do without. */
async function readAttributes(
  queue: Pick<Queue, "sqs" | "url">,
  clock: Clock,
): Promise<Partial<Record<string, string>> | undefined> {
  // Asking for an attribute that the kind of queue does not have is an error; `All` never is.
  const command = new GetQueueAttributesCommand({ QueueUrl: queue.url, AttributeNames: ["All"] });
  try {
    const answer = await within(clock, requestSeconds * 1000, undefined, (signal) =>
      queue.sqs.send(command, { abortSignal: signal }),
    );
    return answer.Attributes ?? {};
  } catch (error) {
    if (meaning(error) === "denied") return undefined;
    throw queueError(queue.url, "sqs:GetQueueAttributes", error);
  }
}

function readRedrive(policy: string | undefined): Redrive | undefined {
  if (policy === undefined) return undefined;
  const { deadLetterTargetArn, maxReceiveCount } = JSON.parse(policy) as Record<string, unknown>;
  return { deadLetterQueue: String(deadLetterTargetArn), maxReceiveCount: Number(maxReceiveCount) };
}

/** Messages by state; SQS calls all three approximate. */
export interface Depth {
  readonly visible: number;
  /** Received by someone and not yet settled. */
  readonly inFlight: number;
  readonly delayed: number;
}

/** How many messages the queue holds; `undefined` where the caller may not ask. */
export async function queueDepth(
  queue: Pick<Queue, "sqs" | "url">,
  clock: Clock = systemClock,
): Promise<Depth | undefined> {
  const attributes = await readAttributes(queue, clock);
  if (attributes === undefined) return undefined;
  return {
    visible: Number(attributes.ApproximateNumberOfMessages ?? 0),
    inFlight: Number(attributes.ApproximateNumberOfMessagesNotVisible ?? 0),
    delayed: Number(attributes.ApproximateNumberOfMessagesDelayed ?? 0),
  };
}
