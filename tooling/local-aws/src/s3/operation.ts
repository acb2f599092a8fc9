import type { HttpRequest } from "../request.ts";
import type { Address } from "./address.ts";

/** Parameters that are no operation of their own. */
const subresources: Readonly<Record<string, string>> = {
  accelerate: "Accelerate",
  acl: "Acl",
  analytics: "Analytics",
  attributes: "Attributes",
  cors: "Cors",
  encryption: "Encryption",
  "intelligent-tiering": "IntelligentTiering",
  inventory: "Inventory",
  "legal-hold": "LegalHold",
  lifecycle: "Lifecycle",
  location: "Location",
  logging: "Logging",
  metrics: "Metrics",
  notification: "Notification",
  "object-lock": "ObjectLock",
  ownershipControls: "OwnershipControls",
  policy: "Policy",
  policyStatus: "PolicyStatus",
  publicAccessBlock: "PublicAccessBlock",
  replication: "Replication",
  requestPayment: "RequestPayment",
  retention: "Retention",
  session: "Session",
  tagging: "Tagging",
  torrent: "Torrent",
  versioning: "Versioning",
  website: "Website",
};

const verbs: Readonly<Record<string, string>> = {
  GET: "Get",
  PUT: "Put",
  DELETE: "Delete",
  POST: "Post",
  HEAD: "Head",
};

/** The name by which AWS calls what a request to S3 asks for. Source: Amazon S3 API Reference, "Actions". */
export function operationOf({ method, query, headers }: HttpRequest, { bucket, key }: Address): string {
  if (bucket === undefined) return method === "GET" ? "ListBuckets" : `${verbs[method] ?? method}Service`;
  const named = Object.keys(subresources).find((name) => query.has(name));
  const level = key === undefined ? "Bucket" : "Object";
  if (named === "notification") return `${verbs[method]}BucketNotificationConfiguration`;
  if (named !== undefined) return `${verbs[method] ?? method}${level}${subresources[named]}`;
  if (key === undefined) return bucketOperation(method, query);
  const multipart = query.has("uploadId");
  if (method === "PUT" && multipart) return headers["x-amz-copy-source"] ? "UploadPartCopy" : "UploadPart";
  if (method === "PUT" && headers["x-amz-copy-source"] !== undefined) return "CopyObject";
  if (method === "GET" && multipart) return "ListParts";
  if (method === "DELETE" && multipart) return "AbortMultipartUpload";
  if (method === "POST") {
    if (query.has("uploads")) return "CreateMultipartUpload";
    if (multipart) return "CompleteMultipartUpload";
    if (query.has("restore")) return "RestoreObject";
    if (query.has("select")) return "SelectObjectContent";
  }
  return `${verbs[method] ?? method}Object`;
}

function bucketOperation(method: string, query: ReadonlyMap<string, string>): string {
  if (method === "PUT") return "CreateBucket";
  if (method === "POST") return query.has("delete") ? "DeleteObjects" : "PostObject";
  if (method !== "GET") return `${verbs[method] ?? method}Bucket`;
  if (query.has("versions")) return "ListObjectVersions";
  if (query.has("uploads")) return "ListMultipartUploads";
  return query.get("list-type") === "2" ? "ListObjectsV2" : "ListObjects";
}
