import { randomUUID } from "node:crypto";
import type { Policy } from "../policy.ts";
import { attributesMd5, type Message, type MessageAttribute, md5 } from "./message.ts";
import { createSchedule, type Schedule } from "./schedule.ts";

/** Settings of a queue, as SetQueueAttributes takes them, read. Times in seconds. */
export interface QueueSettings {
  visibilityTimeout: number;
  delay: number;
  retention: number;
  maximumMessageSize: number;
  receiveWaitTime: number;
  redrive: Redrive | undefined;
  /** JSON as it was set. */
  redriveAllow: string | undefined;
  policy: Policy | undefined;
  kmsKey: string | undefined;
  kmsReuse: number;
  managedEncryption: boolean;
  fifo: boolean;
}

export interface Redrive {
  /** JSON as it was set. */
  readonly text: string;
  readonly targetArn: string;
  readonly maxReceiveCount: number;
}

export interface Queue {
  readonly id: string;
  readonly name: string;
  readonly arn: string;
  readonly url: string;
  readonly account: string;
  readonly region: string;
  readonly createdAt: number;
  modifiedAt: number;
  deletedAt: number | undefined;
  purgedAt: number | undefined;
  readonly settings: QueueSettings;
  readonly tags: Map<string, string>;
  readonly messages: Map<string, Message>;
  /** In the order in which they became visible; those that no longer are stay until they are come upon. */
  visible: Message[];
  firstVisible: number;
  readonly schedule: Schedule;
  readonly counts: { visible: number; inFlight: number; delayed: number };
  /** Messages that came, by minutes since the epoch. */
  readonly sent: Map<number, number>;
  /** Long polls, called when a message became visible. */
  readonly waiting: Set<() => void>;
}

export const defaultSettings: QueueSettings = {
  visibilityTimeout: 30,
  delay: 0,
  retention: 345_600,
  maximumMessageSize: 1_048_576,
  receiveWaitTime: 0,
  redrive: undefined,
  redriveAllow: undefined,
  policy: undefined,
  kmsKey: undefined,
  kmsReuse: 300,
  managedEncryption: true,
  fifo: false,
};

export type QueuePlace = Pick<Queue, "name" | "arn" | "url" | "account" | "region">;

export function createQueue(place: QueuePlace, settings: QueueSettings, now: number): Queue {
  return {
    ...place,
    id: randomUUID(),
    createdAt: now,
    modifiedAt: now,
    deletedAt: undefined,
    purgedAt: undefined,
    settings,
    tags: new Map(),
    messages: new Map(),
    visible: [],
    firstVisible: 0,
    schedule: createSchedule(),
    counts: { visible: 0, inFlight: 0, delayed: 0 },
    sent: new Map(),
    waiting: new Set(),
  };
}

export interface Sending {
  readonly body: string;
  readonly attributes?: Readonly<Record<string, MessageAttribute>>;
  readonly traceHeader?: string | undefined;
  readonly senderId: string;
  /** Seconds. */
  readonly delay?: number | undefined;
}

export function send(queue: Queue, sending: Sending, now: number): Message {
  const { body, attributes = {}, traceHeader, senderId, delay = queue.settings.delay } = sending;
  const message: Message = {
    id: randomUUID(),
    body,
    md5: md5(body),
    attributes,
    attributesMd5: attributesMd5(attributes),
    traceHeader,
    senderId,
    sentAt: now,
    firstReceivedAt: undefined,
    receiveCount: 0,
    deadLetterSource: undefined,
    state: "gone",
    receivedAt: 0,
    generation: 0,
    receipt: 0,
  };
  const minute = Math.floor(now / 60_000);
  queue.sent.set(minute, (queue.sent.get(minute) ?? 0) + 1);
  enter(queue, message, delay, now);
  return message;
}

function enter(queue: Queue, message: Message, delay: number, now: number): void {
  queue.messages.set(message.id, message);
  if (delay > 0) {
    become(queue, message, "delayed");
    queue.schedule.add(now + delay * 1000, message);
  } else {
    show(queue, message);
  }
}

const counted = { visible: "visible", "in flight": "inFlight", delayed: "delayed" } as const;

function become(queue: Queue, message: Message, state: Message["state"]): void {
  if (message.state !== "gone") queue.counts[counted[message.state]]--;
  if (state !== "gone") queue.counts[counted[state]]++;
  message.state = state;
  message.generation++;
}

function show(queue: Queue, message: Message): void {
  become(queue, message, "visible");
  queue.visible.push(message);
  const [longest] = queue.waiting;
  longest?.();
}

/** Lets time do its work: delays and leases run out, old messages go. */
export function advance(queue: Queue, now: number): void {
  for (const message of queue.schedule.due(now)) show(queue, message);
  // In order of sending, but for those that came from elsewhere; these go when they are come upon.
  for (const message of queue.messages.values()) {
    if (!tooOld(queue, message, now)) break;
    remove(queue, message);
  }
}

function tooOld(queue: Queue, message: Message, now: number): boolean {
  return message.sentAt + queue.settings.retention * 1000 <= now;
}

export function remove(queue: Queue, message: Message): void {
  become(queue, message, "gone");
  queue.messages.delete(message.id);
}

export interface Receiving {
  readonly max: number;
  /** Seconds. */
  readonly visibilityTimeout: number;
  /** Leave them visible, as SQS may do now and then. */
  readonly duplicate?: boolean | undefined;
  /** Where messages go that were received too often; undefined when there is no such queue. */
  readonly deadLetters: Queue | undefined;
}

/** SQS keeps at most so many messages in flight. */
export const maxInFlight = 120_000;

export function receive(queue: Queue, receiving: Receiving, now: number): Message[] {
  advance(queue, now);
  const received: Message[] = [];
  const again: Message[] = [];
  while (received.length < receiving.max && queue.firstVisible < queue.visible.length) {
    const message = queue.visible[queue.firstVisible++] as Message;
    if (message.state !== "visible" || queue.messages.get(message.id) !== message) continue;
    if (tooOld(queue, message, now)) {
      remove(queue, message);
      continue;
    }
    const limit = queue.settings.redrive?.maxReceiveCount ?? Number.POSITIVE_INFINITY;
    if (receiving.deadLetters !== undefined && message.receiveCount >= limit) {
      transfer(queue, message, receiving.deadLetters, now);
      continue;
    }
    message.receiveCount++;
    message.firstReceivedAt ??= now;
    message.receivedAt = now;
    received.push(message);
    if (receiving.duplicate || receiving.visibilityTimeout === 0) {
      again.push(message);
      message.receipt = ++message.generation;
      continue;
    }
    become(queue, message, "in flight");
    message.receipt = message.generation;
    queue.schedule.add(now + receiving.visibilityTimeout * 1000, message);
  }
  if (queue.firstVisible > 1000 && queue.firstVisible * 2 > queue.visible.length) {
    queue.visible = queue.visible.slice(queue.firstVisible);
    queue.firstVisible = 0;
  }
  queue.visible.push(...again);
  return received;
}

/** Takes a message to another queue, as redrive does: same id, body, time of sending and receive count. */
function transfer(from: Queue, message: Message, to: Queue, now: number): void {
  remove(from, message);
  enter(to, { ...message, state: "gone", deadLetterSource: from.arn }, 0, now);
}

/** Takes all messages out and into the queue that `targetOf` names for each: StartMessageMoveTask. */
export function moveAll(from: Queue, targetOf: (message: Message) => Queue | undefined, now: number): number {
  advance(from, now);
  let moved = 0;
  for (const message of [...from.messages.values()]) {
    const target = message.state === "visible" ? targetOf(message) : undefined;
    if (target === undefined) continue;
    remove(from, message);
    const fresh = { receiveCount: 0, firstReceivedAt: undefined, deadLetterSource: undefined, sentAt: now };
    enter(target, { ...message, ...fresh, state: "gone" }, 0, now);
    moved++;
  }
  return moved;
}

/** Makes a message visible after so many seconds from now. */
export function changeVisibility(queue: Queue, message: Message, seconds: number, now: number): void {
  if (seconds === 0) {
    show(queue, message);
    return;
  }
  message.generation++;
  queue.schedule.add(now + seconds * 1000, message);
}

export function purge(queue: Queue): void {
  for (const message of queue.messages.values()) become(queue, message, "gone");
  queue.messages.clear();
  queue.visible = [];
  queue.firstVisible = 0;
  queue.schedule.clear();
}

export function receiptHandle(queue: Queue, message: Message): string {
  return Buffer.from(`${queue.id} ${message.id} ${message.receipt} ${randomUUID()}`).toString("base64");
}

export interface Receipt {
  /** Undefined when it has been deleted. */
  readonly message: Message | undefined;
  /** No one has received the message since. */
  readonly latest: boolean;
}

/** @returns undefined when it is no receipt handle of this queue */
export function readReceipt(queue: Queue, handle: string): Receipt | undefined {
  const [queueId, messageId, receipt] = Buffer.from(handle, "base64").toString().split(" ");
  if (queueId !== queue.id || messageId === undefined) return undefined;
  const message = queue.messages.get(messageId);
  return { message, latest: message?.receipt === Number(receipt) };
}
