import type { AnnouncedObject } from "./notification.ts";

/** The object is not there, or not as it was announced, and will not come back. */
export class ObjectGone extends Error {
  override readonly name = "ObjectGone";
  readonly code = "OBJECT_GONE";
}

/** The set-up stands in the way: a permission, a key, a bucket that is not where it is looked for. Somebody may repair it. */
export class ObjectDenied extends Error {
  override readonly name = "ObjectDenied";
  readonly code = "OBJECT_DENIED";
  /** What was refused, as IAM writes it. */
  readonly action: "s3:GetObject" | "kms:Decrypt";
  /** `s3://bucket/key` */
  readonly resource: string;
  /** Where AWS does not say why: what may be the reason, the most likely first. */
  readonly causes: readonly string[] | undefined;

  constructor(
    object: AnnouncedObject,
    action: ObjectDenied["action"],
    problem: string,
    cause: unknown,
    causes?: readonly string[],
  ) {
    super(`${nameOf(object)} ${problem}`, { cause });
    this.action = action;
    this.resource = nameOf(object);
    this.causes = causes;
  }
}

/** A body that ended early, stood still, or has not the bytes that its checksum is of; the rest, or all, is asked for again. */
export class BrokenBody extends Error {
  override readonly name = "BrokenBody";
  readonly code = "BROKEN_BODY";
}

/** `s3://bucket/key`, as every message names an object. */
export function nameOf({ bucket, key }: AnnouncedObject): string {
  return `s3://${bucket}/${key}`;
}

/** What was asked with a request, beside the object. */
export interface Asked {
  readonly owner?: string | undefined;
  readonly requesterPays?: boolean | undefined;
}

interface ServiceError {
  readonly name?: string;
  readonly message?: string;
  readonly Region?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

/** S3's answer in the terms of this package; what passes by itself, or is about the caller's credentials, stays what it is. */
export function explainS3(error: unknown, object: AnnouncedObject, asked: Asked = {}): unknown {
  const { name = "", message = "" } = error as ServiceError;
  const gone = (what: string) => new ObjectGone(`${nameOf(object)} ${what}`, { cause: error });
  const denied = (action: ObjectDenied["action"], problem: string, causes?: readonly string[]) =>
    new ObjectDenied(object, action, problem, error, causes);
  switch (name) {
    case "NoSuchKey":
    case "NotFound":
      return gone("does not exist (404)");
    case "NoSuchVersion":
      return gone(`has no version ${object.versionId} (404)`);
    case "MethodNotAllowed":
      return gone(`was deleted: version ${object.versionId} is a delete marker (405)`);
    case "PreconditionFailed":
      return gone(`was replaced: its ETag is no longer ${object.etag} (412)`);
    case "InvalidObjectState":
      return gone("is archived and must be restored before it can be read (403)");
    case "InvalidRange":
      return gone("has 0 bytes (416)");
    case "NoSuchBucket":
      return denied("s3:GetObject", "cannot be reached: there is no such bucket here (404); check the endpoint of S3");
    case "PermanentRedirect":
      return denied("s3:GetObject", "cannot be reached: its bucket is in another region, and S3 does not say in which");
    case "AccessDenied":
      return refused(message, gone, denied, asked);
    default:
      if (!name.startsWith("KMS.")) return error;
      return denied(
        "kms:Decrypt",
        `cannot be decrypted: ${name}: ${message}; enable or restore its KMS key, or allow the role to use it`,
      );
  }
}

/** A 403 by what AWS says of it, which is not always the truth, nor all of it. */
function refused(
  message: string,
  gone: (what: string) => ObjectGone,
  denied: (action: ObjectDenied["action"], problem: string, causes?: readonly string[]) => ObjectDenied,
  { owner, requesterPays }: Asked,
): Error {
  // Without s3:ListBucket S3 hides that an object is missing; then it denies that action, not s3:GetObject.
  if (message.includes("s3:ListBucket")) {
    return gone("does not exist, as far as a role without s3:ListBucket can see (403)");
  }
  if (/\bkms:|\bKMS\b/.test(message)) {
    return denied(
      "kms:Decrypt",
      `cannot be decrypted: ${message}; allow kms:Decrypt for the role in its policy and in the key's`,
    );
  }
  if (message.includes("not authorized to perform")) {
    return denied("s3:GetObject", `may not be read: ${message}; allow it in the role's policy and the bucket's`);
  }
  const causes = [
    "the role has no s3:GetObject on it",
    "the bucket's policy or the object's KMS key does not allow the role",
    ...(owner === undefined ? [] : [`the bucket does not belong to account ${owner}`]),
    ...(requesterPays === true ? [] : ["the bucket lets requesters pay and this one has not agreed to"]),
    "the object does not exist and the role has no s3:ListBucket",
  ];
  const problem = `may not be read: ${message} (403); AWS does not say why: ${causes.join(", or ")}`;
  return denied("s3:GetObject", problem, causes);
}

/** The region to which S3 sends a request that reached it in the wrong one. */
export function redirectOf(error: unknown): string | undefined {
  const { name, Region, $metadata, $response } = error as ServiceError;
  const wrongRegion =
    name === "PermanentRedirect" || name === "AuthorizationHeaderMalformed" || $metadata?.httpStatusCode === 301;
  return wrongRegion ? ($response?.headers?.["x-amz-bucket-region"] ?? Region) : undefined;
}

/** Whether S3 asks for fewer requests. */
export function isSlowDown(error: unknown): boolean {
  const { name, $metadata } = error as ServiceError;
  return name === "SlowDown" || $metadata?.httpStatusCode === 503 || $metadata?.httpStatusCode === 429;
}
