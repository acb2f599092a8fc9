import { asAdministrator } from "../administrator.ts";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import { counted } from "../count.ts";
import { newestVersions, routesOf } from "../flow.ts";
import type { Admin, Lake } from "../lake.ts";
import { notMadeGood } from "../resource-policy.ts";
import { type Refusal, refusals, repairOf, toldOf, undecided, weighed } from "../role.ts";
import { ownKeyOf, type Sealed, sealedOf } from "../sealed.ts";
import { queueActions } from "./queue.ts";
import { noRole } from "./role.ts";

export const rolePermissions: Check = {
  id: "role-permissions",
  title: "The role may do what a subscriber does",
  explain:
    "The subscriber, as this role, receives and deletes messages, extends their time, reads the objects of each source, and decrypts where keys of the lake's own are used.",
  needs: ["role", "queue-name"],
  async run(lake) {
    const { roleArn } = lake.subscriber;
    if (roleArn === undefined) return noRole;
    return asAdministrator(
      lake,
      ["iam:SimulatePrincipalPolicy", "sqs:GetQueueAttributes", "s3:ListAllMyBuckets"],
      roleArn.split(":")[4],
      (admin) => judge(lake, admin),
    );
  },
};

async function judge(lake: Lake, admin: Admin): Promise<Finding> {
  const [{ name, arn }, objects, sealed] = await Promise.all([lake.role(), objectsOf(lake), sealedOf(lake)]);
  const keys = keysOf(sealed);
  const { refused, open } = await notMadeGood(lake, admin, arn, await refusalsOf(lake, admin, arn, objects, keys));
  if (refused.length > 0) {
    const known = await weighed(admin, arn, refused);
    if (known.certain.length === 0) return undecided(arn, known.doubtful, "newest-object");
    return {
      state: "failed",
      seen: `it may not do ${toldOf(known.certain)}`,
      console: `IAM > Roles > ${name} > Permissions`,
      ...repairOf(arn, known, "Subscriber"),
    };
  }
  if (objects.length === 0 && (await lake.flow()).buckets.some(({ sources }) => sources.length > 0)) {
    return couldNotCheck({
      because: "it is not known which objects it reads: nothing tells the queue of a bucket's sources",
      how: "Go by the check notification first",
    });
  }
  const hidden = sealed.flatMap((one) => (ownKeyOf(one) === undefined ? (one.obstacle ?? []) : []));
  const [obstacle] = [...open, ...hidden];
  if (obstacle !== undefined) return couldNotCheck(obstacle);
  const count = new Set(keys.map(({ key }) => key)).size;
  return {
    state: "ok",
    seen: `the queue, ${counted(objects.length, "source")}${count > 0 ? ` and ${count} of KMS's keys` : ""}`,
  };
}

/** Of each source that is announced. */
async function objectsOf(lake: Lake): Promise<readonly string[]> {
  const [flow, queueArn] = await Promise.all([lake.flow(), lake.queueArn()]);
  return flow.buckets.flatMap((bucket) => {
    const routes = routesOf(flow, bucket, queueArn);
    const announced = bucket.sources.filter((source) => routes.some((route) => route.announces(source)));
    return newestVersions(announced).map((source) => `${bucket.arn}/${source}*`);
  });
}

interface UsedKey {
  readonly key: string;
  readonly via: "s3" | "sqs";
}

function keysOf(sealed: readonly Sealed[]): readonly UsedKey[] {
  return sealed.flatMap((one) => {
    const key = ownKeyOf(one);
    return key === undefined ? [] : [{ key, via: one.kind === "queue" ? "sqs" : "s3" } as const];
  });
}

async function refusalsOf(
  lake: Lake,
  admin: Admin,
  arn: string,
  objects: readonly string[],
  keys: readonly UsedKey[],
): Promise<readonly Refusal[]> {
  const asked = await Promise.all([
    refusals(admin, arn, queueActions, await lake.queueArn()),
    ...objects.map((resource) => refusals(admin, arn, ["s3:GetObject"], resource)),
    ...keys.map(({ key, via }) => refusals(admin, arn, ["kms:Decrypt"], key, { via })),
  ]);
  const all = asked.flat();
  // Bucket and queue may have the same key.
  return all.filter(
    (one, at) => all.findIndex(({ action, resource }) => action === one.action && resource === one.resource) === at,
  );
}
