import { asAdministrator, isDenied, refusedTo } from "../administrator.ts";
import { type Check, couldNotCheck, type Finding, type Obstacle } from "../check.ts";
import { awsCommand, type Command } from "../command.ts";
import { routesOf } from "../flow.ts";
import { type Key, mayByGrant } from "../kms.ts";
import type { Admin, Lake } from "../lake.ts";
import { type Document, judge, type Question, repaired, type Statement } from "../policy.ts";
import { contextOf, type Principal, service, userOrRole } from "../principal.ts";
import { type Sealed, sealedOf } from "../sealed.ts";
import { principalOf } from "../trust.ts";

const rights = ["kms:DescribeKey", "kms:GetKeyPolicy", "s3:ListAllMyBuckets", "s3:GetEncryptionConfiguration"] as const;

export const keys: Check = {
  id: "keys",
  title: "The lake's own keys of KMS may be used",
  explain:
    "Whoever reads an object or a message has to be let by its key, too, by its policy or by a grant; and so has EventBridge, or S3, that sends to an encrypted queue.",
  needs: ["buckets", "role"],
  run: (lake, _signal) =>
    asAdministrator(lake, rights, lake.subscriber.roleArn?.split(":")[4], async (admin) => {
      const [sealed, reader] = await Promise.all([sealedOf(lake), readerOf(lake)]);
      const uses = await usesOf(lake, sealed, reader);
      const judged = await Promise.all([...uses].map(([key, asked]) => judgeKey(lake, admin, key, asked)));
      const found = [...sealed.flatMap((one) => judgeSealed(one, reader)), ...judged];
      if (found.length === 0)
        return { state: "not applicable", seen: "bucket and queue have no key of the lake's own" };
      const worst = (["failed", "could not check"] as const).flatMap((bad) =>
        found.filter(({ state }) => state === bad),
      );
      return worst[0] ?? { state: "ok", seen: found.map((one) => one.seen).join("; ") };
    }),
};

/** What a key has to let someone do. */
interface Use {
  readonly who: string;
  readonly question: Question;
  readonly statement: Statement;
}

/** By key. Several buckets, and the queue, may have the same. */
async function usesOf(lake: Lake, sealed: readonly Sealed[], reader: Principal): Promise<Map<Key, Use[]>> {
  const [flow, queueArn] = await Promise.all([lake.flow(), lake.queueArn()]);
  const senders = new Set(
    flow.buckets.flatMap((bucket) => routesOf(flow, bucket, queueArn).map((route) => route.service)),
  );
  const uses = new Map<Key, Use[]>();
  for (const { kind, key } of sealed) {
    if (key === undefined || key.ofAws) continue;
    const same = [...uses.keys()].find(({ arn }) => arn === key.arn) ?? key;
    const more = [decrypting(reader), ...(kind === "queue" ? [...senders].map(sending) : [])];
    const known = uses.get(same) ?? [];
    uses.set(same, [...known, ...more.filter(({ who }) => !known.some((one) => one.who === who))]);
  }
  return uses;
}

/** What is wrong with the choice of a key; which key a queue may have is a check of its own. */
function judgeSealed({ kind, name, named, key, obstacle }: Sealed, reader: Principal): readonly Finding[] {
  if (obstacle !== undefined) return [couldNotCheck(obstacle)];
  if (kind === "queue" || named === undefined) return [];
  if (key === undefined) {
    return [
      otherKey(name, `the bucket ${name} is to be encrypted by the key ${named}, and there is none of that name`),
    ];
  }
  if (!key.ofAws) return [];
  const account = reader.name.split(":")[4];
  const told = `the bucket ${name} is encrypted by the key ${named}, which AWS manages`;
  return account === key.account
    ? [{ state: "ok", seen: `${told}: it serves all of account ${account} that read by way of S3` }]
    : [otherKey(name, `${told}: nobody outside of account ${key.account} can be let use it, as ${reader.name} is`)];
}

function otherKey(bucket: string, seen: string): Finding {
  const sse = { Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }] };
  return {
    state: "failed",
    seen,
    fix: `Someone who may change the bucket ${bucket} lets S3 encrypt it itself (SSE-S3), or by a key of your own; objects that are there keep their key until they are written again`,
    console: `S3 > Buckets > ${bucket} > Properties > Default encryption`,
    commands: [awsCommand(["s3api", "put-bucket-encryption"], { bucket, "server-side-encryption-configuration": sse })],
  };
}

/** Who reads: the role, or the credentials at hand. */
export async function readerOf(lake: Lake): Promise<Principal> {
  if (lake.subscriber.roleArn === undefined) return userOrRole(principalOf((await lake.caller()).arn));
  const { arn, bounded } = await lake.role();
  return { ...userOrRole(arn), bounded };
}

/** An account stands for all in it whose own policies allow it, which is another check. */
function decrypting(reader: Principal): Use {
  const action = "kms:Decrypt";
  return {
    who: reader.name,
    question: { action, principal: reader, context: contextOf(reader) },
    statement: { Effect: "Allow", Principal: { AWS: reader.name }, Action: action, Resource: "*" },
  };
}

function sending(name: string): Use {
  const principal = service(name);
  return {
    who: name,
    question: { action: "kms:GenerateDataKey", principal, context: contextOf(principal) },
    statement: {
      Effect: "Allow",
      Principal: { Service: name },
      Action: ["kms:GenerateDataKey", "kms:Decrypt"],
      Resource: "*",
    },
  };
}

async function judgeKey(lake: Lake, admin: Admin, key: Key, asked: readonly Use[]): Promise<Finding> {
  try {
    const policy = await lake.keyPolicy(key.arn);
    const answers = await Promise.all(asked.map((use) => isLet(lake, admin, key, policy, use)));
    const refused = asked.filter((_, at) => answers[at] === false);
    const open = answers.filter((one) => typeof one === "object");
    return tell(key, policy, asked, refused, open);
  } catch (error) {
    if (!isDenied(error)) throw error;
    return couldNotCheck(refusedTo(lake, error, ["kms:GetKeyPolicy"]));
  }
}

/** Grants are for users and roles; what a policy forbids, they do not allow. */
async function isLet(
  lake: Lake,
  admin: Admin,
  key: Key,
  policy: Document,
  { question }: Use,
): Promise<boolean | Obstacle> {
  const { effect } = judge(policy, question);
  if (effect !== "none" || question.principal.kind === "Service") return effect === "allow";
  return mayByGrant(lake, admin, key.arn, question.principal.name);
}

function tell(
  { arn: key, state }: Key,
  policy: Document,
  asked: readonly Use[],
  refused: readonly Use[],
  [open]: readonly Obstacle[],
): Finding {
  const off = state === "Disabled";
  const lost = state !== "Enabled" && !off ? state : undefined;
  if (refused.length === 0 && !off && lost === undefined) {
    if (open !== undefined) return couldNotCheck(open);
    return { state: "ok", seen: `${key} lets ${asked.map(({ who }) => who).join(", ")} use it` };
  }
  const changed = refused.reduce<Document>((before, use) => repaired(before, use.question, use.statement), policy);
  const seen = [
    ...(off ? ["is disabled"] : []),
    ...(lost === undefined ? [] : [`is in the state ${lost}`]),
    ...refused.map(({ who, question }) => `does not let ${who} do ${question.action}`),
  ];
  const steps = [
    ...(off ? ["enables it"] : []),
    ...(lost === undefined ? [] : ["cancels its deletion, or restores it"]),
    ...(refused.length > 0 ? ["gives it the key policy below"] : []),
  ];
  const commands: Command[] = [
    ...(off ? [awsCommand(["kms", "enable-key"], { "key-id": key })] : []),
    ...(lost === "PendingDeletion"
      ? [
          awsCommand(["kms", "cancel-key-deletion"], { "key-id": key }),
          awsCommand(["kms", "enable-key"], { "key-id": key }),
        ]
      : []),
    ...(refused.length > 0
      ? [
          awsCommand(
            ["kms", "put-key-policy"],
            { "key-id": key, "policy-name": "default", policy: changed },
            { option: "policy", policy },
          ),
        ]
      : []),
  ];
  return {
    state: "failed",
    seen: `the key ${key} ${seen.join(", and ")}`,
    fix: `Someone who may change the key ${key} ${steps.join(" and ")}`,
    ...(refused.length > 0 && { policy: changed }),
    console: `KMS > Customer managed keys > ${key.split("/").at(-1)} > Key policy`,
    ...(commands.length > 0 && { commands }),
  };
}
