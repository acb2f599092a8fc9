import { asAdministrator } from "../administrator.ts";
import { accountOf, nameOf } from "../arn.ts";
import { type Check, couldNotCheck } from "../check.ts";
import type { Lake } from "../lake.ts";
import { dependsOn, type Judgement, judge } from "../policy.ts";
import { repairOf } from "../repair.ts";
import { readRole } from "../role.ts";
import { type Refusal, reasons, refusals, undecided, weighed } from "../simulation.ts";
import { assume, principalOf, trustQuestion } from "../trust.ts";
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
      const [{ why }] = found as [Refusal];
      if (why === "not allowed") {
        const { effect, unknown } = await byName(lake, who, account);
        if (effect === "allow" && unknown.length > 0) {
          return couldNotCheck(dependsOn(`the role trusts ${who} by name`, unknown, "assume-role"));
        }
        if (effect === "allow") {
          return { state: "ok", seen: `the role trusts ${who} by name, which is enough within one account` };
        }
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
