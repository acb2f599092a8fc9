import { asAdministrator } from "../administrator.ts";
import { type Check, couldNotCheck } from "../check.ts";
import { counted } from "../count.ts";
import { newestVersions, routesOf } from "../flow.ts";
import { notMadeGood } from "../resource-policy.ts";
import { type Circumstances, refusals, repairOf, toldOf, undecided, weighed } from "../role.ts";
import { ownKeyOf, sealedOf } from "../sealed.ts";
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
      async (admin) => {
        const [queueArn, flow, found] = await Promise.all([lake.queueArn(), lake.flow(), lake.role()]);
        const objects = flow.buckets.flatMap((bucket) => {
          const routes = routesOf(flow, bucket, queueArn);
          const announced = bucket.sources.filter((source) => routes.some((route) => route.announces(source)));
          return newestVersions(announced).map((source) => `${bucket.arn}/${source}*`);
        });
        const sealed = await sealedOf(lake);
        const keys = sealed.flatMap((one) => {
          const key = ownKeyOf(one);
          return key === undefined ? [] : [{ key, via: one.kind === "queue" ? "sqs" : "s3" } as const];
        });
        const asked: readonly (readonly [
          actions: readonly string[],
          resource: string,
          circumstances?: Circumstances,
        ])[] = [
          [queueActions, queueArn],
          ...objects.map((resource) => [["s3:GetObject"], resource] as const),
          ...keys.map(({ key, via }) => [["kms:Decrypt"], key, { via }] as const),
        ];
        const all = (
          await Promise.all(
            asked.map(([actions, resource, circumstances]) =>
              refusals(admin, found.arn, actions, resource, circumstances),
            ),
          )
        ).flat();
        // Bucket and queue may have the same key.
        const distinct = all.filter(
          (one, at) =>
            all.findIndex(({ action, resource }) => action === one.action && resource === one.resource) === at,
        );
        const { refused, open } = await notMadeGood(lake, admin, found.arn, distinct);
        const hidden = sealed.filter((one) => ownKeyOf(one) === undefined).flatMap(({ obstacle }) => obstacle ?? []);
        const [obstacle] = [...open, ...hidden];
        if (refused.length === 0 && objects.length === 0 && flow.buckets.some(({ sources }) => sources.length > 0)) {
          return couldNotCheck({
            because: "it is not known which objects it reads: nothing tells the queue of a bucket's sources",
            how: "Go by the check notification first",
          });
        }
        if (refused.length === 0 && obstacle !== undefined) return couldNotCheck(obstacle);
        if (refused.length === 0) {
          const count = new Set(keys.map(({ key }) => key)).size;
          return {
            state: "ok",
            seen: `the queue, ${counted(objects.length, "source")}${count > 0 ? ` and ${count} of KMS's keys` : ""}`,
          };
        }
        const known = await weighed(admin, found.arn, refused);
        if (known.certain.length === 0) return undecided(found.arn, known.doubtful, "newest-object");
        return {
          state: "failed",
          seen: `it may not do ${toldOf(known.certain)}`,
          console: `IAM > Roles > ${found.name} > Permissions`,
          ...repairOf(found.arn, known, "Subscriber"),
        };
      },
    );
  },
};
