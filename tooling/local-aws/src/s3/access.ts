import { partitionOf } from "../arn.ts";
import { decide, type Verdict } from "../authorize.ts";
import { AwsError } from "../aws-error.ts";
import { findKey, keyTrouble } from "../kms.ts";
import { headerOf } from "../request.ts";
import type { Call } from "../service.ts";
import type { World } from "../world.ts";
import type { Bucket } from "./bucket.ts";
import { accessDenied, noSuchBucket, permanentRedirect } from "./errors.ts";

export function bucketArn(region: string, name: string): string {
  return `arn:${partitionOf(region)}:s3:::${name}`;
}

/** @throws AwsError when it is not there, in another region, or not whose the caller thinks it is */
export function bucketOf(world: World, call: Call): Bucket {
  const name = call.intent.bucket as string;
  const bucket = world.buckets.get(name);
  if (bucket === undefined) throw noSuchBucket(name);
  const { operation } = call.intent;
  // us-east-1 answers for all regions where a bucket is.
  const anywhere = operation === "GetBucketLocation" && call.region === "us-east-1";
  if (bucket.region !== call.region && !anywhere) throw permanentRedirect(name, bucket.region);
  const expected = headerOf(call.request, "x-amz-expected-bucket-owner");
  if (expected !== undefined && expected !== bucket.account) throw accessDenied();
  if (bucket.requesterPays && call.caller.account !== bucket.account) {
    if (headerOf(call.request, "x-amz-request-payer") !== "requester") throw accessDenied();
  }
  return bucket;
}

function verdictOn(world: World, call: Call, bucket: Bucket, action: string, key: string | undefined): Verdict {
  const { query } = call.request;
  return decide(world.identity, {
    principal: call.caller,
    action,
    resource: key === undefined ? bucket.arn : `${bucket.arn}/${key}`,
    owner: bucket.account,
    resourcePolicy: bucket.policy,
    context(name) {
      const parameter = queryKeys[name];
      const value = parameter === undefined ? undefined : query.get(parameter);
      return parameter === undefined ? call.context(name) : value === undefined ? undefined : [value];
    },
  });
}

/** Condition keys of S3 that are parameters of the request. */
const queryKeys: Readonly<Record<string, string>> = {
  "s3:prefix": "prefix",
  "s3:delimiter": "delimiter",
  "s3:max-keys": "max-keys",
  "s3:versionid": "versionId",
};

/** @throws AwsError. S3 tells reasons to principals of the bucket's own account only. */
export function authorize(world: World, call: Call, bucket: Bucket, action: string, key?: string): void {
  const verdict = verdictOn(world, call, bucket, action, key);
  if (verdict.allowed) return;
  if (call.caller.account !== bucket.account) throw accessDenied();
  const resource = key === undefined ? bucket.arn : `${bucket.arn}/${key}`;
  throw accessDenied(
    `User: ${call.caller.arn} is not authorized to perform: ${action} on resource: "${resource}" ${verdict.because}`,
  );
}

/** Rights upon something that is no bucket (yet). */
export function authorizeOn(world: World, call: Call, action: string, resource: string): void {
  const { caller, context } = call;
  const verdict = decide(world.identity, { principal: caller, action, resource, owner: caller.account, context });
  if (verdict.allowed) return;
  throw accessDenied(
    `User: ${caller.arn} is not authorized to perform: ${action} on resource: "${resource}" ${verdict.because}`,
  );
}

/**
 * @returns the key's ARN
 * @throws AwsError when an object's key may not be used by the caller
 */
export function useKey(
  world: World,
  call: Call,
  { arn, region }: Bucket,
  object: string,
  key: string | undefined,
  action: "kms:Decrypt" | "kms:GenerateDataKey",
): string | undefined {
  if (key === undefined) return undefined;
  const { caller: principal, context } = call;
  // S3 looks for an alias in the account of whoever writes.
  const place = { account: principal.account, region };
  const encryptionContext = { "aws:s3:arn": `${arn}/${object}` };
  const trouble = keyTrouble(world, { key, place, action, principal, context, via: "s3", encryptionContext });
  if (trouble === undefined) return findKey(world, key, place)?.arn;
  if (trouble.code === "AccessDenied") throw accessDenied(trouble.message);
  throw new AwsError(400, `KMS.${trouble.code}Exception`, trouble.message);
}
