import { ChangeMessageVisibilityCommand, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { open, ParquetError, rows } from "@threatlockdown/parquet-reader";
import {
  type AnnouncedObject,
  ObjectDenied,
  ObjectGone,
  openObject,
  parseNotification,
} from "@threatlockdown/pipeline";
import { forRole } from "../accounts.ts";
import { isDenied } from "../administrator.ts";
import { announcedSources } from "../announced.ts";
import { nameOf } from "../arn.ts";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import { counted } from "../count.ts";
import { deniedBy } from "../denied-by.ts";
import type { Announced, Lake } from "../lake.ts";
import { newestObject } from "../newest.ts";
import { encryptionOf } from "../newest-read.ts";
import { allow } from "../policy.ts";
import { compareQueue, queueInstead, writeQueue } from "./queue-name.ts";

/** Seconds that the message stays hidden when it cannot be given back at once. */
const probeVisibility = 30;
/** A queue with fewer receives before its dead-letter queue is not touched: one of them would be ours. */
const leastReceives = 5;
const daySeconds = 86_400;

export const newestObjectCheck: Check = {
  id: "newest-object",
  title: "The newest object can be read",
  explain:
    "Reading an object needs s3:GetObject on its source, kms:Decrypt where the lake has a key of its own, and a file that is sound.",
  needs: ["queue"],
  effect:
    "receives one message and gives it back at once (its receive count grows by one); nothing is deleted. --no-receive does without",
  async run(lake, signal) {
    const { url } = await lake.queue();
    const found: Received | Finding = lake.announced.get(url) ?? (await receiveOne(lake, signal));
    if ("state" in found) return found;
    lake.announced.set(url, found);
    const { object, remark } = await newestOf(lake, found.object, signal);
    const read = await readObject(lake, object, signal, found.object.account);
    const seen = [read.seen, remark, `announced by ${found.form}`, found.remark]
      .filter((part) => part !== undefined)
      .join("; ");
    return { ...read, seen };
  },
};

/** The same without its effect: the bucket is asked for its newest object, by whoever may. */
export const newestObjectUntouched: Check = {
  ...newestObjectCheck,
  async run(lake, signal) {
    const { s3 } = await lake.clients();
    const admin = await lake.admin?.();
    const announced = await announcedIn(lake);
    if (announced?.length === 0) {
      return couldNotCheck({
        because: "it is not known which objects it reads: nothing tells the queue of a bucket's sources",
        how: "Go by the check notification first",
      });
    }
    const places: readonly Place[] = announced ?? lake.buckets.map((bucket) => ({ bucket }));
    for (const client of admin === undefined ? [s3] : [s3, admin.s3]) {
      try {
        for (const { bucket, folders } of places) {
          const { newest } = await newestObject(client, bucket, signal, folders && { folders });
          if (newest === undefined) continue;
          const read = await readObject(lake, { bucket, key: newest.key, size: newest.size }, signal);
          return folders === undefined && read.state === "failed" ? ofWhom(read) : read;
        }
      } catch (error) {
        if (!isDenied(error)) throw error;
      }
    }
    return couldNotCheck({
      because: "no message was received, as asked for, and no object could be found without one",
      rights: ["s3:ListAllMyBuckets", "s3:ListBucket", "s3:GetBucketNotification", "events:ListRules"],
      how: "run it with --admin-profile, or without --no-receive",
    });
  },
};

/** Where the newest object is looked for: in all of a bucket, or in folders of sources. */
interface Place {
  readonly bucket: string;
  readonly folders?: readonly string[];
}

/** What the queue is told of; undefined where nobody may see that. A source of others is no matter of this role. */
async function announcedIn(lake: Lake): Promise<readonly Required<Place>[] | undefined> {
  if (lake.admin === undefined) return undefined;
  try {
    const found = await announcedSources(lake);
    return found.flatMap(({ bucket: { name: bucket }, sources: folders }) =>
      folders.length === 0 ? [] : [{ bucket, folders }],
    );
  } catch (error) {
    if (isDenied(error)) return undefined;
    throw error;
  }
}

function ofWhom({ seen }: Finding): Finding {
  return couldNotCheck({
    because: `it is not known whether this object is of a source of this subscriber's: ${seen}`,
    how: "run it with --admin-profile, or without --no-receive",
  });
}

/** Which of the forms that S3 objects are announced in. */
function formOf(body: string): string {
  const event = JSON.parse(body) as Readonly<Record<string, unknown>>;
  if (event.Type === "Notification") return "SNS";
  if (Array.isArray(event.Records)) return "an event notification of S3";
  return event["detail-type"] === undefined ? "Security Lake" : "EventBridge";
}

interface Received extends Announced {
  readonly remark?: string;
}

async function receiveOne(lake: Lake, signal: AbortSignal): Promise<Received | Finding> {
  const [{ sqs }, { url, redrive }] = await Promise.all([lake.clients(), lake.queue()]);
  if (redrive !== undefined && redrive.maxReceiveCount < leastReceives) {
    return couldNotCheck({
      because: `the queue moves messages away after ${counted(redrive.maxReceiveCount, "receive")}, and this would be one`,
      how: `Set maxReceiveCount of the queue's redrive policy to ${leastReceives} or more`,
    });
  }
  const receive = new ReceiveMessageCommand({
    QueueUrl: url,
    MaxNumberOfMessages: 1,
    WaitTimeSeconds: lake.poll,
    VisibilityTimeout: probeVisibility,
  });
  const answer = await sqs.send(receive, { abortSignal: signal }).catch((error: unknown) => ({ error }));
  if ("error" in answer) {
    const { error } = answer;
    const seen = lake.explain(error, { action: "sqs:ReceiveMessage", resource: url });
    const fix = letReceive(lake, error, url);
    if (fix === undefined) {
      const how = "Run it again; if it stays so, look at the way from this machine to SQS";
      return couldNotCheck({ because: seen, how });
    }
    const own = await queueInstead(lake);
    return { state: "failed", seen, ...(own === undefined ? { fix } : await writeQueue(lake, own)) };
  }
  const [message] = answer.Messages ?? [];
  if (message === undefined) {
    return couldNotCheck(
      {
        because: `no message came within ${lake.poll} s`,
        how: "Run it again when Security Lake has written an object; it does so every few minutes",
      },
      { awaited: true },
    );
  }
  const remark = await giveBack(lake, url, message.ReceiptHandle as string);
  const { objects, nothingToDo, malformed } = parseNotification(message.Body ?? "");
  const [object] = objects;
  if (object !== undefined) {
    return { object, form: formOf(message.Body ?? ""), ...(remark !== undefined && { remark }) };
  }
  const [reason = ""] = [...malformed, ...nothingToDo];
  if (malformed.length === 0) {
    return couldNotCheck(
      { because: `the message received announces no object: ${reason}`, how: "Run it again" },
      { awaited: true },
    );
  }
  return {
    state: "warning",
    seen: `the message received is none of Security Lake: ${reason}`,
    fix: "Find out who else sends to this queue; the subscriber quarantines such messages",
  };
}

/** What to do about an error that stays until someone does it; undefined for what may pass by itself. */
function letReceive(lake: Lake, error: unknown, url: string): string | undefined {
  const { name } = error as Error;
  if (/QueueDoesNotExist|NonExistentQueue/.test(name)) return compareQueue(lake);
  if (/^kms\.?NotFound/i.test(name)) {
    return "The queue's key does not exist: someone who may change the queue lets SQS encrypt it itself (SSE-SQS), or by a key of your own";
  }
  if (/^kms\.?(Disabled|InvalidState)/i.test(name)) {
    return "Someone who may change the queue's key enables it, or cancels its deletion";
  }
  if (!isDenied(error) && !/^kms(?!\.?thrott)/i.test(name)) return undefined;
  const [action, resource] = /kms/i.test(`${name} ${(error as Error).message}`)
    ? ["kms:Decrypt", "queue's key"]
    : ["sqs:ReceiveMessage", `queue ${nameOf(url)}`];
  return (
    blamed(lake, error, action, resource) ??
    "Someone who may change the role or the queue allows sqs:ReceiveMessage, and kms:Decrypt on the queue's key"
  );
}

/** By the policy that AWS names in its refusal, where it is more than that nobody has allowed it. */
function blamed({ subscriber }: Lake, error: unknown, action: string, resource: string): string | undefined {
  const { roleArn } = subscriber;
  const who = roleArn === undefined ? "whoever runs the subscriber" : `role ${nameOf(roleArn)}`;
  const found = deniedBy(error, { who, action, resource });
  const usual = found?.policy === "identity-based policy" || found?.policy === "resource-based policy";
  return usual && !found.forbids ? undefined : found?.fix;
}

/** Makes the message visible again; tells when it cannot. */
async function giveBack(lake: Lake, url: string, receiptHandle: string): Promise<string | undefined> {
  const { sqs } = await lake.clients();
  const command = new ChangeMessageVisibilityCommand({
    QueueUrl: url,
    ReceiptHandle: receiptHandle,
    VisibilityTimeout: 0,
  });
  try {
    // No signal: a message that was taken is given back, however late it is.
    await sqs.send(command);
    return undefined;
  } catch (error) {
    const why = lake.explain(error, { action: "sqs:ChangeMessageVisibility", resource: url });
    return `the message received comes back by itself within ${probeVisibility} s, since it could not be given back: ${why}`;
  }
}

/** What the bucket holds of the announced sources that is newer than the announced object, where the role may look. */
async function newestOf(
  lake: Lake,
  announced: AnnouncedObject,
  signal: AbortSignal,
): Promise<{ readonly object: AnnouncedObject; readonly remark?: string }> {
  const { bucket } = announced;
  const { s3 } = await lake.clients();
  try {
    const known = (await announcedIn(lake))?.find((place) => place.bucket === bucket)?.folders;
    const folders = known ?? [sourceOf(announced.key)];
    const { newest, complete } = await newestObject(s3, bucket, signal, { folders });
    if (newest === undefined) return { object: announced };
    const { key, size, modified } = newest;
    const all = known === undefined ? "its source" : "the sources that are announced";
    const remark = `the newest of ${complete ? "" : "a part of "}${all}, written ${ago(modified)}`;
    return { object: { bucket, key, size }, remark };
  } catch (error) {
    signal.throwIfAborted();
    if (!isDenied(error)) throw error;
    return { object: announced, remark: "taken from a message, since the role may not list the bucket, as is usual" };
  }
}

/** Keys are `<source>/<version>/region=…`. */
function sourceOf(key: string): string {
  return /^.*?\/(?=region=)/i.exec(key)?.[0] ?? key.slice(0, key.lastIndexOf("/") + 1);
}

async function readObject(
  lake: Lake,
  object: AnnouncedObject,
  signal: AbortSignal,
  account?: string,
): Promise<Finding> {
  const { s3, region } = await lake.clients();
  const name = `s3://${object.bucket}/${object.key}`;
  try {
    const { source, lastModified } = await openObject(s3, object, { signal, readAhead: 0 });
    const file = await open(source);
    const classes = new Set<string>();
    for await (const batch of rows(file, { columns: ["class_uid"], maxRows: 100, signal })) {
      const { ids, dictionary } = batch.columns.get("class_uid") ?? {};
      for (const id of ids ?? []) if (id >= 0 && dictionary !== undefined) classes.add(String(dictionary.value(id)));
      break;
    }
    const what = classes.size === 0 ? "without class_uid" : `of class ${[...classes].sort().join(", ")}`;
    // The role that has read it may use its key.
    const key = (await encryptionOf(s3, object, signal))?.key;
    const decrypted = key === undefined ? "" : `, decrypted by the key ${key}`;
    const seen = `${name}: ${source.byteLength} bytes, ${counted(file.rowCount, "event")} ${what}, of ${lastModified.toISOString()}${decrypted}`;
    if (classes.size > 0) return { state: "ok", seen };
    return { state: "warning", seen, fix: "Check that the source writes OCSF events: each has a class_uid" };
  } catch (error) {
    if (error instanceof ObjectDenied) {
      const seen = lake.explain(error.cause, { action: error.action, resource: name });
      const { fix, ...more } = letRead(lake, error, object, partitionOf(region));
      return { state: "failed", seen, fix: forRole(lake, fix, `the bucket ${object.bucket}`, account), ...more };
    }
    if (error instanceof ObjectGone) {
      return {
        state: "warning",
        seen: error.message,
        fix: "Run it again; if it stays so, the lake's lifecycle removes objects before they are read",
      };
    }
    if (error instanceof ParquetError) {
      return {
        state: "failed",
        seen: `${name}: ${error.message}`,
        fix: "Check what writes this source: the object is broken",
      };
    }
    throw error;
  }
}

function letRead(
  lake: Lake,
  { action, cause }: ObjectDenied,
  { bucket }: AnnouncedObject,
  partition: string,
): Pick<Finding, "policy" | "console"> & { readonly fix: string } {
  const ofKey = action === "kms:Decrypt";
  const [key = "of the lake"] = /arn:[^:]+:kms:[\w-]*:\d+:key\/[\w-]+/.exec(String((cause as Error)?.message)) ?? [];
  const console = ofKey ? "KMS > Customer managed keys" : `S3 > Buckets > ${bucket} > Permissions > Bucket policy`;
  const fix = blamed(lake, cause, action, ofKey ? `key ${key}` : `bucket ${bucket}`);
  if (fix !== undefined) return { fix, ...(/ change the (key|bucket) /.test(fix) && { console }) };
  if (ofKey) {
    return {
      fix: `Someone who may change the key ${key} lets its policy allow the role kms:Decrypt, and someone who may change the role adds the statement below to its policy`,
      ...(key.startsWith("arn:") && { policy: allow([action], key) }),
      console,
    };
  }
  const arn = `arn:${partition}:s3:::${bucket}`;
  return {
    fix: "Someone who may change the role adds the statement below to its policy",
    policy: allow(["s3:GetObject", "s3:GetObjectVersion"], `${arn}/aws/*`, `${arn}/ext/*`),
  };
}

function partitionOf(region: string): string {
  if (region.startsWith("cn-")) return "aws-cn";
  return region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}

function ago(time: Date): string {
  const seconds = Math.max(0, Math.round((Date.now() - time.getTime()) / 1000));
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 2 * 3_600) return `${Math.round(seconds / 60)} min ago`;
  return seconds < 2 * daySeconds
    ? `${Math.round(seconds / 3_600)} h ago`
    : `${Math.round(seconds / daySeconds)} days ago`;
}
