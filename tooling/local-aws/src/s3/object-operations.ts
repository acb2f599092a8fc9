import { hash } from "node:crypto";
import { AwsError } from "../aws-error.ts";
import { announceEverywhere } from "../notifications.ts";
import { headerOf } from "../request.ts";
import type { Call, Reply } from "../service.ts";
import type { World } from "../world.ts";
import { childrenOf, childText, parseXml, xmlDocument } from "../xml.ts";
import { authorize, useKey } from "./access.ts";
import {
  type Bucket,
  currentVersion,
  findVersion,
  isReadable,
  type ObjectVersion,
  removeVersion,
  store,
} from "./bucket.ts";
import {
  invalidArgument,
  invalidObjectState,
  invalidRange,
  malformedXml,
  noSuchKey,
  noSuchVersion,
  preconditionFailed,
} from "./errors.ts";
import {
  checksumHeaders,
  describeObject,
  encryptionHeaders,
  objectHeaders,
  objectKey,
  verifiedChecksum,
  versionHeaders,
} from "./object-headers.ts";
import { readRange } from "./range.ts";

export interface S3Call {
  readonly world: World;
  readonly call: Call;
  readonly bucket: Bucket;
  readonly key: string;
}

export type S3Operation = (asked: S3Call) => Reply;

export const namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

export function xmlReply(name: string, value: Parameters<typeof xmlDocument>[2]): Reply {
  return { status: 200, headers: { "content-type": "application/xml" }, body: xmlDocument(name, namespace, value) };
}

export const objectOperations: Readonly<Record<string, S3Operation>> = {
  GetObject: (asked) => read(asked, true),
  HeadObject: (asked) => read(asked, false),

  PutObject(asked) {
    const { world, call, bucket, key } = asked;
    authorize(world, call, bucket, "s3:PutObject", key);
    const kmsKey = useKey(world, call, bucket, key, objectKey(call.request, bucket), "kms:GenerateDataKey");
    checkWriteConditions(call, bucket, key);
    const checksum = verifiedChecksum(call);
    const version = store(
      bucket,
      {
        key,
        body: call.body,
        etag: hash("md5", call.body, "hex"),
        headers: objectHeaders(call.request),
        storageClass: headerOf(call.request, "x-amz-storage-class") ?? "STANDARD",
        kmsKey,
        checksum,
      },
      call.now,
    );
    tellOf(asked, "ObjectCreated:Put", version);
    return {
      status: 200,
      headers: {
        etag: `"${version.etag}"`,
        ...encryptionHeaders(kmsKey),
        ...versionHeaders(bucket, version),
        ...(checksum !== undefined && checksumHeaders(checksum)),
      },
    };
  },

  DeleteObject(asked) {
    const { marker, versionId } = deleteOne(asked, asked.call.request.query.get("versionId"));
    return {
      status: 204,
      headers: {
        ...(versionId !== undefined && { "x-amz-version-id": versionId }),
        ...(marker && { "x-amz-delete-marker": "true" }),
      },
    };
  },

  DeleteObjects(asked) {
    verifiedChecksum(asked.call);
    const root = parseXml(asked.call.body.toString());
    if (root?.name !== "Delete") throw malformedXml();
    const entries = childrenOf(root, "Object").map((element) => ({
      key: childText(element, "Key") ?? "",
      versionId: childText(element, "VersionId"),
    }));
    if (entries.length === 0 || entries.length > 1000) throw malformedXml();
    const deleted: object[] = [];
    const errors: object[] = [];
    for (const { key, versionId } of entries) {
      try {
        const gone = deleteOne({ ...asked, key }, versionId);
        deleted.push({
          Key: key,
          VersionId: versionId,
          ...(gone.marker && { DeleteMarker: true, DeleteMarkerVersionId: gone.versionId }),
        });
      } catch (error) {
        if (!(error instanceof AwsError)) throw error;
        errors.push({ Key: key, VersionId: versionId, Code: error.code, Message: error.message });
      }
    }
    const quiet = childText(root, "Quiet") === "true";
    return xmlReply("DeleteResult", { Deleted: quiet ? [] : (deleted as []), Error: errors as [] });
  },

  /** The object can be read at once; AWS takes hours. */
  RestoreObject({ world, call, bucket, key }) {
    authorize(world, call, bucket, "s3:RestoreObject", key);
    const version = currentVersion(bucket, key);
    if (version === undefined || version.deleteMarker) throw noSuchKey(key);
    if (isReadable(version, call.now) && version.restoredUntil === undefined) {
      throw invalidObjectState(version.storageClass);
    }
    const days = Number(childText(parseXml(call.body.toString()), "Days") ?? 1);
    version.restoredUntil = call.now + days * 86_400_000;
    return { status: 202 };
  },
};

export function tellOf(
  { world, call, bucket, key }: S3Call,
  name: string,
  object: Pick<ObjectVersion, "body" | "etag" | "versionId">,
): void {
  announceEverywhere(world, {
    name,
    bucket,
    object: { key, body: object.body, etag: object.etag, versionId: object.versionId },
    requester: call.caller.userId,
    requestId: call.requestId,
    sourceIp: call.request.sourceIp,
    now: call.now,
  });
}

/** The version that a read asks for. @throws AwsError in S3's order: what the caller may know decides what is said */
function wantedVersion({ world, call, bucket, key }: S3Call): ObjectVersion {
  const versionId = call.request.query.get("versionId");
  authorize(world, call, bucket, versionId === undefined ? "s3:GetObject" : "s3:GetObjectVersion", key);
  if (versionId === "") throw invalidArgument("versionId", "", "Version id cannot be the empty string");
  const { stale } = call.effect;
  const found =
    stale === undefined
      ? versionId === undefined
        ? currentVersion(bucket, key)
        : findVersion(bucket, key, versionId)
      : stale === "previous"
        ? previousVersion(bucket, key)
        : undefined;
  if (found !== undefined && !found.deleteMarker) return found;
  // Whether a key exists is for those to know who may list.
  authorize(world, call, bucket, "s3:ListBucket");
  if (versionId !== undefined) {
    if (found === undefined) throw noSuchVersion(key, versionId);
    throw new AwsError(405, "MethodNotAllowed", "The specified method is not allowed against this resource.", {
      fields: { Method: call.request.method, ResourceType: "DeleteMarker" },
      headers: { allow: "DELETE", "x-amz-delete-marker": "true", "x-amz-version-id": versionId },
    });
  }
  if (found === undefined) throw noSuchKey(key);
  throw noSuchKey(key, { "x-amz-delete-marker": "true", "x-amz-version-id": found.versionId });
}

function previousVersion(bucket: Bucket, key: string): ObjectVersion | undefined {
  return bucket.objects.get(key)?.at(-2) ?? currentVersion(bucket, key)?.previous;
}

function read(asked: S3Call, withBody: boolean): Reply {
  const { world, call, bucket } = asked;
  const { request } = call;
  const version = wantedVersion(asked);
  if (withBody && !isReadable(version, call.now)) throw invalidObjectState(version.storageClass);
  // What is told of an object is not encrypted, but for the checksum.
  const decrypts = withBody || headerOf(request, "x-amz-checksum-mode") !== undefined;
  if (decrypts) useKey(world, call, bucket, version.key, version.kmsKey, "kms:Decrypt");
  const unchanged = readCondition(call, version);
  const headers = (whole: boolean) => describeObject(request, bucket, version, whole);
  if (unchanged) return { status: 304, headers: headers(true) };
  const size = version.body.length;
  const range = readRange(headerOf(request, "range"), size);
  if (range === "unsatisfiable") throw invalidRange(request.headers.range ?? "", size);
  const { start, end } = range ?? { start: 0, end: size };
  return {
    status: range === undefined ? 200 : 206,
    headers: {
      ...headers(range === undefined),
      ...(range !== undefined && { "content-range": `bytes ${start}-${end - 1}/${size}` }),
      "content-length": end - start,
    },
    ...(withBody && { body: version.body.subarray(start, end) }),
  };
}

/** @returns whether the client has it already. @throws AwsError 412. Source: RFC 9110, section 13.2.2 */
function readCondition({ request }: Call, version: ObjectVersion): boolean {
  const header = (name: string) => headerOf(request, name);
  const [ifMatch, ifNoneMatch] = [header("if-match"), header("if-none-match")];
  const date = (name: string) => Date.parse(header(name) ?? "");
  if (ifMatch !== undefined) {
    if (!namesEtag(ifMatch, version.etag)) throw preconditionFailed("If-Match");
  } else if (version.lastModified > date("if-unmodified-since")) {
    throw preconditionFailed("If-Unmodified-Since");
  }
  if (ifNoneMatch !== undefined) return namesEtag(ifNoneMatch, version.etag);
  return version.lastModified <= date("if-modified-since");
}

function namesEtag(header: string, etag: string): boolean {
  return header.split(",").some((part) => ["*", etag].includes(part.trim().replace(/^W\//, "").replaceAll('"', "")));
}

export function checkWriteConditions({ request }: Call, bucket: Bucket, key: string): void {
  const current = currentVersion(bucket, key);
  const etag = current === undefined || current.deleteMarker ? undefined : current.etag;
  const [ifMatch, ifNoneMatch] = [headerOf(request, "if-match"), headerOf(request, "if-none-match")];
  if (ifNoneMatch !== undefined && etag !== undefined) throw preconditionFailed("If-None-Match");
  if (ifMatch === undefined) return;
  if (etag === undefined) throw noSuchKey(key);
  if (!namesEtag(ifMatch, etag)) throw preconditionFailed("If-Match");
}

function deleteOne(asked: S3Call, versionId: string | undefined): { marker: boolean; versionId: string | undefined } {
  const { world, call, bucket, key } = asked;
  authorize(world, call, bucket, versionId === undefined ? "s3:DeleteObject" : "s3:DeleteObjectVersion", key);
  if (versionId !== undefined || bucket.versioning === undefined) {
    const removed = removeVersion(bucket, key, versionId ?? "null");
    if (removed !== undefined) tellOf(asked, "ObjectRemoved:Delete", { ...removed, etag: "" });
    return { marker: removed?.deleteMarker ?? false, versionId };
  }
  const marker = store(
    bucket,
    {
      key,
      body: Buffer.alloc(0),
      etag: "",
      headers: {},
      kmsKey: undefined,
      checksum: undefined,
      storageClass: "STANDARD",
      deleteMarker: true,
    },
    call.now,
  );
  tellOf(asked, "ObjectRemoved:DeleteMarkerCreated", marker);
  return { marker: true, versionId: marker.versionId };
}
