import { hash, randomBytes } from "node:crypto";
import { AwsError } from "../aws-error.ts";
import { headerOf } from "../request.ts";
import { childrenOf, childText, parseXml } from "../xml.ts";
import { authorize, useKey } from "./access.ts";
import { type Bucket, type Part, store, type Upload } from "./bucket.ts";
import { type Checksum, type ChecksumAlgorithm, checksum, checksumAlgorithms } from "./checksum.ts";
import { invalidArgument, malformedXml, noSuchUpload } from "./errors.ts";
import {
  checksumHeaders,
  encryptionHeaders,
  objectHeaders,
  objectKey,
  verifiedChecksum,
  versionHeaders,
} from "./object-headers.ts";
import { checkWriteConditions, type S3Call, type S3Operation, tellOf, xmlReply } from "./object-operations.ts";

const smallestPart = 5 * 1024 * 1024;

export const multipartOperations: Readonly<Record<string, S3Operation>> = {
  CreateMultipartUpload({ world, call, bucket, key }) {
    authorize(world, call, bucket, "s3:PutObject", key);
    const { request } = call;
    const kmsKey = useKey(world, call, bucket, key, objectKey(request, bucket), "kms:GenerateDataKey");
    const upload: Upload = {
      id: randomBytes(48).toString("base64url"),
      key,
      startedAt: call.now,
      headers: objectHeaders(request),
      storageClass: headerOf(request, "x-amz-storage-class") ?? "STANDARD",
      kmsKey,
      checksum: readChecksumPlan(
        headerOf(request, "x-amz-checksum-algorithm"),
        headerOf(request, "x-amz-checksum-type"),
      ),
      parts: new Map(),
    };
    bucket.uploads.set(upload.id, upload);
    return xmlReply("InitiateMultipartUploadResult", { Bucket: bucket.name, Key: key, UploadId: upload.id });
  },

  UploadPart(asked) {
    const { world, call, bucket, key } = asked;
    authorize(world, call, bucket, "s3:PutObject", key);
    const upload = uploadOf(asked);
    const number = call.request.query.get("partNumber") ?? "";
    if (!/^\d+$/.test(number) || Number(number) < 1 || Number(number) > 10_000) {
      throw invalidArgument("partNumber", number, "Part number must be an integer between 1 and 10000, inclusive");
    }
    const part: Part = {
      body: call.body,
      etag: hash("md5", call.body, "hex"),
      checksum: verifiedChecksum(call),
      lastModified: call.now,
    };
    upload.parts.set(Number(number), part);
    return {
      status: 200,
      headers: {
        etag: `"${part.etag}"`,
        ...encryptionHeaders(upload.kmsKey),
        ...(part.checksum !== undefined && checksumHeaders(part.checksum)),
      },
    };
  },

  CompleteMultipartUpload(asked) {
    const { world, call, bucket, key } = asked;
    authorize(world, call, bucket, "s3:PutObject", key);
    const upload = uploadOf(asked);
    const parts = chosenParts(upload, call.body);
    checkWriteConditions(call, bucket, key);
    const body = Buffer.concat(parts.map((part) => part.body));
    const etags = Buffer.concat(parts.map((part) => Buffer.from(part.etag, "hex")));
    const whole = wholeChecksum(upload, parts, body);
    const version = store(
      bucket,
      {
        key,
        body,
        etag: `${hash("md5", etags, "hex")}-${parts.length}`,
        headers: upload.headers,
        storageClass: upload.storageClass,
        kmsKey: upload.kmsKey,
        checksum: whole,
      },
      call.now,
    );
    bucket.uploads.delete(upload.id);
    tellOf(asked, "ObjectCreated:CompleteMultipartUpload", version);
    const reply = xmlReply("CompleteMultipartUploadResult", {
      Location: `${world.url}/${bucket.name}/${key}`,
      Bucket: bucket.name,
      Key: key,
      ETag: `"${version.etag}"`,
      ...(whole !== undefined && { [`Checksum${whole.algorithm}`]: whole.value, ChecksumType: whole.type }),
    });
    return { ...reply, headers: { ...reply.headers, ...versionHeaders(bucket, version) } };
  },

  AbortMultipartUpload(asked) {
    const { world, call, bucket, key } = asked;
    authorize(world, call, bucket, "s3:AbortMultipartUpload", key);
    bucket.uploads.delete(uploadOf(asked).id);
    return { status: 204 };
  },

  ListParts(asked) {
    const { world, call, bucket, key } = asked;
    authorize(world, call, bucket, "s3:ListMultipartUploadParts", key);
    const upload = uploadOf(asked);
    const parts = [...upload.parts].sort(([a], [b]) => a - b);
    return xmlReply("ListPartsResult", {
      Bucket: bucket.name,
      Key: key,
      UploadId: upload.id,
      StorageClass: upload.storageClass,
      MaxParts: 10_000,
      IsTruncated: false,
      Part: parts.map(([number, part]) => ({
        PartNumber: number,
        LastModified: new Date(part.lastModified).toISOString(),
        ETag: `"${part.etag}"`,
        Size: part.body.length,
      })),
    });
  },
};

function uploadOf({ call, bucket, key }: S3Call): Upload {
  const id = call.request.query.get("uploadId") ?? "";
  const upload = uploadsOf(bucket, key).find((found) => found.id === id);
  if (upload === undefined) throw noSuchUpload(id);
  return upload;
}

function uploadsOf(bucket: Bucket, key: string): Upload[] {
  return [...bucket.uploads.values()].filter((upload) => upload.key === key);
}

function readChecksumPlan(algorithm: string | undefined, type: string | undefined): Upload["checksum"] {
  if (algorithm === undefined) return undefined;
  const known = checksumAlgorithms.find((name) => name === algorithm.toUpperCase());
  if (known === undefined) {
    throw new AwsError(400, "InvalidRequest", "Checksum algorithm provided is unsupported.");
  }
  return { algorithm: known, type: type === "FULL_OBJECT" || known === "CRC64NVME" ? "FULL_OBJECT" : "COMPOSITE" };
}

/** @throws AwsError as the list of a completion must be in order, of parts that are there, none but the last small */
function chosenParts(upload: Upload, body: Buffer): Part[] {
  const root = parseXml(body.toString());
  const listed = childrenOf(root, "Part");
  if (root?.name !== "CompleteMultipartUpload" || listed.length === 0) throw malformedXml();
  const numbers = listed.map((element) => Number(childText(element, "PartNumber")));
  if (numbers.some((number, index) => index > 0 && number <= (numbers[index - 1] as number))) {
    throw new AwsError(400, "InvalidPartOrder", "The list of parts was not in ascending order.");
  }
  return listed.map((element, index) => {
    const part = upload.parts.get(numbers[index] as number);
    const etag = childText(element, "ETag")?.replaceAll('"', "");
    const claimed = part?.checksum === undefined ? undefined : childText(element, `Checksum${part.checksum.algorithm}`);
    if (part === undefined || part.etag !== etag || (claimed !== undefined && claimed !== part.checksum?.value)) {
      throw new AwsError(
        400,
        "InvalidPart",
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
        { fields: { UploadId: upload.id, PartNumber: String(numbers[index]), ETag: etag ?? "" } },
      );
    }
    if (index < listed.length - 1 && part.body.length < smallestPart) {
      throw new AwsError(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size");
    }
    return part;
  });
}

/** Composite: the checksum of the parts' checksums. Source: S3 User Guide, "Checking object integrity". */
function wholeChecksum(upload: Upload, parts: readonly Part[], body: Buffer): Checksum | undefined {
  if (upload.checksum === undefined) return undefined;
  const { algorithm, type } = upload.checksum;
  if (type === "FULL_OBJECT") return { algorithm, type, value: checksum(algorithm, body) };
  const all = Buffer.concat(parts.map((part) => Buffer.from(partChecksum(part, algorithm), "base64")));
  return { algorithm, type, value: `${checksum(algorithm, all)}-${parts.length}` };
}

function partChecksum(part: Part, algorithm: ChecksumAlgorithm): string {
  return part.checksum?.algorithm === algorithm ? part.checksum.value : checksum(algorithm, part.body);
}
