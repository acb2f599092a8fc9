import { setTimeout as delay } from "node:timers/promises";
import { GetObjectCommand, type GetObjectCommandOutput, type S3Client } from "@aws-sdk/client-s3";
import type { ByteSource } from "@threatlockdown/parquet-reader";
import type { AnnouncedObject } from "./notification.ts";
import { type ObjectKey, parseObjectKey } from "./object-key.ts";

/** An object of the lake, open for reading. Ids and index names of its events depend on this and on the events alone. */
export interface LakeObject {
  readonly bucket: string;
  readonly key: string;
  /** Without quotes. */
  readonly etag: string;
  readonly lastModified: Date;
  readonly origin: ObjectKey;
  readonly source: ByteSource;
}

/** The object is not there, or not as it was announced, and will not come back. */
export class ObjectGone extends Error {
  override readonly name = "ObjectGone";
  readonly code = "OBJECT_GONE";
}

/** The set-up stands in the way: a permission, a key, a bucket that is not where it is looked for. Somebody may repair it. */
export class ObjectDenied extends Error {
  override readonly name = "ObjectDenied";
  readonly code = "OBJECT_DENIED";
}

export interface OpenObjectOptions {
  readonly signal?: AbortSignal;
  /** Bytes. Objects up to this size are read by one request and held whole; larger ones by ranges. Default 8 MiB. */
  readonly wholeUpTo?: number;
  /** How often in all a missing object is asked for, or a body that broke off is read. Default 3. */
  readonly tries?: number;
}

/** The footers of real objects have 8 to 23 KB; this much of a large object's end is read at once. */
const tailBytes = 256 * 1024;

/** What one answer of S3 held: `bytes` begin at `start` of an object of `total` bytes. */
interface Part {
  readonly etag: string;
  readonly lastModified: Date;
  readonly start: number;
  readonly total: number;
  readonly bytes: Uint8Array;
}

/**
 * Opens the announced version of an object: by its version id where there is one, else only while its ETag is the
 * announced one.
 *
 * @throws ObjectGone, ObjectDenied, and errors of the AWS SDK, which has retried what it thinks worth it
 */
export async function openObject(
  s3: S3Client,
  announced: AnnouncedObject,
  options: OpenObjectOptions = {},
): Promise<LakeObject> {
  const { wholeUpTo = 8 * 1024 * 1024, tries = 3, signal } = options;
  const get = (from: AnnouncedObject, range: string | undefined) =>
    patiently(tries, signal, () => getObject(s3, from, range, wholeUpTo, signal));

  // Without a range S3 sends a checksum along, and the SDK checks it.
  const small = announced.size !== undefined && announced.size <= wholeUpTo;
  const suffix = announced.size === undefined ? wholeUpTo : tailBytes;
  const whole = small ? await get(announced, undefined).catch(largerThanAnnounced) : undefined;
  const part = whole ?? (await get(announced, `bytes=-${suffix}`));
  const pinned = { ...announced, etag: part.etag };
  return {
    bucket: announced.bucket,
    key: announced.key,
    etag: part.etag,
    lastModified: part.lastModified,
    origin: parseObjectKey(announced.key),
    source: partSource(part, (start, end) => get(pinned, `bytes=${start}-${end - 1}`)),
  };
}

/** Serves what is at hand, and fetches the rest by ranges. */
function partSource(part: Part, fetch: (start: number, end: number) => Promise<Part>): ByteSource {
  return {
    byteLength: part.total,
    slice(start, end) {
      if (start >= part.start) return part.bytes.subarray(start - part.start, end - part.start);
      return fetch(start, end).then(({ bytes }) => {
        if (bytes.byteLength === end - start) return bytes;
        throw new BrokenBody(`S3 sent ${bytes.byteLength} of the ${end - start} bytes from ${start}`);
      });
    },
  };
}

/** The size that a notification tells may be wrong; version id and ETag say that the object is the right one. */
class LargerThanAnnounced extends Error {
  override readonly name = "LargerThanAnnounced";
}

function largerThanAnnounced(error: unknown): undefined {
  if (!(error instanceof LargerThanAnnounced)) throw error;
}

/** A body that ended early; worth another try. */
class BrokenBody extends Error {
  override readonly name = "BrokenBody";
}

async function getObject(
  s3: S3Client,
  object: AnnouncedObject,
  range: string | undefined,
  wholeUpTo: number,
  signal: AbortSignal | undefined,
): Promise<Part> {
  try {
    const output = await s3.send(
      new GetObjectCommand({
        Bucket: object.bucket,
        Key: object.key,
        ...(object.versionId !== undefined
          ? { VersionId: object.versionId }
          : object.etag !== undefined && { IfMatch: `"${object.etag}"` }),
        ...(range !== undefined && { Range: range }),
      }),
      signal && { abortSignal: signal },
    );
    return await readPart(output, object, Math.max(wholeUpTo, tailBytes));
  } catch (error) {
    throw explain(error, object);
  }
}

async function readPart(output: GetObjectCommandOutput, object: AnnouncedObject, limit: number): Promise<Part> {
  const { Body, ContentLength = 0, ContentRange, ETag = "", LastModified = new Date(0) } = output;
  if (Body === undefined) throw new BrokenBody("S3 sent no body");
  if (ContentRange === undefined && ContentLength > limit) {
    await Body.transformToWebStream().cancel();
    throw new LargerThanAnnounced(`${name(object)} has ${ContentLength} bytes, ${object.size} were announced`);
  }
  const bytes = await Body.transformToByteArray();
  if (bytes.byteLength !== ContentLength) {
    throw new BrokenBody(`S3 sent ${bytes.byteLength} of ${ContentLength} bytes`);
  }
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(ContentRange ?? "") ?? [];
  return {
    etag: ETag.replaceAll('"', ""),
    lastModified: LastModified,
    start: Number(start ?? 0),
    total: Number(total ?? bytes.byteLength),
    bytes,
  };
}

/** Asks again where that can help: a body that broke off, or an object that may not have reached every replica. */
async function patiently<T>(tries: number, signal: AbortSignal | undefined, ask: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await ask();
    } catch (error) {
      signal?.throwIfAborted();
      if (tried >= tries || !worthAnotherTry(error)) throw error;
      await delay(100 * 4 ** (tried - 1), undefined, signal && { signal });
    }
  }
}

function worthAnotherTry(error: unknown): boolean {
  if (error instanceof BrokenBody || error instanceof ObjectGone) return true;
  // The socket died while the body was on its way: the SDK's own retries end with the headers.
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ECONNRESET" || code === "ERR_STREAM_PREMATURE_CLOSE" || code === "EPIPE";
}

/** S3's answer in the terms of this package; anything else stays what it is. */
function explain(error: unknown, object: AnnouncedObject): unknown {
  const { name: code = "", message = "" } = error as Error;
  const gone = (what: string) => new ObjectGone(`${name(object)} ${what}`, { cause: error });
  if (code === "NoSuchKey" || code === "NotFound") return gone("does not exist (404)");
  if (code === "NoSuchVersion") return gone(`has no version ${object.versionId} (404)`);
  if (code === "PreconditionFailed") return gone(`was replaced: its ETag is no longer ${object.etag} (412)`);
  if (code === "InvalidObjectState") return gone("is archived and must be restored before it can be read (403)");
  if (code === "InvalidRange") return gone("has 0 bytes (416)");
  if (code === "NoSuchBucket") {
    return new ObjectDenied(
      `${name(object)} cannot be reached: there is no such bucket here (404); check the endpoint of S3`,
      {
        cause: error,
      },
    );
  }
  if (code === "AccessDenied" || code.startsWith("KMS.")) {
    // Without s3:ListBucket S3 hides that an object is missing; then it denies that action, not s3:GetObject.
    if (message.includes("s3:ListBucket"))
      return gone("does not exist, as far as a role without s3:ListBucket can see (403)");
    return new ObjectDenied(`${name(object)} may not be read: ${message}`, { cause: error });
  }
  return error;
}

function name(object: AnnouncedObject): string {
  return `s3://${object.bucket}/${object.key}`;
}
