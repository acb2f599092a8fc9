import { createRandom, type Random } from "./random.ts";

/**
 * How a queue learns of an object:
 * - security-lake: the subscriber's own queue, the form that Security Lake documents;
 * - eventbridge: a rule of one's own over the bucket's EventBridge events;
 * - s3-records: a native bucket notification, whose keys are URL-encoded;
 * - sns-security-lake, sns-s3-records: those inside the envelope of a topic without raw delivery.
 */
export type NotificationForm = "security-lake" | "eventbridge" | "s3-records" | "sns-security-lake" | "sns-s3-records";

export const notificationForms: readonly NotificationForm[] = [
  "security-lake",
  "eventbridge",
  "s3-records",
  "sns-security-lake",
  "sns-s3-records",
];

export interface Announced {
  readonly bucket: string;
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Without quotes. */
  readonly etag: string;
  readonly versionId?: string | undefined;
}

export interface NotificationSetting {
  readonly account?: string;
  readonly region?: string;
  /** When it was written, milliseconds since 1970. */
  readonly time?: number;
}

/** The body of the message that announces a new object. */
export function notification(
  object: Announced,
  form: NotificationForm = "security-lake",
  { account = "123456789012", region = "us-east-1", time = Date.now() }: NotificationSetting = {},
): string {
  const random = createRandom(`${object.bucket}/${object.key}/${object.etag}`);
  const context = { account, region, time, random };
  switch (form) {
    case "security-lake":
      return JSON.stringify(securityLake(object, context));
    case "eventbridge":
      return JSON.stringify(eventBridge(object, context));
    case "s3-records":
      return JSON.stringify(s3Records([object], context));
    case "sns-security-lake":
      return JSON.stringify(envelope(JSON.stringify(securityLake(object, context)), context));
    case "sns-s3-records":
      return JSON.stringify(envelope(JSON.stringify(s3Records([object], context)), context));
  }
}

interface Context {
  readonly account: string;
  readonly region: string;
  readonly time: number;
  readonly random: Random;
}

function securityLake(object: Announced, { account, region, time, random }: Context) {
  return {
    source: "aws.s3",
    time: seconds(time),
    account,
    region,
    resources: [`arn:aws:s3:::${object.bucket}`],
    detail: {
      bucket: { name: object.bucket },
      object: { key: object.key, size: object.size, etag: object.etag },
      "request-id": random.base32(16),
      requester: "securitylake.amazonaws.com",
    },
  };
}

function eventBridge(object: Announced, context: Context): object {
  const { detail, ...event } = securityLake(object, context);
  return {
    version: "0",
    id: context.random.uuid(),
    "detail-type": "Object Created",
    ...event,
    detail: {
      version: "0",
      ...detail,
      object: {
        ...detail.object,
        ...(object.versionId === undefined ? {} : { "version-id": object.versionId }),
        sequencer: sequencer(context),
      },
      "source-ip-address": "203.0.113.7",
      reason: "PutObject",
    },
  };
}

/** One message of native notifications may announce several objects. */
export function s3Records(objects: readonly Announced[], context: Context): object {
  return { Records: objects.map((object) => s3Record(object, context)) };
}

function s3Record(object: Announced, context: Context): object {
  const { region, time, random } = context;
  return {
    eventVersion: "2.1",
    eventSource: "aws:s3",
    awsRegion: region,
    eventTime: new Date(time).toISOString(),
    eventName: "ObjectCreated:Put",
    userIdentity: { principalId: `AWS:AIDA${random.base32(17)}` },
    requestParameters: { sourceIPAddress: "203.0.113.7" },
    responseElements: { "x-amz-request-id": random.base32(16), "x-amz-id-2": random.hex(64) },
    s3: {
      s3SchemaVersion: "1.0",
      configurationId: "parquet",
      bucket: {
        name: object.bucket,
        ownerIdentity: { principalId: random.base32(14) },
        arn: `arn:aws:s3:::${object.bucket}`,
      },
      object: {
        key: formEncoded(object.key),
        size: object.size,
        eTag: object.etag,
        ...(object.versionId === undefined ? {} : { versionId: object.versionId }),
        sequencer: sequencer(context),
      },
    },
  };
}

function envelope(message: string, { account, region, time, random }: Context): object {
  return {
    Type: "Notification",
    MessageId: random.uuid(),
    TopicArn: `arn:aws:sns:${region}:${account}:security-lake`,
    Subject: "Amazon S3 Notification",
    Message: message,
    Timestamp: new Date(time).toISOString(),
    SignatureVersion: "1",
    Signature: random.hex(64),
    SigningCertURL: `https://sns.${region}.amazonaws.com/SimpleNotificationService-0000.pem`,
    UnsubscribeURL: `https://sns.${region}.amazonaws.com/?Action=Unsubscribe`,
  };
}

/** Keys of native notifications: form encoding, slashes kept. */
function formEncoded(key: string): string {
  return key
    .split("/")
    .map((part) =>
      encodeURIComponent(part)
        .replaceAll("%20", "+")
        .replace(/[!'()*~]/g, percent),
    )
    .join("/");
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** EventBridge's times have whole seconds. */
function seconds(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}

function sequencer({ random }: Context): string {
  return `00${random.hex(16).toUpperCase()}`;
}
