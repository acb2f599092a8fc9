import { asAdministrator, isDenied, refusedTo } from "../administrator.ts";
import { accountOf, nameOf } from "../arn.ts";
import { type Check, couldNotCheck, type Finding, type Obstacle } from "../check.ts";
import { awsCommand, type Command } from "../command.ts";
import { type Key, mayByGrant } from "../kms.ts";
import type { Admin, Lake } from "../lake.ts";
import { type Document, dependsOn, judge, type Question, repaired, type Statement } from "../policy.ts";
import { contextOf, type Principal, service, userOrRole } from "../principal.ts";
import { routesOf } from "../route.ts";
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
    asAdministrator(lake, rights, accountOf(lake.subscriber.roleArn), async (admin) => {
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
  /** The service that uses the key for them. */
  readonly via: "s3" | "sqs";
  readonly questions: readonly Question[];
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
    const more =
      kind === "queue"
        ? [decrypting(reader, "sqs", queueArn), ...[...senders].map((name) => sending(name, queueArn))]
        : [decrypting(reader, "s3", queueArn)];
    const known = uses.get(same) ?? [];
    const isKnown = ({ who, via }: Use) => known.some((one) => one.who === who && one.via === via);
    uses.set(same, [...known, ...more.filter((use) => !isKnown(use))]);
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
  const account = accountOf(reader.name);
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
function decrypting(reader: Principal, via: Use["via"], queueArn: string): Use {
  return useOf(reader, via, { ...usedBy(via, queueArn), "kms:calleraccount": accountOf(reader.name) ?? "" }, [
    "kms:Decrypt",
  ]);
}

/** Source: SQS Developer Guide, "Configure KMS permissions for AWS services": whoever sends verifies the key that it gets. */
function sending(name: string, queueArn: string): Use {
  return useOf(service(name), "sqs", usedBy("sqs", queueArn), ["kms:GenerateDataKey", "kms:Decrypt"]);
}

function useOf(principal: Principal, via: Use["via"], ofUse: Question["context"], actions: readonly string[]): Use {
  const { kind, name } = principal;
  const context = { ...contextOf(principal), ...ofUse };
  return {
    who: name,
    via,
    questions: actions.map((action) => ({ action, principal, context })),
    statement: {
      Effect: "Allow",
      Principal: { [kind]: name },
      Action: actions.length === 1 ? (actions[0] as string) : actions,
      Resource: "*",
    },
  };
}

/** Source: KMS Developer Guide, "AWS KMS condition keys". What S3 names there depends on the bucket's settings. */
function usedBy(via: Use["via"], queueArn: string): Question["context"] {
  const [, partition = "", , region = ""] = queueArn.split(":");
  return {
    ...(["aws", "aws-us-gov"].includes(partition) && { "kms:viaservice": `${via}.${region}.amazonaws.com` }),
    "kms:encryptioncontext:aws:sqs:arn": via === "sqs" ? queueArn : null,
    ...(via === "sqs" && { "kms:encryptioncontext:aws:s3:arn": null }),
  };
}

async function judgeKey(lake: Lake, admin: Admin, key: Key, asked: readonly Use[]): Promise<Finding> {
  try {
    const policy = await lake.keyPolicy(key.arn);
    const answers = await Promise.all(asked.map((use) => whatOf(lake, admin, key, policy, use)));
    return tell(key, policy, asked, answers.flat());
  } catch (error) {
    if (!isDenied(error)) throw error;
    return couldNotCheck(refusedTo(lake, error, ["kms:GetKeyPolicy"]));
  }
}

/** What of a use a key does not let somebody do, or what keeps that from being known. */
async function whatOf(lake: Lake, admin: Admin, key: Key, policy: Document, use: Use): Promise<(Refused | Obstacle)[]> {
  const answers = await Promise.all(use.questions.map((question) => isLet(lake, admin, key, policy, question)));
  return answers.flatMap((answer, at): readonly (Refused | Obstacle)[] => {
    if (answer === true) return [];
    return answer === false ? [{ ...use, question: use.questions[at] as Question }] : [answer];
  });
}

interface Refused extends Use {
  readonly question: Question;
}

/** The check that meets a real request. */
const showing = ({ kind }: Principal): string => (kind === "Service" ? "messages" : "newest-object");

/** Grants are for users and roles; what a policy forbids, they do not allow. */
async function isLet(
  lake: Lake,
  admin: Admin,
  key: Key,
  policy: Document,
  question: Question,
): Promise<boolean | Obstacle> {
  const { principal, action } = question;
  const { effect, unknown } = judge(policy, question);
  if (unknown.length > 0)
    return dependsOn(`${key.arn} lets ${principal.name} do ${action}`, unknown, showing(principal));
  if (effect !== "none" || principal.kind === "Service") return effect === "allow";
  return mayByGrant(lake, admin, key.arn, principal.name);
}

function tell(
  { arn: key, state }: Key,
  policy: Document,
  asked: readonly Use[],
  found: readonly (Refused | Obstacle)[],
): Finding {
  const refused = found.filter((one) => "question" in one);
  const open = found.find((one) => "because" in one);
  const off = state === "Disabled";
  const lost = state !== "Enabled" && !off ? state : undefined;
  if (refused.length === 0 && !off && lost === undefined) {
    if (open !== undefined) return couldNotCheck(open);
    return { state: "ok", seen: `${key} lets ${[...new Set(asked.map(({ who }) => who))].join(", ")} use it` };
  }
  const changed = refused.reduce<Document>((before, use) => repaired(before, use.question, use.statement), policy);
  const seen = [
    ...(off ? ["is disabled"] : []),
    ...(lost === undefined ? [] : [`is in the state ${lost}`]),
    ...new Set(refused.map(({ who, question }) => `does not let ${who} do ${question.action}`)),
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
  const places = [
    ...(off ? ["Key actions > Enable"] : []),
    ...(lost === "PendingDeletion" ? ["Key actions > Cancel key deletion"] : []),
    ...(refused.length > 0 ? ["Key policy"] : []),
  ];
  return {
    state: "failed",
    seen: `the key ${key} ${seen.join(", and ")}`,
    fix: `Someone who may change the key ${key} ${steps.join(" and ")}`,
    ...(refused.length > 0 && { policy: changed }),
    console: `KMS > Customer managed keys > ${[nameOf(key), places.join(", then ")].filter(Boolean).join(" > ")}`,
    ...(commands.length > 0 && { commands }),
  };
}
