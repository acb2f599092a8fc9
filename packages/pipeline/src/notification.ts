import { isIcebergMetadata } from "./object-key.ts";

/** An object that a notification announces. `size` in bytes; `etag` without quotes. */
export interface AnnouncedObject {
  readonly bucket: string;
  readonly key: string;
  readonly region?: string;
  /** 12 digits: who owns the bucket, where the notification tells (Amazon S3 User Guide, «EventBridge event message structure»). */
  readonly account?: string;
  readonly size?: number;
  readonly etag?: string;
  readonly versionId?: string;
}

/**
 * What a message body means. Its parts are judged one by one: a broken record beside a good one costs only itself.
 * `nothingToDo` and `malformed` carry a reason each.
 */
export interface Notification {
  readonly objects: readonly AnnouncedObject[];
  /** Announced, but no data: test events, deletions, Iceberg metadata, objects of 0 bytes. */
  readonly nothingToDo: readonly string[];
  /** In no known form; can never succeed. */
  readonly malformed: readonly string[];
}

type Json = Record<string, unknown>;

/** What S3 tells EventBridge beside new objects. Anything else is no event of S3, and is kept rather than dropped. */
const detailTypesWithoutData = new Set([
  "Object ACL Updated",
  "Object Access Tier Changed",
  "Object Deleted",
  "Object Restore Completed",
  "Object Restore Expired",
  "Object Restore Initiated",
  "Object Storage Class Changed",
  "Object Tags Added",
  "Object Tags Deleted",
]);

const eventNamesWithoutData =
  /^(s3:)?(ObjectRemoved|ObjectRestore|ReducedRedundancyLostObject|Replication|LifecycleExpiration|LifecycleTransition|IntelligentTiering|ObjectTagging|ObjectAcl)(:|$)/;

/**
 * Reads a message body in each form in which S3 objects are announced: Security Lake's own (an EventBridge event without
 * `detail-type`), EventBridge's `Object Created`, native `Records[]`, and these wrapped by SNS.
 *
 * Keys are URL-encoded in `Records[]` only. Sources: Amazon Security Lake User Guide, «Sample object notification
 * message»; Amazon S3 User Guide, «Event message structure» and «EventBridge event message structure»; Amazon SNS
 * Developer Guide, «HTTP/HTTPS notification JSON format».
 */
export function parseNotification(body: string): Notification {
  return interpretText("the body", body, (event) =>
    event.Type === "Notification" && typeof event.Message === "string"
      ? interpretText("the SNS message", event.Message, interpretEvent)
      : interpretEvent(event),
  );
}

function interpretText(what: string, text: string, interpret: (event: Json) => Notification): Notification {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return malformed(
      `${what} ${text.trim() === "" ? "is empty" : "is not JSON"} (${text.length} ${text.length === 1 ? "character" : "characters"})`,
    );
  }
  if (isObject(value)) return interpret(value);
  const kind = Array.isArray(value) ? "an array" : value === null ? "null" : `a ${typeof value}`;
  return malformed(`${what} is ${kind}, not a JSON object`);
}

function interpretEvent(event: Json): Notification {
  if (event.Event === "s3:TestEvent") return nothing("s3:TestEvent");
  if (Array.isArray(event.Records)) return join(event.Records.map(interpretRecord));
  if (isObject(event.detail)) return interpretDetail(event, event.detail);
  return malformed("the body has neither detail nor Records[], so it announces no object");
}

function interpretDetail(event: Json, detail: Json): Notification {
  const detailType = event["detail-type"];
  if (detailType !== undefined && detailType !== "Object Created") {
    return detailTypesWithoutData.has(String(detailType))
      ? nothing(`EventBridge ${detailType}`)
      : malformed(`the detail-type is "${String(detailType).slice(0, 80)}", no event of S3`);
  }
  const object = isObject(detail.object) ? detail.object : {};
  const bucket = isObject(detail.bucket) ? detail.bucket.name : undefined;
  return announce("detail", bucket, object.key, event, object.size, object.etag, object["version-id"]);
}

function interpretRecord(record: unknown, index: number): Notification {
  const where = `Records[${index}]`;
  if (!isObject(record)) return malformed(`${where} is not a JSON object`);
  const eventName = String(record.eventName ?? "");
  if (eventNamesWithoutData.test(eventName)) return nothing(`S3 ${eventName}`);
  if (!/^(s3:)?ObjectCreated:/.test(eventName)) {
    const name =
      eventName === "" ? "has no eventName" : `has the eventName "${eventName.slice(0, 80)}", which is not known`;
    return malformed(`${where} ${name}`);
  }
  const s3 = isObject(record.s3) ? record.s3 : {};
  const bucket = isObject(s3.bucket) ? s3.bucket.name : undefined;
  const object = isObject(s3.object) ? s3.object : {};
  const key = typeof object.key === "string" ? decodeKey(object.key) : undefined;
  return announce(where, bucket, key, { region: record.awsRegion }, object.size, object.eTag, object.versionId);
}

/** `application/x-www-form-urlencoded`, as S3 writes keys in `Records[]`: `+` is a blank. Undefined where the encoding is broken. */
function decodeKey(key: string): string | undefined {
  try {
    return decodeURIComponent(key.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}

function announce(
  where: string,
  bucket: unknown,
  key: unknown,
  { region, account }: { readonly region?: unknown; readonly account?: unknown },
  size: unknown,
  etag: unknown,
  versionId: unknown,
): Notification {
  if (typeof bucket !== "string" || bucket === "") return malformed(`${where} names no bucket`);
  if (typeof key !== "string" || key === "") return malformed(`${where} names no readable object key`);
  if (isIcebergMetadata(key)) return nothing("Iceberg metadata");
  if (size === 0) return nothing("object of 0 bytes");
  const object: AnnouncedObject = {
    bucket,
    key,
    ...(typeof region === "string" && { region }),
    ...(typeof account === "string" && /^\d{12}$/.test(account) && { account }),
    ...(typeof size === "number" && { size }),
    ...(typeof etag === "string" && etag !== "" && { etag: etag.replaceAll('"', "") }),
    ...(typeof versionId === "string" && versionId !== "" && versionId !== "null" && { versionId }),
  };
  return { objects: [object], nothingToDo: [], malformed: [] };
}

function nothing(reason: string): Notification {
  return { objects: [], nothingToDo: [reason], malformed: [] };
}

function malformed(reason: string): Notification {
  return { objects: [], nothingToDo: [], malformed: [reason] };
}

function join(parts: readonly Notification[]): Notification {
  if (parts.length === 0) return malformed("Records[] is empty, so it announces no object");
  return {
    objects: parts.flatMap((part) => part.objects),
    nothingToDo: parts.flatMap((part) => part.nothingToDo),
    malformed: parts.flatMap((part) => part.malformed),
  };
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
