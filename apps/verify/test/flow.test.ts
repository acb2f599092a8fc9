import {
  DescribeRuleCommand,
  EventBridgeClient,
  ListRuleNamesByTargetCommand,
  PutRuleCommand,
} from "@aws-sdk/client-eventbridge";
import { describe, expect, it } from "vitest";
import { judgeBucket } from "../src/checks/notification.ts";
import { written } from "../src/command.ts";
import type { Pattern } from "../src/event-pattern.ts";
import { type Bucket, type Flow, type Rule, readFlow } from "../src/flow.ts";
import { type Fault, faults } from "./faults.ts";
import { createSetting } from "./setting.ts";

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
  otherTargets: 0,
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

  it.each([
    ["has other targets, which would get these events too", { otherTargets: 1 }],
    ["may have other targets, which would get these events too", { otherTargets: undefined }],
    ["is disabled", { enabled: false }],
    ["is managed by securitylake.amazonaws.com", { managedBy: "securitylake.amazonaws.com" }],
  ])("gets a rule of its own where the one that leads to the queue %s", (why, change) => {
    const others = { source: ["aws.s3"], detail: { bucket: { name: ["first"] } } };
    const { otherTargets: _, ...known } = rule("lake", others);
    const judged = judgeBucket(flow({ rules: [{ ...known, ...change } as Rule] }), bucket("second"), queueArn);
    expect(judged.fix).toMatch(new RegExp(`; the rule lake stays as it is, since it ${why}$`));
    expect((judged.commands ?? []).map(written)).toEqual([
      expect.stringMatching(/^aws events put-rule --name ThreatLockDown-/),
      expect.stringMatching(/^aws events put-targets --rule ThreatLockDown-/),
    ]);
  });

  it("has none enabled that is of others, nor a managed one aimed elsewhere", () => {
    const here = rule("other", { source: ["aws.s3"], detail: { bucket: { name: ["lake"] } } });
    for (const change of [{ enabled: false }, { managedBy: "a.amazonaws.com" }]) {
      const printed = commands(flow({ otherRules: [{ ...here, ...change }] }), bucket("lake"), queueArn);
      expect(printed.join("\n")).not.toMatch(/enable-rule|--rule other/);
    }
    const asleep = { ...here, enabled: false, otherTargets: 2 };
    expect(judgeBucket(flow({ rules: [asleep] }), bucket("lake"), queueArn).fix).toMatch(
      /enables the rule other, which counts for any other target of it too$/,
    );
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

describe("a bucket that tells the queue itself", () => {
  const judge = (Events: readonly string[], prefix = "") => {
    const FilterRules = [{ Name: "prefix" as const, Value: prefix }];
    const one = { QueueArn: queueArn, Events: Events as never, Filter: { Key: { FilterRules } } };
    const sources = ["aws/VPC_FLOW/2.0/", "aws/WAF/2.0/"];
    return judgeBucket(flow({}), { ...bucket("lake", { QueueConfigurations: [one] }), sources }, queueArn);
  };

  it("of one source is told to be silent of the others, which is no fault", () => {
    expect(judge(["s3:ObjectCreated:*"], "aws/VPC_FLOW/")).toMatchObject({
      state: "ok",
      seen: "lake: event notification of the bucket; not announced: aws/WAF/2.0/",
    });
  });

  it("of all ways in which objects of the lake are written announces them", () => {
    expect(judge(["s3:ObjectCreated:Put", "s3:ObjectCreated:CompleteMultipartUpload"]).state).toBe("ok");
  });

  it.each([
    ["one of those ways", ["s3:ObjectCreated:Put"], ""],
    ["a part of a source", ["s3:ObjectCreated:*"], "aws/WAF/2.0/region=us-east-1/"],
  ])("of %s announces some objects, perhaps", (_, events, prefix) => {
    expect(judge(events, prefix)).toMatchObject({
      state: "could not check",
      seen: expect.stringMatching(/whether event notification of the bucket of lake announces all new objects of aws/),
    });
  });
});

describe("a rule without a pattern", () => {
  it("that goes by the clock leads nothing from the bucket", async () => {
    const events = {
      send: async ({ constructor: { name } }: { constructor: { name: string } }) =>
        name === "ListRuleNamesByTargetCommand" ? { RuleNames: ["clock"] } : { Name: "clock" },
    };
    const s3 = { send: async () => ({ Buckets: [] }) };
    const { rules } = await readFlow({ events, s3, region: "us-east-1" } as never, queueArn);
    expect(judgeBucket(flow({ rules }), bucket("lake"), queueArn)).toMatchObject({ state: "failed" });
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
        if (name === "ListTargetsByRuleCommand") {
          const { one, ...next } = page([queueArn, "arn:a", "arn:b"], input.NextToken);
          return { Targets: one.map((Arn) => ({ Arn })), ...next };
        }
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
    expect(rules.map(({ otherTargets }) => otherTargets)).toEqual([2, 2]);
  });

  it("keep what they have but the pattern when they are given another one by the command as printed", async () => {
    const fault = faults.find(({ name }) => name === "rule is of another bucket") as Fault;
    await using setting = await createSetting(fault.options);
    const { aws, lake } = setting;
    await fault.make(setting);
    const events = new EventBridgeClient({ endpoint: aws.url, region: lake.region, credentials: aws.credentials });
    const [Name = ""] =
      (await events.send(new ListRuleNamesByTargetCommand({ TargetArn: lake.queueArn }))).RuleNames ?? [];
    const before = await events.send(new DescribeRuleCommand({ Name }));
    const RoleArn = lake.roleArn;
    await events.send(
      new PutRuleCommand({ Name, EventPattern: before.EventPattern, Description: "It's of the lake", RoleArn }),
    );
    const found = (await setting.verify()).find(({ check }) => check.id === "notification");
    for (const command of found?.commands ?? []) await setting.aws_cli(written(command));
    const { EventPattern = "", ...after } = await events.send(new DescribeRuleCommand({ Name }));
    expect(after).toMatchObject({ State: "ENABLED", Description: "It's of the lake", RoleArn });
    expect(EventPattern).toContain(lake.bucket);
  });
});
