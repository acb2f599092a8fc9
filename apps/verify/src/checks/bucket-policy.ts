import { asAdministrator } from "../administrator.ts";
import { accountOf } from "../arn.ts";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import { awsCommand } from "../command.ts";
import { type Bucket, newestVersions } from "../flow.ts";
import type { Lake } from "../lake.ts";
import { type Document, dependsOn, type Judgement, judge, type Question, withoutDenyFor } from "../policy.ts";
import { contextOf, type Principal } from "../principal.ts";
import { readerOf } from "./keys.ts";

const rights = ["s3:GetBucketPolicy", "s3:ListAllMyBuckets", "s3:ListBucket"] as const;

export const bucketPolicy: Check = {
  id: "bucket-policy",
  title: "The bucket's policy does not forbid reading",
  explain: "A Deny in the bucket's policy counts for everybody, whatever the role's own policies allow.",
  needs: ["buckets", "role"],
  run: (lake) =>
    asAdministrator(lake, rights, accountOf(lake.subscriber.roleArn), async () => {
      const [{ buckets }, reader] = await Promise.all([lake.flow(), readerOf(lake)]);
      const found = await Promise.all(
        buckets.map(async (bucket) => judgeBucket(lake, bucket, await lake.bucketPolicy(bucket.name), reader)),
      );
      const worst = (["failed", "could not check"] as const).flatMap((bad) =>
        found.filter(({ state }) => state === bad),
      );
      return worst[0] ?? { state: "ok", seen: found.map(({ seen }) => seen).join("; ") };
    }),
};

/** How the subscriber asks S3. Source: Service Authorization Reference, "Condition keys for Amazon S3". */
const ofRequests = {
  "aws:securetransport": "true",
  "s3:authtype": "REST-HEADER",
  "s3:signatureversion": "AWS4-HMAC-SHA256",
  "s3:tlsversion": "1.2",
};

async function judgeBucket(
  lake: Lake,
  { name, arn, sources }: Bucket,
  policy: Document | undefined,
  reader: Principal,
): Promise<Finding> {
  if (policy === undefined) return { state: "ok", seen: `${name} has none` };
  const context = { ...contextOf(reader), ...ofRequests };
  const questions = newestVersions(sources).map(
    (source): Question => ({
      action: "s3:GetObject",
      resource: `${arn}/${source}object`,
      principal: reader,
      context,
    }),
  );
  // What the bucket's policy does not allow, the role's own may.
  const denies = { ...policy, Statement: policy.Statement.filter(({ Effect }) => Effect === "Deny") };
  const judged = questions.map((question) => judge(denies, question));
  const forbidden = questions.filter((_, at) => judged[at]?.effect === "deny");
  if (forbidden.length === 0) return open(lake, name, judged, reader);
  const left = forbidden.reduce((before, question) => withoutDenyFor(before, question), policy);
  const empty = left.Statement.length === 0;
  return {
    state: "failed",
    seen: `the policy of ${name} forbids ${reader.name} to read ${forbidden.map(({ resource = "" }) => resource.slice(arn.length + 1, -"object".length)).join(", ")}`,
    fix: empty
      ? `Someone who may change the bucket ${name} takes its policy away, which does nothing else`
      : `Someone who may change the bucket ${name} gives it the policy below, in which what it forbids is not forbidden to the role`,
    ...(!empty && { policy: left }),
    console: `S3 > Buckets > ${name} > Permissions > Bucket policy`,
    commands: [
      empty
        ? awsCommand(["s3api", "delete-bucket-policy"], { bucket: name })
        : awsCommand(["s3api", "put-bucket-policy"], { bucket: name, policy: left }, { option: "policy", policy }),
    ],
  };
}

/** Where nothing is forbidden for certain: what an object's own request meets, those of its like meet. */
async function open(lake: Lake, bucket: string, judged: readonly Judgement[], { name }: Principal): Promise<Finding> {
  const unknown = [...new Set(judged.flatMap((one) => one.unknown))];
  if (unknown.length === 0) return { state: "ok", seen: `that of ${bucket} forbids ${name} nothing` };
  const alike = judged.every((one) => one.unknown.length === unknown.length);
  if (alike && (await lake.newestRead(bucket)).decrypted) {
    return {
      state: "ok",
      seen: `that of ${bucket} forbids ${name} nothing where its requests are (${unknown.join(", ")})`,
    };
  }
  return couldNotCheck(dependsOn(`the policy of ${bucket} forbids ${name} to read`, unknown, "newest-object"));
}
