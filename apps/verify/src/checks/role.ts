import { asAdministrator } from "../administrator.ts";
import { accountOf, nameOf } from "../arn.ts";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import { awsCommand } from "../command.ts";
import type { Lake } from "../lake.ts";
import { concernsAction, type Document, dependsOn, judge, type Question } from "../policy.ts";
import type { Role } from "../role.ts";
import { compareExternalId, giveExternalId, settingName } from "../setting.ts";
import { assume, onlyWithoutExternalId, principalOf, trustChange, trustQuestion } from "../trust.ts";

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
        };
      }
      if (found.arn !== roleArn) return otherPath(lake, found, roleArn);
      return judgeRole(lake, found, await lake.caller());
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

function judgeRole(lake: Lake, found: Role, caller: { readonly arn: string; readonly account: string }): Finding {
  const { externalId, durationSeconds = 3_600 } = lake.subscriber;
  const who = principalOf(caller.arn);
  const question = trustQuestion(who, externalId ?? null);
  const here = `the role ${found.name}`;
  const duration = settingName(lake, "duration");
  const { effect, unknown } = judge(found.trust, question);
  if (effect !== "allow") {
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
  if (unknown.length > 0) return couldNotCheck(dependsOn(`${here} trusts ${who}`, unknown, "assume-role"));
  return {
    state: "ok",
    seen: `${here} trusts ${who} by the external ID that is set; sessions of ${durationSeconds} s, at most ${found.maxSessionDuration} s`,
  };
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
