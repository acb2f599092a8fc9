import { asAdministrator } from "../administrator.ts";
import { accountOf, nameOf } from "../arn.ts";
import { kindOf } from "../attached.ts";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import { awsCommand } from "../command.ts";
import type { Lake } from "../lake.ts";
import { concernsAction, type Document, dependsOn, judge, type Question } from "../policy.ts";
import type { Role } from "../role.ts";
import { compareExternalId, giveCredentials, giveExternalId, settingName } from "../setting.ts";
import {
  assume,
  isGiven,
  onlyWithoutExternalId,
  principalOf,
  trustChange,
  trustedBy,
  trustQuestion,
} from "../trust.ts";
import { writeRole } from "./queue-name.ts";

export const noRole: Finding = {
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
    return asAdministrator(lake, ["iam:GetRole"], accountOf(roleArn), async () => {
      let found: Role;
      try {
        found = await lake.role();
      } catch (error) {
        if ((error as Error).name !== "NoSuchEntityException") throw error;
        return {
          state: "failed",
          seen: `there is no role ${nameOf(roleArn)} in account ${accountOf(roleArn)}`,
          fix: `Correct ${settingName(lake, "role")}: the role is named in Security Lake > My subscribers, at the subscriber`,
          console: "Security Lake > Subscribers > My subscribers > the subscriber > AWS role ID",
          ...writeRole(lake),
        };
      }
      if (found.arn !== roleArn) return otherPath(lake, found, roleArn);
      return judgeRole(lake, found, (await lake.caller()).arn);
    });
  },
};

/** IAM finds a role by its name, and STS by its whole ARN alone. */
function otherPath(lake: Lake, { name, arn }: Role, roleArn: string): Finding {
  return {
    state: "failed",
    seen: `there is no role ${roleArn}: that of the name ${name} is ${arn}`,
    fix: `Write ${arn} into ${settingName(lake, "role")}`,
    console: `IAM > Roles > ${name} > Summary > ARN`,
  };
}

/** What is asked of the role, and by whom. */
interface Asked {
  readonly found: Role;
  readonly who: string;
  readonly question: Question;
}

async function judgeRole(lake: Lake, found: Role, caller: string): Promise<Finding> {
  const { externalId, durationSeconds = usual } = lake.subscriber;
  const who = principalOf(caller);
  const asked = { found, who, question: trustQuestion(who, externalId ?? null) };
  const wrong = distrusting(lake, asked) ?? shorter(lake, found, caller) ?? lax(lake, asked);
  if (wrong !== undefined) return wrong;
  const { unknown } = judge(found.trust, asked.question);
  if (unknown.length > 0 && !(await isGiven(lake))) {
    return couldNotCheck(dependsOn(`the role ${found.name} trusts ${who}`, unknown, "assume-role"));
  }
  const met = unknown.length === 0 ? "" : `, and on conditions that its requests meet (${unknown.join(", ")})`;
  return {
    state: "ok",
    seen: `the role ${found.name} trusts ${who} by the external ID that is set${met}; sessions of ${durationSeconds} s, at most ${found.maxSessionDuration} s`,
  };
}

function distrusting(lake: Lake, { found, who, question }: Asked): Finding | undefined {
  if (judge(found.trust, question).effect === "allow") return undefined;
  const { seen, inConfiguration, instead } = whyNot(lake, found.trust, question, who);
  const told = { state: "failed", seen: `the role ${found.name} ${seen}` } as const;
  if (inConfiguration !== undefined) return { ...told, fix: inConfiguration };
  const { commands, ...change } = trustChange(found, question, who);
  const first = instead === undefined ? "S" : `${instead.fix}; if ${instead.unless}, s`;
  return {
    ...told,
    fix: `${first}omeone who may change the role ${found.name} gives it the trust policy below`,
    ...change,
    ...(commands && { commands: commands.map((one) => (instead ? { ...one, where: instead.unless } : one)) }),
  };
}

/** Seconds for which a session lasts unless something else is asked for, and those of a role that assumes another. */
const usual = 3_600;

function shorter(lake: Lake, { name, maxSessionDuration: most }: Role, caller: string): Finding | undefined {
  const { durationSeconds = usual } = lake.subscriber;
  const duration = settingName(lake, "duration");
  if (durationSeconds > most) {
    return {
      state: "failed",
      seen: `the role ${name} gives sessions of ${most} s at most; ${duration} asks for ${durationSeconds} s`,
      fix: `Set ${duration} to ${most} or less, or someone who may change the role raises its maximum session duration`,
      console: `IAM > Roles > ${name} > Summary > Edit > Maximum session duration`,
      commands: [awsCommand(["iam", "update-role"], { "role-name": name, "max-session-duration": durationSeconds })],
    };
  }
  if (!caller.includes(":assumed-role/") || durationSeconds <= usual) return undefined;
  return {
    state: "failed",
    seen: `the role ${name} is assumed by a role, whose sessions last ${usual} s at most; ${duration} asks for ${durationSeconds} s`,
    fix: `Set ${duration} to ${usual} or remove it`,
  };
}

function lax(lake: Lake, { found, who, question }: Asked): Finding | undefined {
  const isLet = (id: string | null) => judge(found.trust, trustQuestion(who, id)).effect === "allow";
  if (!isLet(null) && !isLet("wrong")) return undefined;
  return {
    state: "warning",
    seen: `the role ${found.name} trusts ${who} whatever the external ID is`,
    fix:
      lake.subscriber.externalId === undefined
        ? `Give the subscriber an external ID: in ${settingName(lake, "externalId")} and in the role's trust policy`
        : `Someone who may change the role ${found.name} gives it the trust policy below`,
    ...trustChange(found, question, who),
  };
}

interface Reason {
  readonly seen: string;
  /** What to do where the policy is right for certain. */
  readonly inConfiguration?: string;
  /** What to do where it may be right, and the only case in which it is not. */
  readonly instead?: { readonly fix: string; readonly unless: string };
}

function whyNot(lake: Lake, trust: Document, question: Question, who: string): Reason {
  if (judge(trust, question).effect === "deny") return { seen: `forbids ${who} by a statement with Effect Deny` };
  const named = trust.Statement.filter(
    (one) =>
      judge({ Statement: [{ ...one, Effect: "Allow", Action: "*", Condition: {} }] }, question).effect === "allow",
  );
  if (named.length === 0) return notNamed(lake, trust, who);
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
        instead: { fix: compareExternalId(lake), unless: `${settingName(lake, "externalId")} is right` },
      }
    : { seen: `trusts ${who} under conditions that these requests do not meet` };
}

/** Whoever has the keys of another would let that one in where the right ones are all that is missing. */
function notNamed(lake: Lake, trust: Document, who: string): Reason {
  const seen = `does not name ${who} in its trust policy`;
  const others = trustedBy(trust).map((name) => calledBeside(name, who));
  if (others.length === 0) return { seen };
  const own = `${kindOf(who)} ${nameOf(who)}`;
  return {
    seen: `${seen}, but ${others.join(", ")}`,
    instead: {
      fix: `${giveCredentials(lake)} of ${others.join(" or ")}, whom the role trusts, since those at hand are of ${own}`,
      unless: `${own} is meant to be the subscriber`,
    },
  };
}

function calledBeside(name: string, who: string): string {
  const account = accountOf(name) ?? name;
  if (!name.includes("/")) return `account ${account}`;
  return `${kindOf(name)} ${nameOf(name)}${account === accountOf(who) ? "" : ` of account ${account}`}`;
}
