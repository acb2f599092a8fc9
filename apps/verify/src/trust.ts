import { externalIdMark, type Finding } from "./check.ts";
import { awsCommand } from "./command.ts";
import type { Lake } from "./lake.ts";
import {
  concernsAction,
  type Document,
  judge,
  listOf,
  type Question,
  repaired,
  type Statement,
  trustStatement,
} from "./policy.ts";
import { contextOf, samePrincipal, userOrRole } from "./principal.ts";
import type { Role } from "./role.ts";

export const assume = "sts:AssumeRole";

/** What IAM calls the caller: of a session, its role. */
export function principalOf(arn: string): string {
  return arn.replace(/^(arn:[^:]+:)sts(::\d+:)assumed-role\/([^/]+)\/.*$/, "$1iam$2role/$3");
}

/** A subscriber hands on neither tags nor an identity. */
const ofRequests = {
  "aws:securetransport": "true",
  "aws:tagkeys": null,
  "sts:transitivetagkeys": null,
  "sts:sourceidentity": null,
};

/** What is asked of a trust policy; `externalId` null: the request has none. */
export function trustQuestion(who: string, externalId: string | null): Question {
  const principal = userOrRole(who);
  return {
    action: assume,
    principal,
    context: { ...contextOf(principal), ...ofRequests, "sts:externalid": externalId },
  };
}

/** Whether the role is given to these credentials: where it goes by conditions that nobody knows here, the request itself tells. */
export async function isGiven(lake: Lake): Promise<boolean> {
  try {
    const { sqs } = await lake.clients();
    await sqs.config.credentials();
    return true;
  } catch {
    return false;
  }
}

/** Users, roles and accounts that it lets in. One that was deleted stands there by its id, and is left out. */
export function trustedBy(trust: Document): readonly string[] {
  const names = trust.Statement.flatMap((one) => {
    const { Effect, Principal } = one;
    if (Effect !== "Allow" || typeof Principal !== "object" || !concernsAction(one, assume)) return [];
    return listOf(Principal.AWS).filter((name) => /^(arn:.*|\d{12})$/.test(name));
  });
  return [...new Set(names)];
}

/** The statement without what it says of external IDs. */
export function onlyWithoutExternalId(statement: Document["Statement"][number]): Document["Statement"][number] {
  const left = Object.entries(statement.Condition ?? {}).map(([operator, keys]) => [
    operator,
    Object.fromEntries(Object.entries(keys).filter(([key]) => key.toLowerCase() !== "sts:externalid")),
  ]);
  return { ...statement, Condition: Object.fromEntries(left) };
}

/** The trust policy that lets them in by the external ID, and by what else it wants of them. */
export function trustChange(
  found: Role,
  question: Question,
  who: string,
): Pick<Finding, "policy" | "console" | "commands"> {
  const id = question.context["sts:externalid"];
  const all = found.trust.Statement.map((one) => maskExternalIds(one, id ?? undefined));
  const kept = all.map((one) => (isLax(one, who) || hasOther(one, question, who) ? insisting(one) : one));
  const known = { ...question, context: { ...question.context, "sts:externalid": externalIdMark } };
  const policy = repaired({ ...found.trust, Statement: kept }, known, trustStatement(who));
  const foreign = JSON.stringify(policy).includes(foreignMark);
  return {
    policy,
    console: `IAM > Roles > ${found.name} > Trust relationships > Edit trust policy`,
    // External IDs of others are not told, so that only a person can keep them.
    ...(!foreign && {
      commands: [
        awsCommand(
          ["iam", "update-assume-role-policy"],
          { "role-name": found.name, "policy-document": policy },
          { option: "policy-document", policy: { ...found.trust, Statement: all } },
        ),
      ],
    }),
  };
}

function namesOnly({ Principal }: Statement, who: string): boolean {
  return (
    typeof Principal === "object" &&
    Object.values(Principal).every((names) => listOf(names).every((name) => samePrincipal(name, who)))
  );
}

/** Whether it would let these credentials, and nobody else, in by another external ID. Those for others, too, stay. */
function hasOther(statement: Statement, question: Question, who: string): boolean {
  const lets = (one: Statement) => judge({ Statement: [one] }, question).effect === "allow";
  return namesOnly(statement, who) && !lets(statement) && lets(onlyWithoutExternalId(statement));
}

/** Whether it lets these credentials in whatever the external ID is. */
function isLax(statement: Statement, who: string): boolean {
  return [null, "wrong"].some((id) => judge({ Statement: [statement] }, trustQuestion(who, id)).effect === "allow");
}

function insisting(statement: Statement): Statement {
  const { Condition = {} } = onlyWithoutExternalId(statement);
  const others = Object.entries(Condition).filter(([, keys]) => Object.keys(keys).length > 0);
  const { StringEquals: before = {} } = Condition;
  return {
    ...statement,
    Condition: { ...Object.fromEntries(others), StringEquals: { ...before, "sts:ExternalId": [externalIdMark] } },
  };
}

const foreignMark = "<unchanged>";

/** External IDs are secrets, also those by which the role trusts others. */
function maskExternalIds(statement: Statement, own: string | undefined): Statement {
  const mask = (keys: Readonly<Record<string, string | boolean | readonly string[]>>) =>
    Object.entries(keys).map(([key, value]) => {
      if (key.toLowerCase() !== "sts:externalid") return [key, value];
      return [key, listOf(value).map((id) => (id === own ? externalIdMark : foreignMark))];
    });
  const conditions = Object.entries(statement.Condition ?? {});
  if (conditions.length === 0) return statement;
  const Condition = Object.fromEntries(
    conditions.map(([operator, keys]) => [operator, Object.fromEntries(mask(keys))]),
  );
  return { ...statement, Condition };
}
