import { parseArn } from "../arn.ts";
import { parsePolicy } from "../policy.ts";
import { invalidAttributeName, invalidAttributeValue, invalidParameter } from "./errors.ts";
import { advance, type Queue, type QueueSettings, type Redrive } from "./queue.ts";

export type AttributeMap = Readonly<Record<string, string>>;

interface Attribute {
  /** Undefined when the queue does not have it. */
  read(queue: Queue): string | undefined;
  /** Absent: cannot be set. */
  write?(settings: QueueSettings, value: string, name: string): void;
}

type NumberSetting =
  | "visibilityTimeout"
  | "delay"
  | "retention"
  | "maximumMessageSize"
  | "receiveWaitTime"
  | "kmsReuse";

function number(setting: NumberSetting, least: number, most: number): Attribute {
  return {
    read: ({ settings }) => String(settings[setting]),
    write(settings, value, name) {
      const given = Number(value);
      if (!/^\d+$/.test(value) || given < least || given > most) throw invalidAttributeValue(name);
      settings[setting] = given;
    },
  };
}

const seconds = (at: number): string => String(Math.floor(at / 1000));

/** Source: SQS API Reference, SetQueueAttributes and GetQueueAttributes. */
const attributes: Readonly<Record<string, Attribute>> = {
  QueueArn: { read: ({ arn }) => arn },
  ApproximateNumberOfMessages: { read: ({ counts }) => String(counts.visible) },
  ApproximateNumberOfMessagesNotVisible: { read: ({ counts }) => String(counts.inFlight) },
  ApproximateNumberOfMessagesDelayed: { read: ({ counts }) => String(counts.delayed) },
  CreatedTimestamp: { read: ({ createdAt }) => seconds(createdAt) },
  LastModifiedTimestamp: { read: ({ modifiedAt }) => seconds(modifiedAt) },
  VisibilityTimeout: number("visibilityTimeout", 0, 43_200),
  MaximumMessageSize: number("maximumMessageSize", 1024, 1_048_576),
  MessageRetentionPeriod: number("retention", 60, 1_209_600),
  DelaySeconds: number("delay", 0, 900),
  ReceiveMessageWaitTimeSeconds: number("receiveWaitTime", 0, 20),
  KmsDataKeyReusePeriodSeconds: {
    ...number("kmsReuse", 60, 86_400),
    read: ({ settings }) => (settings.kmsKey === undefined ? undefined : String(settings.kmsReuse)),
  },
  KmsMasterKeyId: {
    read: ({ settings }) => settings.kmsKey,
    write(settings, value) {
      settings.kmsKey = value === "" ? undefined : value;
      if (value !== "") settings.managedEncryption = false;
    },
  },
  SqsManagedSseEnabled: {
    read: ({ settings }) => String(settings.managedEncryption),
    write(settings, value, name) {
      if (value !== "true" && value !== "false") throw invalidAttributeValue(name);
      settings.managedEncryption = value === "true";
    },
  },
  Policy: {
    read: ({ settings }) => settings.policy?.text,
    write(settings, value, name) {
      try {
        settings.policy = value === "" ? undefined : parsePolicy(value, "resource");
      } catch {
        throw invalidAttributeValue(name);
      }
    },
  },
  RedrivePolicy: {
    read: ({ settings }) => settings.redrive?.text,
    write(settings, value) {
      settings.redrive = value === "" ? undefined : readRedrive(value);
    },
  },
  RedriveAllowPolicy: {
    read: ({ settings }) => settings.redriveAllow,
    write(settings, value, name) {
      const permission = readJson(value)?.redrivePermission;
      if (value !== "" && !["allowAll", "denyAll", "byQueue"].includes(String(permission))) {
        throw invalidAttributeValue(name);
      }
      settings.redriveAllow = value === "" ? undefined : value;
    },
  },
  FifoQueue: {
    read: ({ settings }) => (settings.fifo ? "true" : undefined),
    write(settings, value, name) {
      if (value !== "true") throw invalidAttributeValue(name);
      settings.fifo = true;
    },
  },
};

function readJson(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readRedrive(text: string): Redrive {
  const { deadLetterTargetArn, maxReceiveCount } = readJson(text) ?? {};
  const limit = Number(maxReceiveCount);
  const bad = (reason: string) =>
    invalidParameter(`Value ${text} for parameter RedrivePolicy is invalid. Reason: ${reason}`);
  if (typeof deadLetterTargetArn !== "string") {
    throw bad("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.");
  }
  if (maxReceiveCount === undefined) {
    throw bad("Redrive policy does not contain mandatory attribute: maxReceiveCount.");
  }
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= 1000)) {
    throw bad("Invalid value for maxReceiveCount: must be an integer from 1 to 1000.");
  }
  return { text, targetArn: deadLetterTargetArn, maxReceiveCount: limit };
}

/** @throws AwsError for an attribute that there is not or a value that it cannot have */
export function readSettings(current: QueueSettings, given: AttributeMap): QueueSettings {
  const settings = { ...current };
  for (const [name, value] of Object.entries(given)) {
    const attribute = attributes[name];
    if (attribute?.write === undefined) throw invalidAttributeName(name);
    attribute.write(settings, String(value), name);
  }
  return settings;
}

/** @throws AwsError when the dead-letter queue cannot be one for this queue */
export function checkRedrive(settings: QueueSettings, source: string, queues: ReadonlyMap<string, Queue>): void {
  const { redrive } = settings;
  if (redrive === undefined) return;
  const bad = (reason: string) =>
    invalidParameter(`Value ${redrive.text} for parameter RedrivePolicy is invalid. Reason: ${reason}`);
  const target = queues.get(redrive.targetArn);
  if (target === undefined || target.deletedAt !== undefined) throw bad("Dead letter target does not exist.");
  const [from, to] = [parseArn(source), parseArn(target.arn)];
  if (from?.account !== to?.account || from?.region !== to?.region) {
    throw bad("Dead-letter queue must be in same account and region as the source queue.");
  }
  const allow = readJson(target.settings.redriveAllow ?? "");
  const listed = Array.isArray(allow?.sourceQueueArns) && allow.sourceQueueArns.includes(source);
  if (allow?.redrivePermission === "denyAll" || (allow?.redrivePermission === "byQueue" && !listed)) {
    throw bad("The dead-letter queue's redrive allow policy does not permit this source queue.");
  }
}

/** @throws AwsError for a name that there is not */
export function readAttributes(queue: Queue, names: readonly string[], now: number): AttributeMap {
  advance(queue, now);
  const wanted = names.includes("All") ? Object.keys(attributes) : names;
  const found: Record<string, string> = {};
  for (const name of wanted) {
    const attribute = attributes[name];
    if (attribute === undefined) throw invalidAttributeName(name);
    const value = attribute.read(queue);
    if (value !== undefined) found[name] = value;
  }
  return found;
}
