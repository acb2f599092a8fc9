import { asAdministrator } from "../administrator.ts";
import { accountOf, nameOf } from "../arn.ts";
import { kindOf } from "../attached.ts";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import type { Admin, Lake } from "../lake.ts";
import { dependsOn, type Judgement, judge } from "../policy.ts";
import { repairOf } from "../repair.ts";
import { readRole } from "../role.ts";
import { type Refusal, reasons, refusals, weighed } from "../simulation.ts";
import { assume, isGiven, principalOf, trustQuestion } from "../trust.ts";
import { noRole } from "./role.ts";

export const user: Check = {
  id: "user",
  title: "The user may assume the role",
  explain:
    "The user's own policies, its groups' and its permissions boundary have to allow sts:AssumeRole on the role.",
  needs: ["credentials", "role"],
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
      return (await named(lake, who, account, found)) ?? judgeUser(lake, admin, who, found);
    });
  },
};

/** The trust policy alone is enough where it names them, and their own lack it. */
async function named(
  lake: Lake,
  who: string,
  account: string,
  found: readonly Refusal[],
): Promise<Finding | undefined> {
  if (found.some(({ why }) => why !== "not allowed")) return undefined;
  const { effect, unknown } = await byName(lake, who, account);
  if (effect !== "allow") return undefined;
  if (unknown.length > 0) return onConditions(lake, `the role trusts ${who} by name`, unknown);
  return { state: "ok", seen: `the role trusts ${who} by name, which is enough within one account` };
}

async function judgeUser(lake: Lake, admin: Admin, who: string, found: readonly Refusal[]): Promise<Finding> {
  const known = await weighed(admin, who, found);
  const [refusal] = known.certain;
  if (refusal === undefined) {
    const keys = known.doubtful.flatMap(({ unknown }) => unknown);
    return onConditions(lake, `the policies of ${who} let it do ${assume}`, keys);
  }
  return {
    state: "failed",
    seen: `${who} may not do ${assume} on ${refusal.resource}: ${reasons[refusal.why]}`,
    console: `IAM > ${kindOf(who) === "user" ? "Users" : "Roles"} > ${nameOf(who)} > Permissions`,
    ...repairOf(who, known, "AssumeRole"),
  };
}

/** What nobody knows here, the request itself tells. */
async function onConditions(lake: Lake, whether: string, keys: readonly string[]): Promise<Finding> {
  if (!(await isGiven(lake))) return couldNotCheck(dependsOn(whether, keys, "assume-role"));
  return { state: "ok", seen: `${whether}, on conditions that its requests meet (${[...new Set(keys)].join(", ")})` };
}

/** What the trust policy alone says where it names this principal of the role's own account: that is enough. */
async function byName(lake: Lake, who: string, account: string): Promise<Judgement> {
  const question = trustQuestion(who, lake.subscriber.externalId ?? null);
  if (accountOf(lake.subscriber.roleArn) !== account) return judge(undefined, question);
  const trust = await lake.role().then(
    (found) => found.trust,
    () => undefined,
  );
  const direct = trust?.Statement.filter(({ Principal }) => Principal !== "*");
  return judge(direct && { Statement: direct }, { ...question, byName: true });
}
