import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { endpointUrl, isPassing } from "@threatlockdown/aws-auth";
import { asAdministrator, isDenied } from "../administrator.ts";
import { lookAtCause } from "../causes.ts";
import { type Check, couldNotCheck, externalIdMark, type Finding } from "../check.ts";
import { awsCommand } from "../command.ts";
import { counted } from "../count.ts";
import { newestVersions, routesOf } from "../flow.ts";
import type { Lake } from "../lake.ts";
import {
  allow,
  concernsAction,
  type Document,
  judge,
  listOf,
  type Question,
  repaired,
  type Statement,
  trustStatement,
  withoutDenyFor,
} from "../policy.ts";
import { notMadeGood } from "../resource-policy.ts";
import {
  type Circumstances,
  nameOf,
  putPolicy,
  type Refusal,
  type Role,
  readRole,
  refusals,
  repairOf,
  weighed,
} from "../role.ts";
import { settingName } from "../setting.ts";
import { keyOfQueue, queueActions } from "./queue.ts";

const assume = "sts:AssumeRole";
const noRole: Finding = {
  state: "not applicable",
  seen: "no role is set: the credentials at hand are used as they are",
};

export const role: Check = {
  id: "role",
  title: "The role trusts these credentials",
  explain: "The role's trust policy says who may assume it, and by which external ID.",
  needs: ["credentials"],
  async run(lake) {
    const { roleArn } = lake.subscriber;
    if (roleArn === undefined) return noRole;
    return asAdministrator(lake, ["iam:GetRole"], roleArn.split(":")[4], async () => {
      let found: Role;
      try {
        found = await lake.role();
      } catch (error) {
        if ((error as Error).name !== "NoSuchEntityException") throw error;
        return {
          state: "failed",
          seen: `there is no role ${nameOf(roleArn)} in account ${roleArn.split(":")[4]}`,
          fix: `Correct ${settingName(lake, "role")}: the role is named in Security Lake > My subscribers, at the subscriber`,
          console: "Security Lake > Subscribers > My subscribers > the subscriber > AWS role ID",
        };
      }
      return judgeRole(lake, found, await lake.caller());
    });
  },
};

function judgeRole(lake: Lake, found: Role, caller: { readonly arn: string; readonly account: string }): Finding {
  const { externalId, durationSeconds = 3_600 } = lake.subscriber;
  const who = principalOf(caller.arn);
  const question = trustQuestion(who, externalId ?? null);
  const here = `the role ${found.name}`;
  const duration = settingName(lake, "duration");
  if (judge(found.trust, question).effect !== "allow") {
    const fix = whyNot(lake, found.trust, question, who);
    const own = fix.inConfiguration;
    return {
      state: "failed",
      seen: `${here} ${fix.seen}`,
      fix: own ?? `${fix.first ?? "S"}omeone who may change ${here} gives it the trust policy below`,
      ...(own === undefined && trustChange(found, question, who)),
    };
  }
  if (durationSeconds > found.maxSessionDuration) {
    return {
      state: "failed",
      seen: `${here} gives sessions of ${found.maxSessionDuration} s at most; ${duration} asks for ${durationSeconds} s`,
      fix: `Set ${duration} to ${found.maxSessionDuration} or less, or someone who may change the role raises its maximum session duration`,
      console: `IAM > Roles > ${found.name} > Summary > Edit > Maximum session duration`,
      commands: [
        awsCommand(["iam", "update-role"], { "role-name": found.name, "max-session-duration": durationSeconds }),
      ],
    };
  }
  if (caller.arn.includes(":assumed-role/") && durationSeconds > 3_600) {
    return {
      state: "failed",
      seen: `${here} is assumed by a role, whose sessions last 3600 s at most; ${duration} asks for ${durationSeconds} s`,
      fix: `Set ${duration} to 3600 or remove it`,
    };
  }
  if ([null, "wrong"].some((id) => judge(found.trust, trustQuestion(who, id)).effect === "allow")) {
    return {
      state: "warning",
      seen: `${here} trusts ${who} whatever the external ID is`,
      fix:
        externalId === undefined
          ? `Give the subscriber an external ID: in ${settingName(lake, "externalId")} and in the role's trust policy`
          : `Someone who may change ${here} gives it the trust policy below`,
      ...trustChange(found, question, who),
    };
  }
  return {
    state: "ok",
    seen: `${here} trusts ${who} by the external ID that is set; sessions of ${durationSeconds} s, at most ${found.maxSessionDuration} s`,
  };
}

/** What IAM calls the caller: of a session, its role. */
function principalOf(arn: string): string {
  return arn.replace(/^(arn:[^:]+:)sts(::\d+:)assumed-role\/([^/]+)\/.*$/, "$1iam$2role/$3");
}

function trustQuestion(who: string, externalId: string | null): Question {
  const account = who.split(":")[4] ?? "";
  return {
    action: assume,
    principal: (kind, name) =>
      kind === "AWS" && (samePrincipal(name, who) || name === account || name.endsWith(`::${account}:root`)),
    context: {
      "sts:externalid": externalId,
      "aws:principalarn": who,
      "aws:principalaccount": account,
      "aws:securetransport": "true",
    },
  };
}

/** A session's ARN does not tell the path of its role. */
function samePrincipal(name: string, who: string): boolean {
  if (name === who) return true;
  return who.includes(":role/") && name.startsWith(who.slice(0, who.indexOf("/") + 1)) && nameOf(name) === nameOf(who);
}

function whyNot(
  lake: Lake,
  trust: Document,
  question: Question,
  who: string,
): { readonly seen: string; readonly inConfiguration?: string; readonly first?: string } {
  if (judge(trust, question).effect === "deny") return { seen: `forbids ${who} by a statement with Effect Deny` };
  const named = trust.Statement.filter(
    (one) =>
      judge({ Statement: [{ ...one, Effect: "Allow", Action: "*", Condition: {} }] }, question).effect === "allow",
  );
  if (named.length === 0) return { seen: `does not name ${who} in its trust policy` };
  const acting = named.filter((one) => one.Effect === "Allow" && concernsAction(one, assume));
  if (acting.length === 0) return { seen: `names ${who} in its trust policy without the action ${assume}` };
  if (question.context["sts:externalid"] === null) {
    return {
      seen: "asks for an external ID and none is set",
      inConfiguration: giveExternalId(lake),
    };
  }
  const otherwise = acting.some(
    (one) => judge({ Statement: [onlyWithoutExternalId(one)] }, question).effect === "allow",
  );
  return otherwise
    ? {
        seen: "asks for another external ID than the one that is set",
        first: `${compareExternalId(lake)}; if it is right, s`,
      }
    : { seen: `trusts ${who} under conditions that these requests do not meet` };
}

function giveExternalId(lake: Lake): string {
  const own = settingName(lake, "externalId");
  const where = lake.manager === undefined ? `Give ${own}` : `Write ${own} into the subscriber of ossec.conf`;
  return `${where}, as given when the subscriber was created`;
}

function compareExternalId(lake: Lake): string {
  return `Compare ${settingName(lake, "externalId")} with the external ID of the subscriber in Security Lake > My subscribers, and correct it`;
}

function onlyWithoutExternalId(statement: Document["Statement"][number]): Document["Statement"][number] {
  const left = Object.entries(statement.Condition ?? {}).map(([operator, keys]) => [
    operator,
    Object.fromEntries(Object.entries(keys).filter(([key]) => key.toLowerCase() !== "sts:externalid")),
  ]);
  return { ...statement, Condition: Object.fromEntries(left) };
}

function trustChange(found: Role, question: Question, who: string): Pick<Finding, "policy" | "console" | "commands"> {
  const id = question.context["sts:externalid"];
  const all = found.trust.Statement.map((one) => maskExternalIds(one, id ?? undefined));
  // Statements for these credentials alone are replaced; those for others, too, stay.
  const kept = all.filter((one) => !namesOnly(one, who)).map((one) => (isLax(one, who) ? insisting(one) : one));
  const known = { ...question, context: { ...question.context, "sts:externalid": externalIdMark } };
  const allowed = withoutDenyFor(who, { ...found.trust, Statement: kept }, known);
  const policy = repaired(allowed, known, trustStatement(who));
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

export const user: Check = {
  id: "user",
  title: "The user may assume the role",
  explain:
    "The user's own policies, its groups' and its permissions boundary have to allow sts:AssumeRole on the role.",
  needs: ["credentials"],
  async run(lake) {
    const { roleArn } = lake.subscriber;
    if (roleArn === undefined) return noRole;
    const { arn, account } = await lake.caller();
    if (arn.endsWith(":root")) {
      return {
        state: "failed",
        seen: `${arn} is the root of the account, which may not assume roles`,
        fix: "Make a user for the subscriber and put its keys into the profile",
      };
    }
    return asAdministrator(lake, ["iam:SimulatePrincipalPolicy", "iam:GetRole"], account, async (admin) => {
      // A session's ARN leaves out the path of its role.
      const who = arn.includes(":assumed-role/") ? (await readRole(admin, principalOf(arn))).arn : arn;
      const { externalId } = lake.subscriber;
      const found = await refusals(admin, who, [assume], roleArn, { externalId });
      if (found.length === 0) return { state: "ok", seen: `${who} may do ${assume} on ${roleArn}` };
      const [{ why }] = found as [Refusal];
      if (why === "not allowed" && (await isNamed(lake, who, account))) {
        return { state: "ok", seen: `the role trusts ${who} by name, which is enough within one account` };
      }
      const known = await weighed(admin, who, found);
      if (known.certain.length === 0) return undecided(who, known.doubtful, "assume-role");
      return {
        state: "failed",
        seen: `${who} may not do ${assume} on ${roleArn}: ${reasons[why]}`,
        console: `IAM > ${who.includes(":user/") ? "Users" : "Roles"} > ${nameOf(who)} > Permissions`,
        ...repairOf(who, known, "AssumeRole"),
      };
    });
  },
};

/** Not a failure: IAM was asked without what such conditions are about. */
function undecided(who: string, doubtful: readonly Refusal[], real: string): Finding {
  const keys = [...new Set(doubtful.flatMap(({ unknown }) => unknown))].sort();
  const actions = [...new Set(doubtful.map(({ action }) => action))];
  return couldNotCheck({
    because: `whether ${who} may do ${actions.join(", ")} depends on conditions of its policies that only a real request meets or not: ${keys.join(", ")}`,
    how: `Go by the check ${real}, which makes a real request; if that is refused, look at the conditions on ${keys.join(", ")}`,
  });
}

const reasons: Readonly<Record<Refusal["why"], string>> = {
  "not allowed": "no policy allows it",
  forbidden: "a statement with Effect Deny forbids it",
  boundary: "the permissions boundary does not allow it",
  organization: "a service control policy of the organization does not allow it",
};

/** Whether the trust policy alone is enough: it names this principal of the role's own account. */
async function isNamed(lake: Lake, who: string, account: string): Promise<boolean> {
  if (lake.subscriber.roleArn?.split(":")[4] !== account) return false;
  const question = trustQuestion(who, lake.subscriber.externalId ?? null);
  const byName: Question = { ...question, principal: (kind, name) => kind === "AWS" && samePrincipal(name, who) };
  const trust = await lake.role().then(
    (found) => found.trust,
    () => undefined,
  );
  const direct = trust?.Statement.filter(({ Principal }) => Principal !== "*");
  return judge(direct && { Statement: direct }, byName).effect === "allow";
}

export const assumeRole: Check = {
  id: "assume-role",
  title: "The role can be assumed",
  explain: "Queue and objects are read with the role's rights, never with the user's own.",
  needs: ["credentials", "role", "user"],
  async run(lake) {
    const { roleArn } = lake.subscriber;
    try {
      const { sqs } = await lake.clients();
      const { expiration } = await sqs.config.credentials();
      if (roleArn === undefined) return noRole;
      const until = expiration === undefined ? "" : `; this session ends at ${expiration.toISOString().slice(0, 19)}Z`;
      return { state: "ok", seen: `${roleArn}${until}` };
    } catch (error) {
      if (isPassing(error) || roleArn === undefined) throw error;
      return {
        state: "failed",
        seen: lake.explain(error),
        ...notGiven(lake, error, roleArn, (await lake.caller()).arn),
      };
    }
  },
};

/** What to do where STS refuses the role, which tells little of why. */
function notGiven(lake: Lake, error: unknown, roleArn: string, caller: string): Omit<Finding, "state" | "seen"> {
  const { externalId } = lake.subscriber;
  const who = principalOf(caller);
  const cause = (error as Error).cause ?? error;
  if (!isDenied(cause)) return { fix: lookAtCause(lake.explain(error)) };
  const own = /identity-based policy/.exec((cause as Error).message);
  if (own !== null) {
    const kind = who.includes(":user/") ? "user" : "role";
    const policy = allow([assume], roleArn);
    return {
      fix: `Someone who may change ${kind} ${nameOf(who)} lets it do ${assume} on the role, by the policy below, and removes what forbids it`,
      policy,
      console: `IAM > ${kind === "user" ? "Users" : "Roles"} > ${nameOf(who)} > Permissions`,
      commands: [putPolicy(kind, who, `AssumeRole-${nameOf(roleArn)}`, policy)],
    };
  }
  const first =
    externalId === undefined
      ? `${giveExternalId(lake)}; if the role asks for none, s`
      : `${compareExternalId(lake)}; if it is right, s`;
  return {
    fix: `${first}omeone who may change role ${nameOf(roleArn)} lets its trust policy have the statement below, and ${nameOf(who)} has to be allowed ${assume} on it; run with --admin-profile, this says which of them it is`,
    policy: { Version: "2012-10-17", Statement: [trustStatement(who)] },
    console: `IAM > Roles > ${nameOf(roleArn)} > Trust relationships`,
  };
}

export const externalId: Check = {
  id: "external-id",
  title: "The role insists on the external ID",
  explain:
    "A role that can be assumed with any external ID, or none, can be used by whoever knows its name and has rights in the trusted account.",
  needs: ["assume-role"],
  effect:
    "asks STS twice for sessions that it should refuse; AWS CloudTrail shows both. --skip external-id does without",
  async run(lake, signal) {
    const { roleArn, stsEndpoint } = lake.subscriber;
    if (roleArn === undefined) return noRole;
    const endpoint = lake.endpoint ?? (stsEndpoint === undefined ? undefined : endpointUrl(stsEndpoint));
    const sts = new STSClient({
      region: await lake.region(),
      credentials: lake.base(),
      ...lake.sending(),
      ...(endpoint !== undefined && { endpoint }),
    });
    const refused = async (id: string | undefined): Promise<boolean> => {
      const command = new AssumeRoleCommand({
        RoleArn: roleArn,
        RoleSessionName: "threatlockdown-verify",
        DurationSeconds: 900,
        ...(id !== undefined && { ExternalId: id }),
      });
      return sts.send(command, { abortSignal: signal }).then(
        () => false,
        (error: unknown) => {
          if (isDenied(error)) return true;
          throw error;
        },
      );
    };
    try {
      const [none, wrong] = await Promise.all([refused(undefined), refused(`not-this-one-${Date.now()}`)]);
      if (none && wrong) return { state: "ok", seen: "without it, and with a wrong one, the role is refused" };
      return {
        state: "warning",
        seen: `the role is given ${none ? "" : "without an external ID"}${none || wrong ? "" : " and "}${wrong ? "" : "with a wrong one"}`,
        fix: `${lake.subscriber.externalId === undefined ? `${giveExternalId(lake)}, and s` : "S"}omeone who may change the role ${nameOf(roleArn)} puts the statement below in its trust policy in the place of the one for ${nameOf(principalOf((await lake.caller()).arn))}`,
        policy: { Version: "2012-10-17", Statement: [trustStatement(principalOf((await lake.caller()).arn))] },
        console: `IAM > Roles > ${nameOf(roleArn)} > Trust relationships > Edit trust policy`,
      };
    } finally {
      sts.destroy();
    }
  },
};

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
        const bucketKeys = new Set(flow.buckets.flatMap(({ key }) => key ?? []));
        const queueKey = await keyOfQueue(lake);
        const asked: readonly (readonly [
          actions: readonly string[],
          resource: string,
          circumstances?: Circumstances,
        ])[] = [
          [queueActions, queueArn],
          ...objects.map((resource) => [["s3:GetObject"], resource] as const),
          ...[...bucketKeys].map((key) => [["kms:Decrypt"], key] as const),
          ...(queueKey === undefined ? [] : [[["kms:Decrypt"], queueKey, { via: "sqs" }] as const]),
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
        const refused = await notMadeGood(lake, admin, found.arn, distinct);
        const keys = new Set([...bucketKeys, ...(queueKey === undefined ? [] : [queueKey])]);
        if (refused.length === 0) {
          return {
            state: "ok",
            seen: `the queue, ${counted(objects.length, "source")}${keys.size > 0 ? ` and ${keys.size} of KMS's keys` : ""}`,
          };
        }
        const known = await weighed(admin, found.arn, refused);
        if (known.certain.length === 0) return undecided(found.arn, known.doubtful, "newest-object");
        const told = known.certain.map(({ action, resource, why }) => `${action} on ${resource} (${reasons[why]})`);
        return {
          state: "failed",
          seen: `it may not do ${told.join("; ")}`,
          console: `IAM > Roles > ${found.name} > Permissions`,
          ...repairOf(found.arn, known, "Subscriber"),
        };
      },
    );
  },
};
