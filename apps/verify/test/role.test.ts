import { expect, it } from "vitest";
import { fixPlan } from "../src/report/fix-plan.ts";
import { createSetting, type Setting } from "./setting.ts";

const version = "2012-10-17";

/** What the checks of role and user tell. */
async function told(setting: Setting) {
  const results = await setting.verify();
  const of = (id: string) => results.find(({ check }) => check.id === id);
  return { role: of("role"), user: of("user"), assume: of("assume-role"), plan: fixPlan(results) };
}

it("a role's ARN without its path is corrected by the role itself", async () => {
  await using setting = await createSetting();
  const { aws, lake } = setting;
  const Condition = { StringEquals: { "sts:ExternalId": lake.externalId } };
  const trust = { Effect: "Allow", Principal: { AWS: lake.userArn }, Action: "sts:AssumeRole", Condition } as const;
  const { arn } = aws.createRole({ name: "reader", path: "/lake/", trust: { Version: version, Statement: [trust] } });
  const named = arn.replace("/lake/", "/");
  setting.subscriber = { ...setting.subscriber, roleArn: named };
  const { role, assume } = await told(setting);
  expect(role).toMatchObject({
    state: "failed",
    seen: `there is no role ${named}: that of the name reader is ${arn}`,
    fix: `Write ${arn} into <iam_role_arn>`,
  });
  expect(assume?.state).toBe("could not check");
  setting.subscriber = { ...setting.subscriber, roleArn: arn };
  expect((await told(setting)).assume?.state).toBe("ok");
});

it("where there is no such role, no user is let assume it", async () => {
  await using setting = await createSetting();
  setting.subscriber = { ...setting.subscriber, roleArn: "arn:aws:iam::123456789012:role/misnamed" };
  const { role, user, plan } = await told(setting);
  expect(role).toMatchObject({ state: "failed", seen: expect.stringMatching(/^there is no role misnamed/) });
  expect(user).toMatchObject({ state: "could not check", seen: expect.stringMatching(/"role" has to succeed first/) });
  expect(plan).not.toContain("put-user-policy");
});

const statement = (principal: string, externalId: string) => ({
  Effect: "Allow" as const,
  Principal: { AWS: principal },
  Action: "sts:AssumeRole",
  Condition: { StringEquals: { "sts:ExternalId": externalId } },
});

const commandsIn = (plan: string) => plan.split("\n").filter((line) => line !== "" && !line.startsWith("#"));

it("credentials of another user than the role trusts are told before any change of the role", async () => {
  await using setting = await createSetting();
  const { aws, lake } = setting;
  aws.createAccount({ id: "210987654321" });
  const Statement = ["arn:aws:iam::123456789012:user/admin", "210987654321"].map((one) =>
    statement(one, lake.externalId),
  );
  aws.setTrust(lake.roleArn, { Version: version, Statement });
  const { role, plan } = await told(setting);
  expect(role).toMatchObject({
    seen: expect.stringMatching(
      /does not name \S+ in its trust policy, but user admin( of account \d+)?, account 210987654321$/,
    ),
    fix: expect.stringMatching(
      /^Give the subscriber \(<aws_profile>\) the credentials of user admin.* or account 210987654321, whom the role trusts, since those at hand are of user threatlockdown; if user threatlockdown is meant to be the subscriber, someone who may change/,
    ),
  });
  expect(commandsIn(plan)).toEqual([]);
  expect(plan).toMatch(
    /^# Only where user threatlockdown is meant to be the subscriber: aws iam update-assume-role-policy /m,
  );
});

it("no external ID that may be mistyped gets into the trust policy by itself", async () => {
  await using setting = await createSetting();
  const { aws, lake } = setting;
  aws.setTrust(lake.roleArn, { Version: version, Statement: [statement(lake.userArn, "another")] });
  const { role, plan } = await told(setting);
  expect(role?.fix).toMatch(/^Compare <external_id> .*, and correct it; if <external_id> is right, someone who may/);
  expect(commandsIn(plan)).toEqual([]);
  expect(plan).toMatch(/^# Only where <external_id> is right: aws iam update-assume-role-policy /m);
});
