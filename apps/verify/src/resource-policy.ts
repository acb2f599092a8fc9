import { GetBucketPolicyCommand } from "@aws-sdk/client-s3";
import { isDenied, refusedTo } from "./administrator.ts";
import { accountOf } from "./arn.ts";
import type { Obstacle } from "./check.ts";
import { mayByGrant } from "./kms.ts";
import type { Admin, Lake } from "./lake.ts";
import { type Document, dependsOn, judge, parseDocument } from "./policy.ts";
import { userOrRole } from "./principal.ts";
import type { Refusal } from "./simulation.ts";

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

/** The policy at a queue, at the bucket of an object, or at a key; undefined where there is none. @throws the SDK's errors */
async function policyAt(lake: Lake, resource: string): Promise<Document | undefined> {
  const [, , service, , , name = ""] = resource.split(":");
  if (service === "s3") return lake.bucketPolicy(name.split("/")[0] as string);
  if (service === "kms") return lake.keyPolicy(resource);
  const policy = (await lake.queueAttributes())?.Policy;
  return policy === undefined ? undefined : parseDocument(policy);
}

/** What is left of refusals by a principal's own policies. */
export interface Left {
  readonly refused: readonly Refusal[];
  /** Why it is not known whether the others are made good. */
  readonly open: readonly Obstacle[];
}

/**
 * Sets those aside that a resource's policy makes good, or a grant of a key: within one account it is enough that one of them
 * allows. Source: AWS IAM User Guide, "Policy evaluation for requests within a single account".
 */
export async function notMadeGood(lake: Lake, admin: Admin, arn: string, found: readonly Refusal[]): Promise<Left> {
  const judged = await Promise.all(found.map((one) => isMadeGood(lake, admin, arn, one)));
  return {
    refused: found.filter((_, at) => judged[at] === false),
    open: judged.filter((one) => typeof one === "object"),
  };
}

async function isMadeGood(lake: Lake, admin: Admin, arn: string, refused: Refusal): Promise<boolean | Obstacle> {
  const { action, resource, context, why } = refused;
  // Objects and buckets carry no account in their names; the administrator sees those of the own one.
  if (why !== "not allowed" || (accountOf(resource) || admin.account) !== accountOf(arn)) return false;
  const isKey = resource.split(":")[2] === "kms";
  try {
    const { effect, unknown } = judge(await policyAt(lake, resource), {
      action,
      resource,
      context,
      principal: userOrRole(arn),
      byName: true,
    });
    if (effect === "allow" && unknown.length > 0) {
      return dependsOn(`the policy of ${resource} lets ${arn} do ${action}`, unknown, "newest-object");
    }
    if (effect !== "none" || !isKey) return effect === "allow";
  } catch (error) {
    // Where a bucket's or queue's cannot be read, what IAM says of the principal's own stands.
    if (!isKey) return false;
    if (!isDenied(error)) throw error;
    return refusedTo(lake, error, ["kms:GetKeyPolicy"]);
  }
  return mayByGrant(lake, admin, resource, arn);
}
