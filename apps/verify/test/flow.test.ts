import { describe, expect, it } from "vitest";
import { judgeBucket } from "../src/checks/buckets.ts";
import { written } from "../src/command.ts";
import { type Bucket, type Flow, type Pattern, type Rule, readFlow } from "../src/flow.ts";

const queueArn = "arn:aws:sqs:us-east-1:123456789012:lake";
const bucket = (name: string, notifications: Bucket["notifications"] = { EventBridgeConfiguration: {} }): Bucket => ({
  name,
  arn: `arn:aws:s3:::${name}`,
  notifications,
  sources: [],
});
const rule = (name: string, pattern: Pattern): Rule => ({
  name,
  arn: `arn:aws:events:us-east-1:123456789012:rule/${name}`,
  enabled: true,
  pattern,
});
const flow = (parts: Partial<Flow>): Flow => ({ buckets: [], elsewhere: [], rules: [], otherRules: [], ...parts });
const commands = (...judged: Parameters<typeof judgeBucket>) => (judgeBucket(...judged).commands ?? []).map(written);

describe("a bucket that no rule leads from", () => {
  it("is added to those of the rule that leads to the queue; they stay", () => {
    const pattern = {
      source: ["aws.s3"],
      "detail-type": ["Object Created"],
      detail: { bucket: { name: ["first"] }, object: { key: [{ prefix: "aws/" }] } },
    };
    const printed = commands(flow({ rules: [rule("lake", pattern)] }), bucket("second"), queueArn);
    expect(printed).toEqual([expect.stringContaining("events put-rule --name lake")]);
    expect(JSON.parse(/'(.*)'/.exec(printed[0] ?? "")?.[1] ?? "")).toEqual({
      ...pattern,
      detail: { ...pattern.detail, bucket: { name: ["first", "second"] } },
    });
  });

  it("gets a rule of its own where what leads to the queue is of something else", () => {
    const schedule = rule("schedule", { source: ["aws.ec2"] });
    const [rules, targets] = ["one", "two"].map((name) =>
      commands(flow({ rules: [schedule] }), bucket(name), queueArn),
    ) as [string[], string[]];
    for (const printed of [rules, targets]) {
      expect(printed).toEqual([
        expect.stringMatching(/^aws events put-rule --name ThreatLockDown-/),
        expect.stringMatching(/^aws events put-targets --rule ThreatLockDown-/),
      ]);
    }
    expect(rules[0]).not.toContain(/--name (\S+)/.exec(targets[0] ?? "")?.[1]);
  });

  it("has a target whose Id no other queue has", () => {
    const other = rule("other", { source: ["aws.s3"], detail: { bucket: { name: ["lake"] } } });
    const ids = [queueArn, `${queueArn}-2`].map(
      (arn) => /"Id":"([\w.-]{1,64})"/.exec(commands(flow({ otherRules: [other] }), bucket("lake"), arn).join())?.[1],
    );
    expect(new Set(ids).size).toBe(2);
    expect(ids).not.toContain(undefined);
  });
});

describe("a bucket that tells an SNS topic", () => {
  const TopicArn = "arn:aws:sns:us-east-1:123456789012:objects";
  it("of new objects is not judged: the topic may lead to the queue", () => {
    const TopicConfigurations = [{ TopicArn, Events: ["s3:ObjectCreated:Put" as const] }];
    expect(judgeBucket(flow({}), bucket("lake", { TopicConfigurations }), queueArn)).toMatchObject({
      state: "could not check",
      seen: expect.stringContaining(`lake goes to the SNS topic ${TopicArn}; whether that leads to the queue lake`),
    });
  });

  it("of removed objects only fails", () => {
    const TopicConfigurations = [{ TopicArn, Events: ["s3:ObjectRemoved:*" as const] }];
    expect(judgeBucket(flow({}), bucket("lake", { TopicConfigurations }), queueArn).state).toBe("failed");
  });
});

describe("the rules of EventBridge", () => {
  it("are read page by page", async () => {
    const names = ["a", "b", "c", "d"];
    const page = <T>(all: readonly T[], token = "0") => ({
      one: all.slice(Number(token), Number(token) + 1),
      ...(Number(token) + 1 < all.length && { NextToken: String(Number(token) + 1) }),
    });
    const events = {
      async send({ constructor: { name }, input }: { constructor: { name: string }; input: Record<string, string> }) {
        if (name === "DescribeRuleCommand") return { Name: input.Name };
        const { one, ...next } = page(name === "ListRulesCommand" ? names : names.slice(2), input.NextToken);
        return name === "ListRulesCommand"
          ? { Rules: one.map((Name) => ({ Name })), ...next }
          : { RuleNames: one, ...next };
      },
    };
    const s3 = { send: async () => ({ Buckets: [] }) };
    const { rules, otherRules } = await readFlow({ events, s3, region: "us-east-1" } as never, queueArn);
    expect([rules, otherRules].map((some) => some.map(({ name }) => name))).toEqual([
      ["c", "d"],
      ["a", "b"],
    ]);
  });
});
