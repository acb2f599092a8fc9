import { AwsError } from "./aws-error.ts";
import { isRecord } from "./condition.ts";
import type { EventPattern, Rule } from "./event-rule.ts";
import { authorize, createJsonService, type JsonOperation } from "./json-protocol.ts";
import type { Call, Service } from "./service.ts";
import type { World } from "./world.ts";

/** The rules of EventBridge by its JSON protocol: of the default bus, with queues as targets. */
export function createEvents(world: World): Service {
  return createJsonService(world, "events", "1.1", operations);
}

/** Source: EventBridge API Reference. */
const operations: Readonly<Record<string, JsonOperation>> = {
  ListRules(world, call, { NamePrefix: prefix = "" }) {
    authorize(world, call, "events", arnOf(world, call, "*"));
    return {
      Rules: rulesOf(world, call)
        .filter(({ name }) => name.startsWith(String(prefix)))
        .map(render),
    };
  },
  ListRuleNamesByTarget(world, call, { TargetArn: target }) {
    authorize(world, call, "events", arnOf(world, call, "*"));
    const aiming = rulesOf(world, call).filter(({ targets }) => targets.some(({ queueArn }) => queueArn === target));
    return { RuleNames: aiming.map(({ name }) => name) };
  },
  DescribeRule: (world, call, { Name: name }) => render(ruleOf(world, call, name)),
  ListTargetsByRule(world, call, { Rule: name }) {
    const { targets } = ruleOf(world, call, name);
    return {
      Targets: targets.map(({ queueArn, roleArn }, index) => ({
        Id: String(index + 1),
        Arn: queueArn,
        ...(roleArn !== undefined && { RoleArn: roleArn }),
      })),
    };
  },
  /** What is not told again is gone, but for the targets. */
  PutRule(world, call, { Name: name, EventPattern: pattern, State: state = "ENABLED", Description, RoleArn }) {
    const arn = arnOf(world, call, String(name));
    authorize(world, call, "events", arn);
    const known = world.rules.find((rule) => rule.arn === arn);
    const rule: Rule = {
      name: String(name),
      arn,
      account: call.caller.account,
      region: call.region,
      pattern: readPattern(pattern),
      ...(Description !== undefined && { description: String(Description) }),
      ...(RoleArn !== undefined && { roleArn: String(RoleArn) }),
      enabled: state !== "DISABLED",
      targets: known?.targets ?? [],
    };
    if (known !== undefined) world.rules.splice(world.rules.indexOf(known), 1);
    world.rules.push(rule);
    return { RuleArn: arn };
  },
  PutTargets(world, call, { Rule: name, Targets: given }) {
    const rule = ruleOf(world, call, name);
    for (const { Arn, RoleArn } of given as readonly { readonly Arn: string; readonly RoleArn?: string }[]) {
      const known = rule.targets.find(({ queueArn }) => queueArn === Arn);
      const others = rule.targets.filter((target) => target !== known);
      rule.targets = [...others, { queueArn: Arn, form: known?.form ?? "eventbridge", roleArn: RoleArn }];
    }
    return { FailedEntryCount: 0, FailedEntries: [] };
  },
  EnableRule(world, call, { Name: name }) {
    ruleOf(world, call, name).enabled = true;
  },
  DisableRule(world, call, { Name: name }) {
    ruleOf(world, call, name).enabled = false;
  },
};

const rulesOf = (world: World, call: Call): Rule[] =>
  world.rules.filter(({ account, region }) => account === call.caller.account && region === call.region);

function arnOf(world: World, call: Call, name: string): string {
  const partition = world.identity.accounts.get(call.caller.account)?.partition ?? "aws";
  return `arn:${partition}:events:${call.region}:${call.caller.account}:rule/${name}`;
}

/** @throws AwsError */
function ruleOf(world: World, call: Call, name: unknown): Rule {
  const arn = arnOf(world, call, String(name));
  authorize(world, call, "events", arn);
  const rule = world.rules.find((one) => one.arn === arn);
  if (rule !== undefined) return rule;
  throw new AwsError(400, "ResourceNotFoundException", `Rule ${String(name)} does not exist on EventBus default.`);
}

function render(rule: Rule): object {
  return {
    Name: rule.name,
    Arn: rule.arn,
    EventPattern: JSON.stringify(rule.pattern),
    State: rule.enabled ? "ENABLED" : "DISABLED",
    EventBusName: "default",
    ...(rule.description !== undefined && { Description: rule.description }),
    ...(rule.roleArn !== undefined && { RoleArn: rule.roleArn }),
  };
}

function readPattern(text: unknown): EventPattern {
  try {
    const pattern: unknown = JSON.parse(String(text));
    if (isRecord(pattern)) return pattern as EventPattern;
  } catch {
    // said below
  }
  throw new AwsError(400, "InvalidEventPatternException", "Event pattern is not valid. Reason: it is no JSON object");
}
