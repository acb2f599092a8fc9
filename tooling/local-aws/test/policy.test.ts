import { describe, expect, it } from "vitest";
import type { Context } from "../src/condition.ts";
import { evaluate, type PolicyKind, parsePolicy, type Question } from "../src/policy.ts";
import { PolicyError } from "../src/policy-error.ts";

const someone = { arn: "arn:aws:iam::111111111111:user/ann", account: "111111111111" };

function context(values: Readonly<Record<string, string | readonly string[]>>): Context {
  const known = new Map(Object.entries(values).map(([key, value]) => [key.toLowerCase(), [value].flat()]));
  return (key) => known.get(key);
}

function effectOf(statement: object, question: Partial<Question> = {}, kind: PolicyKind = "identity") {
  const policy = parsePolicy({ Version: "2012-10-17", Statement: statement }, kind);
  const asked = { principal: someone, action: "s3:GetObject", resource: "arn:aws:s3:::b/k", context: context({}) };
  return evaluate([policy], { ...asked, ...question }).effect;
}

const allow = { Effect: "Allow", Action: "s3:GetObject", Resource: "*" };

describe("actions and resources", () => {
  it.each([
    [{ Action: "*" }, "allow"],
    [{ Action: "s3:*" }, "allow"],
    [{ Action: "S3:get*" }, "allow"],
    [{ Action: ["sqs:*", "s3:Get?bject"] }, "allow"],
    [{ Action: "s3:GetObjectVersion" }, "none"],
    [{ Action: undefined, NotAction: "s3:Put*" }, "allow"],
    [{ Action: undefined, NotAction: "s3:Get*" }, "none"],
    [{ Resource: "arn:aws:s3:::b/*" }, "allow"],
    [{ Resource: "arn:aws:s3:::b" }, "none"],
    [{ Resource: "arn:aws:s3:::B/*" }, "none"],
    [{ Resource: undefined, NotResource: "arn:aws:s3:::c/*" }, "allow"],
    [{ Effect: "Deny" }, "deny"],
  ])("%j: %s", (element, effect) => {
    expect(effectOf({ ...allow, ...element })).toBe(effect);
  });

  it("a deny outweighs every allow", () => {
    expect(effectOf([allow, { ...allow, Effect: "Deny", Resource: "arn:aws:s3:::b/k" }])).toBe("deny");
  });

  it("variables stand for values of the request", () => {
    const statement = { ...allow, Resource: `arn:aws:s3:::b/$\{aws:username}` };
    expect(effectOf(statement, { context: context({ "aws:username": "k" }) })).toBe("allow");
    expect(effectOf(statement, { context: context({ "aws:username": "l" }) })).toBe("none");
    expect(effectOf(statement)).toBe("none");
  });
});

describe("conditions", () => {
  it.each([
    [{ StringEquals: { "sts:ExternalId": ["x", "y"] } }, { "sts:ExternalId": "y" }, "allow"],
    [{ StringEquals: { "sts:ExternalId": "x" } }, { "sts:externalid": "x" }, "allow"],
    [{ StringEquals: { "sts:ExternalId": "x" } }, { "sts:ExternalId": "X" }, "none"],
    [{ StringEquals: { "sts:ExternalId": "x" } }, {}, "none"],
    [{ StringEqualsIfExists: { "sts:ExternalId": "x" } }, {}, "allow"],
    [{ StringNotEquals: { "sts:ExternalId": "x" } }, {}, "allow"],
    [{ StringNotEquals: { "sts:ExternalId": ["x", "y"] } }, { "sts:ExternalId": "y" }, "none"],
    [{ StringEqualsIgnoreCase: { k: "x" } }, { k: "X" }, "allow"],
    [{ StringLike: { k: "a*c" } }, { k: "abc" }, "allow"],
    [{ StringNotLike: { k: "a*c" } }, { k: "abc" }, "none"],
    [{ ArnLike: { "aws:SourceArn": "arn:aws:s3:::b*" } }, { "aws:SourceArn": "arn:aws:s3:::bucket" }, "allow"],
    [{ ArnEquals: { "aws:SourceArn": "arn:aws:s3:::b" } }, { "aws:SourceArn": "arn:aws:s3:::c" }, "none"],
    [{ Bool: { "aws:SecureTransport": "false" } }, { "aws:SecureTransport": "true" }, "none"],
    [{ Null: { k: "true" } }, {}, "allow"],
    [{ Null: { k: "true" } }, { k: "x" }, "none"],
    [{ NumericLessThanEquals: { "s3:max-keys": 10 } }, { "s3:max-keys": "9" }, "allow"],
    [{ NumericLessThanEquals: { "s3:max-keys": 10 } }, { "s3:max-keys": "11" }, "none"],
    [
      { DateGreaterThan: { "aws:CurrentTime": "2026-01-01T00:00:00Z" } },
      { "aws:CurrentTime": "2026-09-24T00:00:00Z" },
      "allow",
    ],
    [{ IpAddress: { "aws:SourceIp": ["10.0.0.0/8", "::1/128"] } }, { "aws:SourceIp": "10.2.3.4" }, "allow"],
    [{ NotIpAddress: { "aws:SourceIp": "10.0.0.0/8" } }, { "aws:SourceIp": "10.2.3.4" }, "none"],
    [{ "ForAllValues:StringEquals": { k: ["a", "b"] } }, { k: ["a", "b"] }, "allow"],
    [{ "ForAllValues:StringEquals": { k: ["a", "b"] } }, { k: ["a", "c"] }, "none"],
    [{ "ForAnyValue:StringEquals": { k: ["a", "b"] } }, { k: ["c", "b"] }, "allow"],
    [{ StringEquals: { k: "x" }, Bool: { l: "true" } }, { k: "x", l: "false" }, "none"],
  ])("%j of %j: %s", (Condition, values, effect) => {
    expect(effectOf({ ...allow, Condition }, { context: context(values as Record<string, string>) })).toBe(effect);
  });
});

describe("principals", () => {
  const session = {
    arn: "arn:aws:sts::111111111111:assumed-role/r/s",
    account: "111111111111",
    roleArn: "arn:aws:iam::111111111111:role/r",
  };
  const service = { arn: "s3.amazonaws.com", account: "", service: "s3.amazonaws.com" };
  it.each([
    ["*", someone, "direct"],
    [{ AWS: "*" }, someone, "direct"],
    [{ AWS: "111111111111" }, someone, "account"],
    [{ AWS: "arn:aws:iam::111111111111:root" }, someone, "account"],
    [{ AWS: ["arn:aws:iam::222222222222:root", someone.arn] }, someone, "direct"],
    [{ AWS: "arn:aws:iam::222222222222:root" }, someone, undefined],
    [{ AWS: session.roleArn }, session, "direct"],
    [{ AWS: session.arn }, session, "direct"],
    [{ Service: "s3.amazonaws.com" }, service, "direct"],
    [{ Service: "events.amazonaws.com" }, service, undefined],
    [{ Federated: "accounts.example" }, someone, undefined],
  ])("%j means %j: %s", (Principal, principal, naming) => {
    const policy = parsePolicy({ Version: "2012-10-17", Statement: { ...allow, Principal } }, "resource");
    const { effect, naming: found } = evaluate([policy], {
      principal,
      action: "s3:GetObject",
      resource: "arn:aws:s3:::b/k",
      context: context({}),
    });
    expect(effect === "allow" ? found : undefined).toBe(naming);
  });
});

describe("documents that IAM refuses", () => {
  it.each<[string, PolicyKind, unknown]>([
    ["no JSON", "identity", "{"],
    ["another version", "identity", { Version: "2020-01-01", Statement: allow }],
    ["no effect", "identity", { Statement: { Action: "*", Resource: "*" } }],
    ["no action", "identity", { Statement: { Effect: "Allow", Resource: "*" } }],
    ["an action without a service", "identity", { Statement: { ...allow, Action: "GetObject" } }],
    ["no resource", "identity", { Statement: { Effect: "Allow", Action: "*" } }],
    ["a principal in an identity policy", "identity", { Statement: { ...allow, Principal: "*" } }],
    ["no principal in a resource policy", "resource", { Statement: allow }],
    ["a resource in a trust policy", "trust", { Statement: { ...allow, Principal: "*" } }],
    ["an unknown operator", "identity", { Statement: { ...allow, Condition: { StringSimilar: { k: "v" } } } }],
    ["an unknown element", "identity", { Statement: { ...allow, Conditions: {} } }],
  ])("%s", (_, kind, document) => {
    expect(() => parsePolicy(document as string | object, kind)).toThrow(PolicyError);
  });
});

describe("NotPrincipal", () => {
  const root = `arn:aws:iam::${someone.account}:root`;
  const deny = { Effect: "Deny", Action: "*", Resource: "*" };

  it.each([
    ["another", [`${someone.arn}-other`, root], "deny"],
    ["the account alone", [root], "deny"],
    ["the user without the account", [someone.arn], "deny"],
    ["the user and the account", [someone.arn, root], "none"],
    ["the user and the account by its number", [someone.arn, someone.account], "none"],
  ])("with %s", (_, AWS, effect) => {
    expect(effectOf({ ...deny, NotPrincipal: { AWS } }, {}, "resource")).toBe(effect);
  });

  it("forbids whoever has a permissions boundary", () => {
    const principal = { ...someone, bounded: true };
    expect(effectOf({ ...deny, NotPrincipal: { AWS: [someone.arn, root] } }, { principal }, "resource")).toBe("deny");
  });

  it("leaves out a service by its name", () => {
    const service = "events.amazonaws.com";
    const principal = { arn: service, account: "", service };
    expect(effectOf({ ...deny, NotPrincipal: { Service: service } }, { principal }, "resource")).toBe("none");
  });

  it("is for statements that forbid", () => {
    const all = { ...deny, Effect: "Allow", NotPrincipal: { AWS: root } };
    expect(() => effectOf(all, {}, "resource")).toThrow(PolicyError);
  });
});
