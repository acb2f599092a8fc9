import { randomUUID } from "node:crypto";
import { decide } from "./authorize.ts";
import type { Context } from "./condition.ts";
import { type EventForm, matchesPattern } from "./event-rule.ts";
import { findRole, type Principal, servicePrincipal, sessionOf } from "./identity.ts";
import { encode } from "./request.ts";
import type { Bucket, ObjectVersion } from "./s3/bucket.ts";
import { concernsEvent, type QueueNotification } from "./s3/notification-configuration.ts";
import { useKeyToSend } from "./sqs/access.ts";
import { type Queue, send } from "./sqs/queue.ts";
import type { World } from "./world.ts";

export interface ObjectEvent {
  /** ObjectCreated:Put, ObjectRemoved:Delete, … */
  readonly name: string;
  readonly bucket: Bucket;
  readonly object: Pick<ObjectVersion, "key" | "body" | "etag" | "versionId">;
  /** Of who wrote: an AWS:AIDA… id, account or service. */
  readonly requester: string;
  readonly requestId: string;
  readonly sourceIp: string;
  readonly now: number;
}

export type NotificationForm = EventForm | "s3";

/** Tells of an object wherever its bucket says: to queues by themselves, and to the rules of EventBridge. */
export function announceEverywhere(world: World, event: ObjectEvent): void {
  const { notifications } = event.bucket;
  for (const notification of notifications.queues) {
    if (!concernsEvent(notification, `s3:${event.name}`, event.object.key)) continue;
    const queue = world.queues.get(notification.queueArn);
    const reason = whyNot(world, queue, sender("s3.amazonaws.com", event.bucket.arn, event.bucket.account));
    if (queue !== undefined && reason === undefined) {
      deliver(queue, JSON.stringify({ Records: [record(event, notification)] }), "s3.amazonaws.com", event.now);
    }
  }
  if (notifications.eventBridge) announceByRules(world, event);
}

function announceByRules(world: World, event: ObjectEvent): void {
  const body = bodyOf(event, "eventbridge") as Readonly<Record<string, unknown>>;
  for (const rule of world.rules) {
    const { account, region } = event.bucket;
    if (!rule.enabled || rule.account !== account || rule.region !== region) continue;
    if (!matchesPattern(rule.pattern, body)) continue;
    for (const { queueArn, form, roleArn } of rule.targets) {
      const queue = world.queues.get(queueArn);
      const service = sender("events.amazonaws.com", rule.arn, account);
      const reason = whyNot(world, queue, roleArn === undefined ? service : assumedBy(world, service, roleArn));
      if (queue === undefined || reason !== undefined) continue;
      const text = JSON.stringify(form === "eventbridge" ? body : bodyOf(event, form));
      deliver(queue, text, "events.amazonaws.com", event.now);
    }
  }
}

function deliver(queue: Queue, body: string, senderId: string, now: number): void {
  send(queue, { body, senderId }, now);
}

/** Who sends what an event announces. */
export interface Sender {
  readonly principal: Principal;
  /** Of the rule or bucket. */
  readonly account: string;
  readonly context: Context;
}

export function sender(service: string, sourceArn: string, account: string): Sender {
  return {
    principal: servicePrincipal(service),
    account,
    context(key) {
      if (key === "aws:sourcearn") return [sourceArn];
      if (key === "aws:sourceaccount") return [account];
      if (key === "aws:principalservicename") return [service];
      return ["aws:securetransport", "aws:principalisawsservice"].includes(key) ? ["true"] : undefined;
    },
  };
}

/** The role by which a service sends; undefined where that may not assume it. */
function assumedBy(world: World, { principal, account, context }: Sender, roleArn: string): Sender | undefined {
  const role = findRole(world.identity, roleArn);
  if (role === undefined) return undefined;
  const access = { principal, action: "sts:AssumeRole", resource: roleArn, owner: role.account.id, context };
  if (!decide(world.identity, { ...access, resourcePolicy: role.trust }).allowed) return undefined;
  const session = sessionOf(role, "events");
  const ofSession: Readonly<Record<string, string>> = {
    "aws:principalarn": roleArn,
    "aws:principalaccount": role.account.id,
    "aws:principalisawsservice": "false",
    "aws:securetransport": "true",
  };
  return {
    principal: session,
    account,
    context: (key) => (ofSession[key] === undefined ? undefined : [ofSession[key]]),
  };
}

/** What stands against sending to a queue; undefined when nothing does. */
export function whyNot(world: World, queue: Queue | undefined, from: Sender | undefined): string | undefined {
  if (queue === undefined || queue.deletedAt !== undefined) return "the queue does not exist";
  if (from === undefined) return "the role of the target cannot be assumed";
  const { principal, context } = from;
  const verdict = decide(world.identity, {
    principal,
    action: "sqs:SendMessage",
    resource: queue.arn,
    owner: queue.account,
    resourcePolicy: queue.settings.policy,
    context,
  });
  const lenient = world.lenientDelivery && queue.settings.policy === undefined && queue.account === from.account;
  if (!verdict.allowed && !lenient) return `${principal.arn} may not send to it, ${verdict.because}`;
  try {
    useKeyToSend(world, queue, principal, context);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** S3 tells a queue once that it has been chosen. */
export function sendTestEvent(queue: Queue, bucket: Bucket, requestId: string, now: number): void {
  const event = {
    Service: "Amazon S3",
    Event: "s3:TestEvent",
    Time: new Date(now).toISOString(),
    Bucket: bucket.name,
    RequestId: requestId.replaceAll("-", "").slice(0, 16).toUpperCase(),
    HostId: hostId,
  };
  deliver(queue, JSON.stringify(event), "s3.amazonaws.com", now);
}

const hostId = "bG9jYWwtYXdz";

/** The body that announces an object, in the form asked for. */
export function bodyOf(event: ObjectEvent, form: NotificationForm): object {
  if (form === "s3") return { Records: [record(event, undefined)] };
  const { bucket, object, now } = event;
  const time = `${new Date(now).toISOString().slice(0, 19)}Z`;
  const common = {
    source: "aws.s3",
    time,
    account: bucket.account,
    region: bucket.region,
    resources: [bucket.arn],
  };
  const removed = event.name.startsWith("ObjectRemoved:");
  const size = removed ? {} : { size: object.body.length };
  const etag = object.etag === "" ? {} : { etag: object.etag };
  const requestId = event.requestId.replaceAll("-", "").slice(0, 16).toUpperCase();
  const named = { bucket: { name: bucket.name }, object: { key: object.key, ...size, ...etag } };
  if (form === "security-lake") {
    return {
      ...common,
      detail: { ...named, "request-id": requestId, requester: "securitylake.amazonaws.com" },
    };
  }
  return {
    version: "0",
    id: randomUUID(),
    "detail-type": removed ? "Object Deleted" : "Object Created",
    ...common,
    detail: {
      version: "0",
      bucket: named.bucket,
      object: {
        ...named.object,
        ...(object.versionId !== "null" && { "version-id": object.versionId }),
        sequencer: sequencer(now),
      },
      "request-id": requestId,
      requester: event.requester,
      "source-ip-address": event.sourceIp,
      ...(removed
        ? { reason: "DeleteObject", "deletion-type": deletionType(event.name) }
        : { reason: reasons[event.name] ?? "PutObject" }),
    },
  };
}

const reasons: Readonly<Record<string, string>> = {
  "ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
  "ObjectCreated:Copy": "CopyObject",
};

function deletionType(name: string): string {
  return name.endsWith("DeleteMarkerCreated") ? "Delete Marker Created" : "Permanently Deleted";
}

/** Source: S3 User Guide, "Event message structure"; keys are encoded as forms are, with + for a space. */
function record(event: ObjectEvent, notification: QueueNotification | undefined): object {
  const { bucket, object } = event;
  const removed = event.name.startsWith("ObjectRemoved:");
  return {
    eventVersion: "2.1",
    eventSource: "aws:s3",
    awsRegion: bucket.region,
    eventTime: new Date(event.now).toISOString(),
    eventName: event.name,
    userIdentity: { principalId: event.requester },
    requestParameters: { sourceIPAddress: event.sourceIp },
    responseElements: {
      "x-amz-request-id": event.requestId.replaceAll("-", "").slice(0, 16).toUpperCase(),
      "x-amz-id-2": hostId,
    },
    s3: {
      s3SchemaVersion: "1.0",
      configurationId: notification?.id ?? "announced",
      bucket: { name: bucket.name, ownerIdentity: { principalId: bucket.account }, arn: bucket.arn },
      object: {
        key: encode(object.key).replaceAll("%2F", "/").replaceAll("%20", "+"),
        ...(!removed && { size: object.body.length }),
        ...(object.etag !== "" && { eTag: object.etag }),
        ...(object.versionId !== "null" && { versionId: object.versionId }),
        sequencer: sequencer(event.now),
      },
    },
  };
}

let sequence = 0;

function sequencer(now: number): string {
  const count = (sequence++ & 0xffffff).toString(16).padStart(6, "0");
  return (now.toString(16).padStart(12, "0") + count).toUpperCase();
}
