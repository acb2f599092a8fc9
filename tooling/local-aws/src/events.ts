import { type AuthenticationTrouble, clockMessage } from "./authenticate.ts";
import { decide } from "./authorize.ts";
import { AwsError } from "./aws-error.ts";
import { isRecord } from "./condition.ts";
import type { EventPattern, Rule } from "./event-rule.ts";
import { headerOf } from "./request.ts";
import type { Call, Service } from "./service.ts";
import type { World } from "./world.ts";

type Input = Readonly<Record<string, unknown>>;
type Operation = (world: World, call: Call<Input>, input: Input) => unknown;

const contentType = { "content-type": "application/x-amz-json-1.1" };

/** The rules of EventBridge by its JSON protocol: of the default bus, with queues as targets. */
export function createEvents(world: World): Service {
  return {
    name: "events",
    clockSkew: 5 * 60_000,
    identify(request) {
      const target = headerOf(request, "x-amz-target") ?? "";
      return { operation: target.slice(target.indexOf(".") + 1), input: parseInput(request.body) };
    },
    knows: (operation) => Object.hasOwn(operations, operation),
    perform(call) {
      const operation = operations[call.intent.operation] as Operation;
      const output = operation(world, call as Call<Input>, call.intent.input as Input) ?? {};
      return { status: 200, headers: contentType, body: JSON.stringify(output) };
    },
    refuse: (error, requestId) => ({
      status: error.status,
      headers: { ...contentType, "x-amzn-requestid": requestId },
      body: JSON.stringify({ __type: error.code, message: error.message }),
    }),
    distrust,
  };
}

/** Source: EventBridge API Reference. */
const operations: Readonly<Record<string, Operation>> = {
  ListRules(world, call, { NamePrefix: prefix = "" }) {
    authorize(world, call, arnOf(world, call, "*"));
    return {
      Rules: rulesOf(world, call)
        .filter(({ name }) => name.startsWith(String(prefix)))
        .map(render),
    };
  },
  ListRuleNamesByTarget(world, call, { TargetArn: target }) {
    authorize(world, call, arnOf(world, call, "*"));
    const aiming = rulesOf(world, call).filter(({ targets }) => targets.some(({ queueArn }) => queueArn === target));
    return { RuleNames: aiming.map(({ name }) => name) };
  },
  DescribeRule: (world, call, { Name: name }) => render(ruleOf(world, call, name)),
  ListTargetsByRule(world, call, { Rule: name }) {
    const { targets } = ruleOf(world, call, name);
    return { Targets: targets.map(({ queueArn }, index) => ({ Id: String(index + 1), Arn: queueArn })) };
  },
  PutRule(world, call, { Name: name, EventPattern: pattern, State: state = "ENABLED" }) {
    const arn = arnOf(world, call, String(name));
    authorize(world, call, arn);
    const known = world.rules.find((rule) => rule.arn === arn);
    const rule: Rule = {
      name: String(name),
      arn,
      account: call.caller.account,
      region: call.region,
      pattern: readPattern(pattern),
      enabled: state !== "DISABLED",
      targets: known?.targets ?? [],
    };
    if (known !== undefined) world.rules.splice(world.rules.indexOf(known), 1);
    world.rules.push(rule);
    return { RuleArn: arn };
  },
  PutTargets(world, call, { Rule: name, Targets: given }) {
    const rule = ruleOf(world, call, name);
    for (const target of given as readonly { readonly Arn: string }[]) {
      const others = rule.targets.filter(({ queueArn }) => queueArn !== target.Arn);
      rule.targets = [...others, { queueArn: target.Arn, form: "eventbridge" }];
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
  authorize(world, call, arn);
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

function authorize(world: World, call: Call, resource: string): void {
  const action = `events:${call.intent.operation}`;
  const { caller, context } = call;
  const verdict = decide(world.identity, { principal: caller, action, resource, owner: caller.account, context });
  if (verdict.allowed) return;
  throw new AwsError(
    400,
    "AccessDeniedException",
    `User: ${caller.arn} is not authorized to perform: ${action} on resource: ${resource} ${verdict.because}`,
  );
}

function parseInput(body: Buffer): Input {
  try {
    const input: unknown = body.length === 0 ? {} : JSON.parse(body.toString());
    if (isRecord(input)) return input;
  } catch {
    // said below
  }
  throw new AwsError(400, "SerializationException", "The request is no JSON object.");
}

const distrusted: Readonly<Record<Exclude<AuthenticationTrouble["kind"], "clock">, readonly [string, string]>> = {
  unsigned: ["MissingAuthenticationTokenException", "Missing Authentication Token"],
  malformed: ["IncompleteSignatureException", "The Authorization header is not a complete signature."],
  "unknown-key": ["UnrecognizedClientException", "The security token included in the request is invalid."],
  "wrong-token": ["UnrecognizedClientException", "The security token included in the request is invalid."],
  expired: ["ExpiredTokenException", "The security token included in the request is expired"],
  signature: [
    "InvalidSignatureException",
    "The request signature we calculated does not match the signature you provided.",
  ],
};

function distrust(trouble: AuthenticationTrouble): AwsError {
  if (trouble.kind === "clock") return new AwsError(400, "InvalidSignatureException", clockMessage(trouble));
  const [code, message] = distrusted[trouble.kind];
  return new AwsError(400, code, message);
}
