import { open, ParquetError, rows } from "@threatlockdown/parquet-reader";
import { type AnnouncedObject, ObjectDenied, ObjectGone, openObject } from "@threatlockdown/pipeline";
import { forRole } from "./accounts.ts";
import type { Finding } from "./check.ts";
import { counted } from "./count.ts";
import type { Lake } from "./lake.ts";
import { encryptionOf } from "./newest-read.ts";
import { allow } from "./policy.ts";
import { deniedToRole } from "./role-denied.ts";

/** Reads the first rows of an object as the subscriber would. `account` is that of the bucket, where it is known. */
export async function readObject(
  lake: Lake,
  object: AnnouncedObject,
  signal: AbortSignal,
  account?: string,
): Promise<Finding> {
  const { s3, region } = await lake.clients();
  const name = `s3://${object.bucket}/${object.key}`;
  try {
    const { source, lastModified } = await openObject(s3, object, { signal, readAhead: 0 });
    const file = await open(source);
    const classes = new Set<string>();
    for await (const batch of rows(file, { columns: ["class_uid"], maxRows: 100, signal })) {
      const { ids, dictionary } = batch.columns.get("class_uid") ?? {};
      for (const id of ids ?? []) if (id >= 0 && dictionary !== undefined) classes.add(String(dictionary.value(id)));
      break;
    }
    const what = classes.size === 0 ? "without class_uid" : `of class ${[...classes].sort().join(", ")}`;
    // The role that has read it may use its key.
    const key = (await encryptionOf(s3, object, signal))?.key;
    const decrypted = key === undefined ? "" : `, decrypted by the key ${key}`;
    const seen = `${name}: ${source.byteLength} bytes, ${counted(file.rowCount, "event")} ${what}, of ${lastModified.toISOString()}${decrypted}`;
    if (classes.size > 0) return { state: "ok", seen };
    return { state: "warning", seen, fix: "Check that the source writes OCSF events: each has a class_uid" };
  } catch (error) {
    if (error instanceof ObjectDenied) {
      const seen = lake.explain(error.cause, { action: error.action, resource: name });
      const { fix, ...more } = letRead(lake, error, object, partitionOf(region));
      return { state: "failed", seen, fix: forRole(lake, fix, `the bucket ${object.bucket}`, account), ...more };
    }
    if (error instanceof ObjectGone) {
      return {
        state: "warning",
        seen: error.message,
        fix: "Run it again; if it stays so, the lake's lifecycle removes objects before they are read",
      };
    }
    if (error instanceof ParquetError) {
      return {
        state: "failed",
        seen: `${name}: ${error.message}`,
        fix: "Check what writes this source: the object is broken",
      };
    }
    throw error;
  }
}

function letRead(
  lake: Lake,
  { action, cause }: ObjectDenied,
  { bucket }: AnnouncedObject,
  partition: string,
): Pick<Finding, "policy" | "console"> & { readonly fix: string } {
  const ofKey = action === "kms:Decrypt";
  const [key = "of the lake"] = /arn:[^:]+:kms:[\w-]*:\d+:key\/[\w-]+/.exec(String((cause as Error)?.message)) ?? [];
  const console = ofKey ? "KMS > Customer managed keys" : `S3 > Buckets > ${bucket} > Permissions > Bucket policy`;
  const fix = deniedToRole(lake, cause, action, ofKey ? `key ${key}` : `bucket ${bucket}`);
  if (fix !== undefined) return { fix, ...(/ change the (key|bucket) /.test(fix) && { console }) };
  if (ofKey) {
    return {
      fix: `Someone who may change the key ${key} lets its policy allow the role kms:Decrypt, and someone who may change the role adds the statement below to its policy`,
      ...(key.startsWith("arn:") && { policy: allow([action], key) }),
      console,
    };
  }
  const arn = `arn:${partition}:s3:::${bucket}`;
  return {
    fix: "Someone who may change the role adds the statement below to its policy",
    policy: allow(["s3:GetObject", "s3:GetObjectVersion"], `${arn}/aws/*`, `${arn}/ext/*`),
  };
}

function partitionOf(region: string): string {
  if (region.startsWith("cn-")) return "aws-cn";
  return region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}
