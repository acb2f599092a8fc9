import { describe, expect, it } from "vitest";
import type { Result } from "../src/check.ts";
import { createSetting, type Setting } from "./setting.ts";

const eventBridge = { Service: "events.amazonaws.com" };
const sourceArn = (arn: string) => ({ ArnEquals: { "aws:SourceArn": arn } });
const ruleOf = ({ lake }: Setting, more = "") =>
  `arn:aws:events:${lake.region}:${lake.account}:rule/${lake.queueName.replace("-Main-Queue", "-Rule")}${more}`;

/** By a policy of such statements on sending. */
async function judged(
  statements: (setting: Setting) => readonly object[],
  options: { readonly admin: boolean },
): Promise<Result | undefined> {
  await using setting = await createSetting();
  const { aws_cli, lake } = setting;
  const Statement = statements(setting).map((one) => ({
    Effect: "Allow",
    Action: "sqs:SendMessage",
    Resource: lake.queueArn,
    ...one,
  }));
  const attributes = JSON.stringify({ Policy: JSON.stringify({ Version: "2012-10-17", Statement }) });
  await aws_cli(`aws sqs set-queue-attributes --queue-url ${lake.queueUrl} --attributes '${attributes}'`);
  return (await setting.verify(options)).find(({ check }) => check.id === "queue-policy");
}

const deny = { Effect: "Deny", Principal: "*" };

describe("a queue's policy, without an administrator", () => {
  it("that lets EventBridge in whatever the rule is lets events in", async () => {
    const found = await judged(() => [{ Principal: eventBridge }], { admin: false });
    expect(found).toMatchObject({ state: "ok", seen: "it lets in: events.amazonaws.com" });
  });

  it.each<[string, (setting: Setting) => readonly object[]]>([
    ["one rule in", (one) => [{ Principal: eventBridge, Condition: sourceArn(ruleOf(one)) }]],
    ["another rule in", (one) => [{ Principal: eventBridge, Condition: sourceArn(ruleOf(one, "x")) }]],
    ["a role in", ({ lake }) => [{ Principal: { AWS: `arn:aws:iam::${lake.account}:role/sender` } }]],
    [
      "in who is no guest",
      () => [{ Principal: eventBridge }, { ...deny, Condition: { StringNotEquals: { "aws:SourceOrgID": "o-mine" } } }],
    ],
  ])("that lets %s depends on who sends", async (_, statements) => {
    expect(await judged(statements, { admin: false })).toMatchObject({
      state: "could not check",
      obstacle: { rights: expect.arrayContaining(["events:ListRules"]) },
    });
  });

  it.each<[string, readonly object[]]>([
    ["allows nobody to send", [{ Principal: "*", Action: "sqs:GetQueueUrl" }]],
    ["forbids everybody to send", [{ Principal: eventBridge }, deny]],
  ])("that %s fails", async (_, statements) => {
    expect(await judged(() => statements, { admin: false })).toMatchObject({ state: "failed" });
  });
});

it("a queue's policy with a Deny on what only a real event tells is not judged, but by the messages that come", async () => {
  const guest = { ...deny, Condition: { StringNotEquals: { "aws:SourceOrgID": "o-mine" } } };
  expect(await judged(() => [{ Principal: eventBridge }, guest], { admin: true })).toMatchObject({
    state: "could not check",
    seen: expect.stringMatching(/depends on conditions .*: aws:SourceOrgID$/),
    fix: expect.stringMatching(/^Go by the checks messages and newest-object/),
  });
});
