import { queueAddress } from "@threatlockdown/sqs-consumer";
import { asAdministrator } from "../administrator.ts";
import { announcedSources, unannounced } from "../announced.ts";
import { accountOf } from "../arn.ts";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import { counted } from "../count.ts";
import type { Admin, Lake } from "../lake.ts";
import { someKey } from "../newest.ts";
import { repairOf } from "../repair.ts";
import { mapTexts } from "../report/redact.ts";
import { notMadeGood } from "../resource-policy.ts";
import { ownKeyOf, type Sealed, sealedOf } from "../sealed.ts";
import { type Refusal, refusals, toldOf, undecided, weighed } from "../simulation.ts";
import { flowRights } from "./buckets.ts";
import { queueActions } from "./queue.ts";
import { noRole } from "./role.ts";

export const rolePermissions: Check = {
  id: "role-permissions",
  title: "The role may do what a subscriber does",
  explain:
    "The subscriber, as this role, receives and deletes messages, extends their time, reads the objects of each source, and decrypts where keys of the lake's own are used.",
  needs: ["role", "queue-name"],
  async run(lake, signal) {
    const { roleArn } = lake.subscriber;
    if (roleArn === undefined) return noRole;
    return asAdministrator(
      lake,
      ["iam:SimulatePrincipalPolicy", "sqs:GetQueueAttributes", ...flowRights],
      accountOf(roleArn),
      (admin) => look(lake, admin, signal),
    );
  },
};

/** What the subscriber does without, and how. */
const dispensable: Readonly<Record<string, string | undefined>> = {
  "sqs:ChangeMessageVisibility": "it takes fewer messages at a time, and gives none back before its time is over",
  "sqs:GetQueueAttributes": "it assumes the queue's settings",
};

/** A queue is looked up by its name alone. */
function usedActions({ subscriber }: Lake): readonly string[] {
  const byName = queueAddress(subscriber.queue).url === undefined;
  return byName ? queueActions : queueActions.filter((action) => action !== "sqs:GetQueueUrl");
}

async function look(lake: Lake, admin: Admin, signal: AbortSignal): Promise<Finding> {
  const samples = await samplesOf(lake, admin, signal);
  return samples.reduce(ofSource, await judge(lake, admin, samples));
}

async function judge(lake: Lake, admin: Admin, samples: readonly Sample[]): Promise<Finding> {
  const [{ name, arn }, sealed] = await Promise.all([lake.role(), sealedOf(lake)]);
  const keys = keysOf(sealed);
  const { refused, open } = await notMadeGood(lake, admin, arn, await refusalsOf(lake, admin, arn, samples, keys));
  if (refused.length > 0) {
    const known = await weighed(admin, arn, refused);
    if (known.certain.length === 0) return undecided(arn, known.doubtful, "newest-object");
    const told = `it may not do ${toldOf(known.certain)}`;
    const without = known.certain.map(({ action }) => dispensable[action]);
    return {
      ...(without.includes(undefined)
        ? { state: "failed", seen: told }
        : { state: "warning", seen: `${told}; the subscriber does without: ${without.join("; ")}` }),
      console: `IAM > Roles > ${name} > Permissions`,
      ...repairOf(arn, known, "Subscriber"),
    };
  }
  const nothing = unannounced(await announcedSources(lake));
  if (nothing !== undefined) return nothing;
  const hidden = sealed.flatMap((one) => (ownKeyOf(one) === undefined ? (one.obstacle ?? []) : []));
  const [obstacle] = [...open, ...hidden];
  if (obstacle !== undefined) return couldNotCheck(obstacle);
  const count = new Set(keys.map(({ key }) => key)).size;
  return {
    state: "ok",
    seen: `the queue, ${counted(samples.length, "source")}${count > 0 ? ` and ${count} of KMS's keys` : ""}`,
  };
}

/** An object that is announced, and all of its source: ARNs. */
interface Sample {
  readonly object: string;
  readonly source: string;
}

/** A real name of each source: policies can go by any part of it. */
async function samplesOf(lake: Lake, { s3 }: Admin, signal: AbortSignal): Promise<readonly Sample[]> {
  const [queueArn, announced] = await Promise.all([lake.queueArn(), announcedSources(lake)]);
  const [, , , region, account] = queueArn.split(":");
  const samples = announced.flatMap(({ bucket, sources }) =>
    sources.map(async (source): Promise<Sample> => {
      const usual = `${source}region=${region}/accountId=${account}/eventDay=20260101/0.gz.parquet`;
      const key = (await someKey(s3, bucket.name, source, signal)) ?? usual;
      return { object: `${bucket.arn}/${key}`, source: `${bucket.arn}/${source}*` };
    }),
  );
  return Promise.all(samples);
}

/** What was found out by one object is told, and mended, for all of its source. */
function ofSource(found: Finding, { object, source }: Sample): Finding {
  return mapTexts(found, (text) => text.replaceAll(object, () => source));
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
  samples: readonly Sample[],
  keys: readonly UsedKey[],
): Promise<readonly Refusal[]> {
  const asked = await Promise.all([
    refusals(admin, arn, usedActions(lake), await lake.queueArn()),
    ...samples.map(({ object }) => refusals(admin, arn, ["s3:GetObject"], object)),
    ...keys.map(({ key, via }) => refusals(admin, arn, ["kms:Decrypt"], key, { via })),
  ]);
  const all = asked.flat();
  // Bucket and queue may have the same key.
  return all.filter(
    (one, at) => all.findIndex(({ action, resource }) => action === one.action && resource === one.resource) === at,
  );
}
