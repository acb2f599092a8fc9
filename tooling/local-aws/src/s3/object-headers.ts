import { hash } from "node:crypto";
import { AwsError } from "../aws-error.ts";
import { type HttpRequest, headerOf } from "../request.ts";
import type { Call } from "../service.ts";
import { type Bucket, checksumOf, type ObjectVersion } from "./bucket.ts";
import { type Checksum, type ChecksumAlgorithm, checksum, checksumAlgorithms } from "./checksum.ts";

const kept = ["cache-control", "content-disposition", "content-language", "content-type", "expires"];

/** What an object keeps of the headers it was put with. */
export function objectHeaders(request: HttpRequest): Readonly<Record<string, string>> {
  const headers: Record<string, string> = { "content-type": "binary/octet-stream" };
  for (const name of Object.keys(request.headers)) {
    if (kept.includes(name) || name.startsWith("x-amz-meta-")) headers[name] = headerOf(request, name) as string;
  }
  const encodings = (headerOf(request, "content-encoding") ?? "").split(",").map((encoding) => encoding.trim());
  const lasting = encodings.filter((encoding) => encoding !== "" && encoding !== "aws-chunked");
  if (lasting.length > 0) headers["content-encoding"] = lasting.join(",");
  return headers;
}

/** The customer managed key that an object is put with; undefined: S3's own encryption. */
export function objectKey(request: HttpRequest, bucket: Bucket): string | undefined {
  const encryption = headerOf(request, "x-amz-server-side-encryption");
  if (encryption === undefined) return bucket.kmsKey;
  if (encryption !== "aws:kms") return undefined;
  return headerOf(request, "x-amz-server-side-encryption-aws-kms-key-id") ?? bucket.kmsKey ?? "alias/aws/s3";
}

export function encryptionHeaders(kmsKey: string | undefined): Record<string, string> {
  if (kmsKey === undefined) return { "x-amz-server-side-encryption": "AES256" };
  return { "x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": kmsKey };
}

export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`;
}

/**
 * Compares a body with the MD5 and checksum that came with it, in headers or after it.
 *
 * @returns the checksum, when there was one
 * @throws AwsError BadDigest
 */
export function verifiedChecksum({ request, body, trailers }: Call): Checksum | undefined {
  const given = headerOf(request, "content-md5");
  if (given !== undefined && given !== md5Base64(body)) {
    throw badDigest("The Content-MD5 you specified did not match what we received.");
  }
  for (const algorithm of checksumAlgorithms) {
    const name = checksumHeader(algorithm);
    const value = headerOf(request, name) ?? trailers.get(name);
    if (value === undefined) continue;
    if (value !== checksum(algorithm, body)) {
      throw badDigest(`The ${algorithm} you specified did not match the calculated checksum.`);
    }
    return { algorithm, value, type: "FULL_OBJECT" };
  }
  return undefined;
}

function badDigest(message: string): AwsError {
  return new AwsError(400, "BadDigest", message);
}

export function versionHeaders(bucket: Bucket, version: ObjectVersion): Record<string, string> {
  return bucket.versioning === undefined ? {} : { "x-amz-version-id": version.versionId };
}

/** Headers that tell of an object, as GetObject and HeadObject send them. */
export function describeObject(
  request: HttpRequest,
  bucket: Bucket,
  version: ObjectVersion,
  whole: boolean,
): Record<string, string> {
  const { storageClass, restoredUntil } = version;
  const wantsChecksum = whole && headerOf(request, "x-amz-checksum-mode") === "ENABLED";
  return {
    "accept-ranges": "bytes",
    "last-modified": new Date(version.lastModified).toUTCString(),
    etag: `"${version.etag}"`,
    ...version.headers,
    ...encryptionHeaders(version.kmsKey),
    ...versionHeaders(bucket, version),
    ...(storageClass !== "STANDARD" && { "x-amz-storage-class": storageClass }),
    ...(restoredUntil !== undefined && {
      "x-amz-restore": `ongoing-request="false", expiry-date="${new Date(restoredUntil).toUTCString()}"`,
    }),
    ...(wantsChecksum && checksumHeaders(checksumOf(version))),
  };
}

export function checksumHeaders({ algorithm, value, type }: Checksum): Record<string, string> {
  return { [checksumHeader(algorithm)]: value, "x-amz-checksum-type": type };
}

function md5Base64(body: Uint8Array): string {
  return hash("md5", body, "base64");
}
