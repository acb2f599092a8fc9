import { randomBytes } from "node:crypto";
import { AwsError } from "../aws-error.ts";
import type { Policy } from "../policy.ts";
import { type Checksum, checksum } from "./checksum.ts";
import type { NotificationConfiguration } from "./notification-configuration.ts";

export interface Bucket {
  readonly name: string;
  readonly arn: string;
  readonly region: string;
  readonly account: string;
  readonly createdAt: number;
  versioning: "Enabled" | "Suspended" | undefined;
  policy: Policy | undefined;
  notifications: NotificationConfiguration;
  /** Default encryption by a customer managed key. */
  kmsKey: string | undefined;
  requesterPays: boolean;
  readonly tags: Map<string, string>;
  /** By key; the versions of each, the newest last. */
  readonly objects: Map<string, ObjectVersion[]>;
  readonly uploads: Map<string, Upload>;
  /** In the order of S3's listings; undefined after a key came or went. */
  sortedKeys: readonly string[] | undefined;
}

export interface ObjectVersion {
  readonly key: string;
  /** "null" when it was written while versioning was off. */
  readonly versionId: string;
  readonly deleteMarker: boolean;
  readonly body: Buffer;
  /** Without quotes. */
  readonly etag: string;
  /** ms since the epoch, whole seconds, as HTTP dates tell them */
  readonly lastModified: number;
  /** Headers that are given back as they were put: content-type, x-amz-meta-…, … */
  readonly headers: Readonly<Record<string, string>>;
  storageClass: string;
  /** Of an archived object that was restored: until when it can be read, in ms since the epoch. */
  restoredUntil: number | undefined;
  readonly kmsKey: string | undefined;
  checksum: Checksum | undefined;
  /** What an unversioned bucket would have served before this was written. */
  readonly previous: ObjectVersion | undefined;
}

export interface Upload {
  readonly id: string;
  readonly key: string;
  readonly startedAt: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly storageClass: string;
  readonly kmsKey: string | undefined;
  readonly checksum: Pick<Checksum, "algorithm" | "type"> | undefined;
  readonly parts: Map<number, Part>;
}

export interface Part {
  readonly body: Buffer;
  readonly etag: string;
  readonly checksum: Checksum | undefined;
  readonly lastModified: number;
}

export type NewObject = Pick<ObjectVersion, "key" | "body" | "etag" | "headers" | "kmsKey" | "checksum"> & {
  readonly storageClass: string;
  readonly deleteMarker?: boolean;
};

export function currentVersion(bucket: Bucket, key: string): ObjectVersion | undefined {
  return bucket.objects.get(key)?.at(-1);
}

export function findVersion(bucket: Bucket, key: string, versionId: string): ObjectVersion | undefined {
  return bucket.objects.get(key)?.find((version) => version.versionId === versionId);
}

/** Writes a version (or a delete marker) the way the bucket's versioning says. */
export function store(bucket: Bucket, object: NewObject, now: number): ObjectVersion {
  const versions = bucket.objects.get(object.key) ?? [];
  const replaced = bucket.versioning === "Enabled" ? -1 : versions.findIndex(({ versionId }) => versionId === "null");
  const [gone] = replaced === -1 ? [] : versions.splice(replaced, 1);
  const version: ObjectVersion = {
    ...object,
    deleteMarker: object.deleteMarker ?? false,
    versionId: bucket.versioning === "Enabled" ? newVersionId() : "null",
    lastModified: Math.floor(now / 1000) * 1000,
    restoredUntil: undefined,
    previous: gone === undefined ? undefined : { ...gone, previous: undefined },
  };
  versions.push(version);
  if (versions.length === 1) {
    bucket.objects.set(object.key, versions);
    bucket.sortedKeys = undefined;
  }
  return version;
}

/** @returns what was removed */
export function removeVersion(bucket: Bucket, key: string, versionId: string): ObjectVersion | undefined {
  const versions = bucket.objects.get(key) ?? [];
  const at = versions.findIndex((version) => version.versionId === versionId);
  const [removed] = at === -1 ? [] : versions.splice(at, 1);
  if (versions.length === 0 && bucket.objects.delete(key)) bucket.sortedKeys = undefined;
  return removed;
}

function newVersionId(): string {
  return randomBytes(24).toString("base64url");
}

/** S3 sorts keys by their UTF-8 bytes. */
export function sortedKeys(bucket: Bucket): readonly string[] {
  bucket.sortedKeys ??= [...bucket.objects.keys()].sort(byBytes);
  return bucket.sortedKeys;
}

const surrogate = /[\ud800-\udfff]/;

export function byBytes(a: string, b: string): number {
  // UTF-16 units sort like UTF-8 bytes but for characters beyond the first plane.
  if (surrogate.test(a) || surrogate.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : Number(a > b);
}

/** S3 keeps a CRC64NVME of every object that came without a checksum; here it is computed when first asked for. */
export function checksumOf(version: ObjectVersion): Checksum {
  version.checksum ??= {
    algorithm: "CRC64NVME",
    value: checksum("CRC64NVME", version.body),
    type: "FULL_OBJECT",
  };
  return version.checksum;
}

export const archived: ReadonlySet<string> = new Set(["GLACIER", "DEEP_ARCHIVE"]);

export function isReadable(version: ObjectVersion, now: number): boolean {
  return !archived.has(version.storageClass) || (version.restoredUntil ?? 0) > now;
}

/** @throws AwsError */
export function checkBucketName(name: string): void {
  if (/^(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name)) return;
  throw new AwsError(400, "InvalidBucketName", "The specified bucket is not valid.", { fields: { BucketName: name } });
}
