import {
  DescribeRuleCommand,
  DisableRuleCommand,
  EventBridgeClient,
  ListRuleNamesByTargetCommand,
  ListRulesCommand,
  ListTargetsByRuleCommand,
  PutRuleCommand,
  PutTargetsCommand,
} from "@aws-sdk/client-eventbridge";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LocalAws } from "../src/index.ts";
import { startLocalAws } from "./clients.ts";

let aws: LocalAws;
let events: EventBridgeClient;

beforeAll(async () => {
  aws = await startLocalAws();
  events = new EventBridgeClient({ endpoint: aws.url, region: aws.region, credentials: aws.credentials });
});
afterAll(() => aws.close());

describe("rules of EventBridge", () => {
  it("are made, aimed at a queue, found by it, and bring what is written", async () => {
    const bucket = aws.createBucket({ name: "lake", eventBridge: true });
    const rule = `arn:aws:events:${aws.region}:${aws.account}:rule/objects`;
    const statement = {
      Effect: "Allow",
      Principal: { Service: "events.amazonaws.com" },
      Action: "sqs:SendMessage",
      Resource: "*",
    };
    const queue = aws.createQueue({
      name: "objects",
      attributes: { Policy: JSON.stringify({ Version: "2012-10-17", Statement: [statement] }) },
    });
    const pattern = JSON.stringify({ source: ["aws.s3"], detail: { bucket: { name: [bucket.name] } } });
    expect(await events.send(new PutRuleCommand({ Name: "objects", EventPattern: pattern }))).toMatchObject({
      RuleArn: rule,
    });
    await events.send(new PutTargetsCommand({ Rule: "objects", Targets: [{ Id: "queue", Arn: queue.arn }] }));
    expect(await events.send(new ListRuleNamesByTargetCommand({ TargetArn: queue.arn }))).toMatchObject({
      RuleNames: ["objects"],
    });
    expect(await events.send(new DescribeRuleCommand({ Name: "objects" }))).toMatchObject({
      Arn: rule,
      State: "ENABLED",
      EventPattern: pattern,
    });
    const again = { Name: "objects", EventPattern: pattern };
    await events.send(new PutRuleCommand({ ...again, Description: "of the lake" }));
    expect(await events.send(new DescribeRuleCommand({ Name: "objects" }))).toMatchObject({
      Description: "of the lake",
    });
    await events.send(new PutRuleCommand(again));
    expect(await events.send(new DescribeRuleCommand({ Name: "objects" }))).not.toHaveProperty("Description");
    expect(await events.send(new ListTargetsByRuleCommand({ Rule: "objects" }))).toMatchObject({
      Targets: [{ Arn: queue.arn }],
    });
    aws.putObject({ bucket: "lake", key: "a", body: "a" });
    expect(aws.messages("objects")).toHaveLength(1);

    await events.send(new DisableRuleCommand({ Name: "objects" }));
    expect(await events.send(new ListRulesCommand({}))).toMatchObject({ Rules: [{ State: "DISABLED" }] });
    aws.putObject({ bucket: "lake", key: "b", body: "b" });
    expect(aws.messages("objects")).toHaveLength(1);
  });

  it("send as the role of a target, where EventBridge may assume it", async () => {
    const document = (...Statement: object[]) => ({ Version: "2012-10-17", Statement });
    const assume = (Service: string) => document({ Effect: "Allow", Principal: { Service }, Action: "sts:AssumeRole" });
    aws.createBucket({ name: "by-role", eventBridge: true });
    const queue = aws.createQueue({ name: "by-role" });
    const send = document({ Effect: "Allow", Action: "sqs:SendMessage", Resource: queue.arn });
    const role = aws.createRole({ name: "sender", trust: assume("events.amazonaws.com"), policies: { Send: send } });
    const EventPattern = JSON.stringify({ detail: { bucket: { name: ["by-role"] } } });
    await events.send(new PutRuleCommand({ Name: "by-role", EventPattern }));
    const Targets = [{ Id: "1", Arn: queue.arn, RoleArn: role.arn }];
    await events.send(new PutTargetsCommand({ Rule: "by-role", Targets }));
    expect(await events.send(new ListTargetsByRuleCommand({ Rule: "by-role" }))).toMatchObject({ Targets });
    aws.putObject({ bucket: "by-role", key: "a", body: "a" });
    expect(aws.messages("by-role")).toHaveLength(1);
    aws.setTrust(role.arn, assume("ec2.amazonaws.com"));
    aws.putObject({ bucket: "by-role", key: "b", body: "b" });
    expect(aws.messages("by-role")).toHaveLength(1);
  });

  it("that are not there, or may not be seen, are refused", async () => {
    await expect(events.send(new DescribeRuleCommand({ Name: "none" }))).rejects.toThrow("does not exist");
    const { credentials } = aws.createUser({ name: "nobody" });
    const other = new EventBridgeClient({ endpoint: aws.url, region: aws.region, credentials });
    await expect(other.send(new ListRulesCommand({}))).rejects.toMatchObject({ name: "AccessDeniedException" });
  });
});
