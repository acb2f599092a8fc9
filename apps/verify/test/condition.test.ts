import { describe, expect, it } from "vitest";
import { type Condition, holds } from "../src/condition.ts";
import { judge, type Question, type Statement } from "../src/policy.ts";
import { contextOf, service, userOrRole } from "../src/principal.ts";

const context = { "sts:externalid": "right", "s3:tlsversion": "1.2", "aws:username": null };

describe("a condition", () => {
  it.each<readonly [string, Condition, ReturnType<typeof holds>]>([
    ["of one value", { StringEquals: { "sts:ExternalId": ["other", "right"] } }, true],
    ["of a set, any", { "ForAnyValue:StringEquals": { "sts:ExternalId": ["right"] } }, true],
    ["of a set, all", { "ForAllValues:StringLike": { "sts:ExternalId": ["other*"] } }, false],
    ["of a set, any that there is", { "ForAnyValue:StringNotEquals": { "aws:username": "a" } }, false],
    ["of a set, all that there are", { "ForAllValues:StringEquals": { "aws:username": "a" } }, true],
    ["of numbers", { NumericLessThan: { "s3:TlsVersion": "1.2" } }, false],
    ["on what is not there", { StringNotEquals: { "aws:username": "a" } }, true],
    ["on what may not be there", { StringEqualsIfExists: { "aws:username": "a" } }, true],
    ["on what is not known", { IpAddress: { "aws:SourceIp": "10.0.0.0/8" } }, ["aws:SourceIp"]],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable of IAM
    ["with a variable", { StringEquals: { "sts:ExternalId": "${aws:username}" } }, ["sts:ExternalId"]],
    [
      "on what is not known, beside one that does not hold",
      { IpAddress: { "aws:SourceIp": "10.0.0.0/8" }, Bool: { "sts:ExternalId": "wrong" } },
      false,
    ],
  ])("%s", (_, condition, held) => {
    expect(holds(condition, context)).toEqual(held);
  });
});

describe("a judgement names what could still change it", () => {
  const question = (principal = userOrRole("arn:aws:iam::123456789012:role/lake")): Question => ({
    action: "sqs:SendMessage",
    principal,
    context: contextOf(principal),
  });
  const statement = (Effect: "Allow" | "Deny", Condition?: Condition): Statement => ({
    Effect,
    Principal: "*",
    Action: "*",
    ...(Condition && { Condition }),
  });
  const office = { IpAddress: { "aws:SourceIp": "10.0.0.0/8" } };
  const elsewhere = { NotIpAddress: { "aws:SourceIp": "10.0.0.0/8" } };
  const outside = { StringNotEquals: { "aws:SourceVpce": "vpce-1" } };

  it.each([
    ["an Allow on a condition", [statement("Allow", office)], "allow", ["aws:SourceIp"]],
    ["that beside one without", [statement("Allow", office), statement("Allow")], "allow", []],
    ["a Deny on a condition", [statement("Allow"), statement("Deny", elsewhere)], "allow", ["aws:SourceIp"]],
    ["that beside one without", [statement("Deny"), statement("Deny", elsewhere)], "deny", []],
    ["a Deny alone", [statement("Deny", outside)], "none", ["aws:SourceVpce"]],
  ] as const)("%s", (_, Statement, effect, unknown) => {
    expect(judge({ Statement }, question())).toEqual({ effect, unknown });
  });

  it.each(["SourceVpce", "PrincipalOrgID", "PrincipalAccount", "PrincipalArn"])(
    "of a service it is known that its requests have no aws:%s",
    (key) => {
      const Statement = [statement("Allow"), statement("Deny", { StringNotEquals: { [`aws:${key}`]: "mine" } })];
      const asked = question(service("events.amazonaws.com"));
      expect(judge({ Statement }, asked)).toEqual({ effect: "deny", unknown: [] });
    },
  );
});
