import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { endpointUrl, isPassing } from "@threatlockdown/aws-auth";
import { isDenied } from "../administrator.ts";
import { nameOf } from "../arn.ts";
import { kindOf } from "../attached.ts";
import { lookAtCause } from "../causes.ts";
import type { Check, Finding } from "../check.ts";
import { deniedBy } from "../denied-by.ts";
import type { Lake } from "../lake.ts";
import { notAws } from "../not-aws.ts";
import { allow, judge, trustStatement } from "../policy.ts";
import { putPolicy } from "../repair.ts";
import { compareExternalId, giveExternalId } from "../setting.ts";
import { assume, principalOf, trustQuestion } from "../trust.ts";
import { noRole } from "./role.ts";

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
      if (isPassing(error) || notAws(error) !== undefined || roleArn === undefined) throw error;
      return {
        state: "failed",
        seen: lake.explain(error),
        ...(await notGiven(lake, error, roleArn, (await lake.caller()).arn)),
      };
    }
  },
};

type Remedy = Omit<Finding, "state" | "seen"> & Partial<Pick<Finding, "seen">>;

/** What to do where STS refuses the role, which tells little of why. */
async function notGiven(lake: Lake, error: unknown, roleArn: string, caller: string): Promise<Remedy> {
  const cause = (error as Error).cause ?? error;
  if (!isDenied(cause)) return { fix: lookAtCause(lake.explain(error)) };
  const arn = principalOf(caller);
  const who = `${kindOf(arn)} ${nameOf(arn)}`;
  const blamed = deniedBy(cause, { who, action: assume, resource: `role ${nameOf(roleArn)}` });
  if (blamed?.policy === "identity-based policy" && !blamed.forbids) return allowed(roleArn, arn);
  // Whoever knows more does not guess.
  const seen = lake.explain(error).replace(/; likely causes?.*$/, "");
  if (blamed !== undefined && (blamed.policy !== "role trust policy" || blamed.forbids)) {
    return { seen, fix: blamed.fix };
  }
  return lake.admin === undefined ? trusted(lake, roleArn, arn) : { seen, fix: await unseen(lake, arn) };
}

/** The user's own policies lack it. */
function allowed(roleArn: string, arn: string): Remedy {
  const kind = kindOf(arn);
  const policy = allow([assume], roleArn);
  return {
    fix: `Someone who may change ${kind} ${nameOf(arn)} lets it do ${assume} on the role, by the policy below`,
    policy,
    console: `IAM > ${kind === "user" ? "Users" : "Roles"} > ${nameOf(arn)} > Permissions`,
    commands: [putPolicy(kind, arn, `AssumeRole-${nameOf(roleArn)}`, policy)],
  };
}

/** Of all that can be, the trust policy is the likeliest. */
function trusted(lake: Lake, roleArn: string, arn: string): Remedy {
  const first =
    lake.subscriber.externalId === undefined
      ? `${giveExternalId(lake)}; if the role asks for none, s`
      : `${compareExternalId(lake)}; if it is right, s`;
  return {
    fix: `${first}omeone who may change role ${nameOf(roleArn)} adds the statement below to its trust policy, and someone who may change ${nameOf(arn)} allows it ${assume} on the role; with --admin-profile this finds out which of them is missing`,
    policy: { Version: "2012-10-17", Statement: [trustStatement(arn)] },
    console: `IAM > Roles > ${nameOf(roleArn)} > Trust relationships`,
  };
}

/** The administrator has looked at the trust policy and at the user's: this check comes after theirs. */
async function unseen(lake: Lake, arn: string): Promise<string> {
  const question = trustQuestion(arn, lake.subscriber.externalId ?? null);
  const { name, unknown } = await lake.role().then(
    (role) => ({ name: role.name, ...judge(role.trust, question) }),
    () => ({ name: "", unknown: [] }),
  );
  return unknown.length > 0
    ? `Look at the conditions of role ${name}'s trust policy on ${unknown.join(", ")}, which this request does not meet, it seems`
    : `Go by the check user, where it could not tell; else it is a resource control policy of the AWS organization, or the policy of the VPC endpoint of STS: whoever may change that one lets it allow ${assume}`;
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
      const who = principalOf((await lake.caller()).arn);
      return {
        state: "warning",
        seen: `the role is given ${none ? "" : "without an external ID"}${none || wrong ? "" : " and "}${wrong ? "" : "with a wrong one"}`,
        fix: `${lake.subscriber.externalId === undefined ? `${giveExternalId(lake)}, and s` : "S"}omeone who may change the role ${nameOf(roleArn)} gives each statement for ${nameOf(who)} in its trust policy the condition of that below, in the place of what it says of sts:ExternalId; its other conditions stay`,
        policy: { Version: "2012-10-17", Statement: [trustStatement(who)] },
        console: `IAM > Roles > ${nameOf(roleArn)} > Trust relationships > Edit trust policy`,
      };
    } finally {
      sts.destroy();
    }
  },
};
