import { describe, expect, it } from "vitest";
import type { Result } from "../src/check.ts";
import { createSetting, type Setting } from "./setting.ts";

const version = "2012-10-17";
const office = { "aws:SourceIp": ["127.0.0.0/8", "::1/128"] };
const byId = { StringEquals: { "sts:ExternalId": ["<external-id>"] } };

async function changed(setting: Setting, ...Statement: readonly object[]): Promise<Pick<Result, "state" | "policy">> {
  setting.aws.setTrust(setting.lake.roleArn, { Version: version, Statement });
  const results = await setting.verify({ reveal: false });
  const { state, policy = {} } = results.find(({ check }) => check.id === "role") as Result;
  return { state, policy };
}

describe("a repair of a trust policy changes the external ID, and nothing else", () => {
  it("where that is another one", async () => {
    await using setting = await createSetting();
    const { userArn } = setting.lake;
    const allow = {
      Effect: "Allow",
      Principal: { AWS: userArn },
      Action: ["sts:AssumeRole", "sts:SetSourceIdentity"],
      Condition: { StringEquals: { "sts:ExternalId": ["other"] }, IpAddress: office },
    };
    const deny = {
      Effect: "Deny",
      Principal: { AWS: userArn },
      Action: "sts:AssumeRole",
      Condition: { NotIpAddress: office },
    };
    expect(await changed(setting, allow, deny)).toEqual({
      state: "failed",
      policy: { Version: version, Statement: [{ ...allow, Condition: { IpAddress: office, ...byId } }, deny] },
    });
  });

  it("where that does not matter", async () => {
    await using setting = await createSetting();
    const Condition = { Bool: { "aws:MultiFactorAuthPresent": "true" }, IpAddress: office };
    const allow = { Effect: "Allow", Principal: { AWS: setting.lake.userArn }, Action: "sts:AssumeRole", Condition };
    expect(await changed(setting, allow)).toEqual({
      state: "warning",
      policy: { Version: version, Statement: [{ ...allow, Condition: { ...Condition, ...byId } }] },
    });
  });

  it("and where something else keeps the user out, adds a statement", async () => {
    await using setting = await createSetting();
    const { userArn } = setting.lake;
    const statement = { Effect: "Allow", Principal: { AWS: userArn }, Action: "sts:AssumeRole" };
    const tagging = { ...statement, Action: "sts:TagSession" };
    const elsewhere = { ...statement, Condition: { StringEquals: { "aws:PrincipalAccount": "210987654321" } } };
    const Statement = [tagging, elsewhere, { ...statement, Principal: { AWS: userArn }, Condition: byId }];
    expect(await changed(setting, tagging, elsewhere)).toEqual({
      state: "failed",
      policy: { Version: version, Statement },
    });
  });
});
