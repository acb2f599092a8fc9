import { DescribeKeyCommand } from "@aws-sdk/client-kms";
import { asAdministrator } from "../administrator.ts";
import type { Check, Finding } from "../check.ts";
import { awsCommand, type Command } from "../command.ts";
import { routesOf } from "../flow.ts";
import type { Admin, Lake } from "../lake.ts";
import { type Document, judge, type Question, repaired, type Statement } from "../policy.ts";
import { contextOf, type Principal, service, userOrRole } from "../principal.ts";
import { keyPolicyOf } from "../resource-policy.ts";
import { principalOf } from "../trust.ts";
import { keyOfQueue } from "./queue.ts";

const rights = ["kms:DescribeKey", "kms:GetKeyPolicy", "s3:ListAllMyBuckets", "s3:GetEncryptionConfiguration"] as const;

export const keys: Check = {
  id: "keys",
  title: "The lake's own keys of KMS may be used",
  explain:
    "Whoever reads an object or a message has to be let by its key, too; and so has EventBridge, or S3, that sends to an encrypted queue.",
  needs: ["buckets", "role"],
  run: (lake, _signal) =>
    asAdministrator(lake, rights, lake.subscriber.roleArn?.split(":")[4], async (admin) => {
      const uses = await usesOf(lake);
      if (uses.size === 0) return { state: "not applicable", seen: "bucket and queue have no key of the lake's own" };
      const found = await Promise.all([...uses].map(([key, asked]) => judgeKey(admin, key, asked)));
      return (
        found.find(({ state }) => state === "failed") ?? { state: "ok", seen: found.map((one) => one.seen).join("; ") }
      );
    }),
};

/** What a key has to let someone do. */
interface Use {
  readonly who: string;
  readonly question: Question;
  readonly statement: Statement;
}

async function usesOf(lake: Lake): Promise<Map<string, Use[]>> {
  const [flow, queueArn, queueKey, reader] = await Promise.all([
    lake.flow(),
    lake.queueArn(),
    keyOfQueue(lake),
    readerOf(lake),
  ]);
  const uses = new Map<string, Use[]>();
  const add = (key: string | undefined, ...more: readonly Use[]) => {
    if (key === undefined) return;
    const known = uses.get(key) ?? [];
    uses.set(key, [...known, ...more.filter(({ who }) => !known.some((one) => one.who === who))]);
  };
  for (const { key } of flow.buckets) add(key, decrypting(reader));
  if (queueKey !== undefined) {
    const services = new Set(
      flow.buckets.flatMap((bucket) => routesOf(flow, bucket, queueArn).map(({ service }) => service)),
    );
    add(queueKey, decrypting(reader), ...[...services].map(sending));
  }
  return uses;
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

async function judgeKey(admin: Admin, key: string, asked: readonly Use[]): Promise<Finding> {
  const [{ KeyMetadata: known }, policy] = await Promise.all([
    admin.kms.send(new DescribeKeyCommand({ KeyId: key })),
    keyPolicyOf(admin, key),
  ]);
  const refused = asked.filter(({ question }) => judge(policy, question).effect !== "allow");
  const off = known?.KeyState === "Disabled";
  const lost = known?.KeyState !== "Enabled" && !off ? known?.KeyState : undefined;
  if (refused.length === 0 && !off && lost === undefined) {
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
    fix: `Someone who may change the key ${steps.join(" and ")}`,
    ...(refused.length > 0 && { policy: changed }),
    console: `KMS > Customer managed keys > ${key.split("/").at(-1)} > Key policy`,
    ...(commands.length > 0 && { commands }),
  };
}
