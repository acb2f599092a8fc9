import { HeadObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { type AnnouncedObject, ObjectDenied, openObject } from "@threatlockdown/pipeline";
import { isDenied } from "./administrator.ts";
import type { Encryption } from "./flow.ts";
import { newestObject } from "./newest.ts";

/** What the newest object of a bucket tells of its key to the subscriber. */
export interface NewestRead {
  /** Absent where there is no object, or nothing is told of it. */
  readonly encryption?: Encryption;
  /** Whether the subscriber may decrypt it; absent where something else stands in the way of reading it. */
  readonly decrypted?: boolean;
}

/** The object is looked for by the one client, and read by the other. @throws the SDK's errors of the first */
export async function readNewest(lister: S3Client, reader: S3Client, bucket: string): Promise<NewestRead> {
  const { newest } = await newestObject(lister, bucket, new AbortController().signal);
  if (newest === undefined) return {};
  const object = { bucket, key: newest.key, size: newest.size };
  const [encryption, decrypted] = await Promise.all([encryptionOf(reader, object), decrypts(reader, object)]);
  return { ...(encryption && { encryption }), ...(decrypted !== undefined && { decrypted }) };
}

/** By its headers, which tell an ARN whatever the key was called when the object was written. */
export async function encryptionOf(
  s3: S3Client,
  { bucket, key, versionId }: AnnouncedObject,
  signal?: AbortSignal,
): Promise<Encryption | undefined> {
  const command = new HeadObjectCommand({ Bucket: bucket, Key: key, ...(versionId && { VersionId: versionId }) });
  const found = await s3.send(command, signal && { abortSignal: signal }).catch(() => undefined);
  return found && (found.SSEKMSKeyId === undefined ? {} : { key: found.SSEKMSKeyId });
}

async function decrypts(s3: S3Client, object: AnnouncedObject): Promise<boolean | undefined> {
  try {
    using _ = await openObject(s3, object, { tries: 1, wholeUpTo: 1, readAhead: 0 });
    return true;
  } catch (error) {
    // A key that is disabled refuses everybody.
    const refused = error instanceof ObjectDenied && error.action === "kms:Decrypt" && isDenied(error.cause);
    return refused ? false : undefined;
  }
}
