import { describe, expect, it } from "vitest";
import { createSetting, type Setting } from "./setting.ts";

async function refused(setting: Setting, why: string, admin: boolean) {
  const { lake, aws } = setting;
  const message = `User: ${lake.userArn} is not authorized to perform: sts:AssumeRole on resource: ${lake.roleArn} ${why}`;
  aws.faults.add({ service: "sts", operation: "AssumeRole", error: "AccessDenied", message: message.trim() });
  return (await setting.verify({ admin })).find(({ check }) => check.id === "assume-role");
}

describe("where the role is refused", () => {
  it.each([
    ["with an explicit deny in a service control policy", /^An administrator of the AWS organization lets user /],
    ["with an explicit deny in a resource control policy", /^An administrator of the AWS organization lets user /],
    [
      "because no permissions boundary allows the sts:AssumeRole action",
      /^Someone who may change the permissions boundary of /,
    ],
    [
      "because no VPC endpoint policy allows the sts:AssumeRole action",
      /^Someone who may change the VPC endpoint that/,
    ],
    ["with an explicit deny in an identity-based policy", /^Someone who may change user threatlockdown makes an exce/],
  ])("the fix is one of the policy that AWS blames, and not of the external ID: %s", async (why, fix) => {
    await using setting = await createSetting();
    for (const admin of [true, false]) {
      const found = await refused(setting, why, admin);
      expect(found).toMatchObject({ state: "failed", fix: expect.stringMatching(fix) });
      expect(found?.seen.endsWith(`: AccessDenied: ${why}`)).toBe(true);
    }
  });

  it("and AWS does not say by what, an administrator is not told to become one", async () => {
    await using setting = await createSetting();
    const found = await refused(setting, "", true);
    expect(found).toMatchObject({ state: "failed", fix: expect.stringMatching(/^Go by the check user, /) });
    expect(found?.policy).toBeUndefined();
  });

  it("and its trust policy has a condition that is not known here, that is named", async () => {
    await using setting = await createSetting();
    const { lake, aws } = setting;
    const Condition = {
      StringEquals: { "sts:ExternalId": lake.externalId },
      IpAddress: { "aws:SourceIp": "10.0.0.0/8" },
    };
    const allow = { Effect: "Allow", Principal: { AWS: lake.userArn }, Action: "sts:AssumeRole", Condition } as const;
    aws.setTrust(lake.roleArn, { Version: "2012-10-17", Statement: [allow] });
    const found = (await setting.verify()).find(({ check }) => check.id === "assume-role");
    expect(found?.fix).toMatch(/^Look at the conditions of role AmazonSecurityLake-.* trust policy on aws:SourceIp, /);
  });
});
