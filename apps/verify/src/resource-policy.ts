import { GetKeyPolicyCommand } from "@aws-sdk/client-kms";
import { GetBucketPolicyCommand } from "@aws-sdk/client-s3";
import type { Admin, Lake } from "./lake.ts";
import { type Document, judge, parseDocument } from "./policy.ts";
import { userOrRole } from "./principal.ts";
import { accountOf, type Refusal } from "./role.ts";

/** The policy of a bucket; undefined where it has none. @throws the SDK's errors */
export async function bucketPolicyOf({ s3 }: Admin, Bucket: string): Promise<Document | undefined> {
  try {
    const { Policy = "{}" } = await s3.send(new GetBucketPolicyCommand({ Bucket }));
    return parseDocument(Policy);
  } catch (error) {
    if ((error as Error).name === "NoSuchBucketPolicy") return undefined;
    throw error;
  }
}

/** The policy of a key of KMS. @throws the SDK's errors */
export async function keyPolicyOf({ kms }: Admin, KeyId: string): Promise<Document> {
  const { Policy = '{"Statement":[]}' } = await kms.send(new GetKeyPolicyCommand({ KeyId, PolicyName: "default" }));
  return parseDocument(Policy);
}

/** The policy at a queue, at the bucket of an object, or at a key; undefined where there is none. @throws the SDK's errors */
async function policyAt(lake: Lake, admin: Admin, resource: string): Promise<Document | undefined> {
  const [, , service, , , name = ""] = resource.split(":");
  if (service === "s3") return bucketPolicyOf(admin, name.split("/")[0] as string);
  if (service === "kms") return keyPolicyOf(admin, resource);
  const policy = (await lake.queueAttributes())?.Policy;
  return policy === undefined ? undefined : parseDocument(policy);
}

/**
 * What is left of refusals by a principal's own policies when those are set aside that a resource's policy makes good: within
 * one account it is enough that one of them allows.
 * Source: AWS IAM User Guide, "Policy evaluation for requests within a single account".
 */
export async function notMadeGood(
  lake: Lake,
  admin: Admin,
  arn: string,
  refused: readonly Refusal[],
): Promise<readonly Refusal[]> {
  const judged = await Promise.all(
    refused.map(async (one) => {
      const { action, resource, context, why } = one;
      // Objects and buckets carry no account in their names; the administrator sees those of the own one.
      if (why !== "not allowed" || (accountOf(resource) || admin.account) !== accountOf(arn)) return false;
      // Where it cannot be read, what IAM says of the principal's own stands.
      const policy = await policyAt(lake, admin, resource).catch(() => undefined);
      const question = { action, resource, context, principal: userOrRole(arn), byName: true };
      return judge(policy, question).effect === "allow";
    }),
  );
  return refused.filter((_, at) => !judged[at]);
}
