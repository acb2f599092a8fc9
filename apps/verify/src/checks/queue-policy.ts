import { isDenied, needsProfile } from "../administrator.ts";
import { accountOf } from "../arn.ts";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import { awsCommand, type Command } from "../command.ts";
import type { TargetByRole } from "../flow.ts";
import type { Lake } from "../lake.ts";
import { type Document, judge, parseDocument, type Question, repaired } from "../policy.ts";
import { contextOf, type Principal, service, userOrRole } from "../principal.ts";
import { type Route, routesOf } from "../route.ts";
import { flowRights } from "./buckets.ts";
import { hidden, setAttributes } from "./queue.ts";

export const queuePolicy: Check = {
  id: "queue-policy",
  title: "The queue's policy lets events in",
  explain: "EventBridge, or S3, sends the events; without the queue's leave they are lost, and nothing tells so.",
  needs: ["queue", "notification"],
  async run(lake) {
    const found = await lake.queueAttributes();
    if (found === undefined) return hidden;
    const [queueArn, { url, name }] = await Promise.all([lake.queueArn(), lake.queue()]);
    const policy = found.Policy === undefined ? undefined : parseDocument(found.Policy);
    const routes = await routesTo(lake, queueArn);
    return routes.length === 0
      ? judgeUnknown(lake, policy, { queueArn, url, name })
      : judgeRoutes(policy, routes, { queueArn, url, name });
  },
};

interface Place {
  readonly queueArn: string;
  readonly url: string;
  readonly name: string;
}

function judgeRoutes(policy: Document | undefined, routes: readonly Route[], { queueArn, url, name }: Place): Finding {
  const judged = routes.map((route) => ({ route, ...judge(policy, sending(route, queueArn)) }));
  const closed = judged.flatMap(({ route, effect }) => (effect === "allow" ? [] : [route]));
  const byRole = routes.flatMap(({ byRole: one }) => one ?? []);
  const changed = closed.reduce<Document | undefined>(
    (before, route) => repaired(before, sending(route, queueArn), letIn(route, queueArn)),
    policy,
  );
  const opening = closed.length > 0 ? [setAttributes(url, { Policy: JSON.stringify(changed) })] : [];
  const change: Pick<Finding, "policy" | "console"> = {
    ...(closed.length > 0 && { policy: changed as Document }),
    console: `SQS > Queues > ${name} > Access policy > Edit`,
  };
  if (closed.some((route) => route.byRole === undefined)) {
    return {
      state: "failed",
      seen: `${policy === undefined ? "the queue has no policy, and" : "it"} does not let in: ${namesOf(closed)}`,
      fix: `Someone who may change the queue ${name} gives it the policy below`,
      ...change,
      commands: opening,
    };
  }
  if (byRole.length > 0) {
    return {
      state: "warning",
      seen: byRole
        .map(({ rule, target }) => `the rule ${rule} sends as the role ${target.RoleArn}: ${lostByRole}`)
        .join("; "),
      fix: `Someone who may change queue and rules ${closed.length > 0 ? `gives the queue ${name} the policy below, and then ` : ""}takes the role from the target of ${byRole.map(({ rule }) => rule).join(", ")}`,
      ...change,
      // Before a target has no role any more, EventBridge itself has to be let in.
      commands: [...opening, ...byRole.map(withoutRole)],
    };
  }
  const unknown = [...new Set(judged.flatMap((one) => one.unknown))].sort().join(", ");
  if (unknown === "") return { state: "ok", seen: `it lets in: ${namesOf(routes)}` };
  return couldNotCheck({
    because: `whether it lets in ${namesOf(routes)} depends on conditions that only a real request meets or not: ${unknown}`,
    how: `Go by the checks messages and newest-object; if no message comes, look at the conditions on ${unknown}`,
  });
}

const namesOf = (routes: readonly Route[]): string => routes.map(({ name }) => name).join(", ");

/** Source: EventBridge User Guide, "Using resource-based policies". */
const lostByRole = "AWS says that events to a queue may be lost so, above all where it is encrypted by a key of KMS";

function withoutRole({ rule, target: { RoleArn: _, ...target } }: TargetByRole): Command {
  return awsCommand(["events", "put-targets"], { rule, targets: [target] });
}

/** Without an administrator it is not known who should send. */
async function routesTo(lake: Lake, queueArn: string): Promise<Route[]> {
  if (lake.admin === undefined) return [];
  try {
    const flow = await lake.flow();
    return flow.buckets.flatMap((bucket) => routesOf(flow, bucket, queueArn));
  } catch (error) {
    if (isDenied(error)) return [];
    throw error;
  }
}

function judgeUnknown(lake: Lake, policy: Document | undefined, { queueArn, name }: Place): Finding {
  const senders = ["events.amazonaws.com", "s3.amazonaws.com", "sns.amazonaws.com"].map((sender) => ({
    sender,
    ...judge(policy, sendingAs(service(sender), queueArn)),
  }));
  const letIn = senders.filter(({ effect }) => effect === "allow");
  const surely = letIn.filter(({ unknown }) => unknown.length === 0);
  if (surely.length > 0) return { state: "ok", seen: `it lets in: ${surely.map(({ sender }) => sender).join(", ")}` };
  if (letsNobodyIn(policy, queueArn)) {
    return {
      state: "failed",
      seen: `${policy === undefined ? "the queue has no policy" : "its policy"} lets none of EventBridge, S3 and SNS send`,
      fix: "Someone who may change the queue runs this with --admin-profile, which prints the policy that it needs",
      console: `SQS > Queues > ${name} > Access policy > Edit`,
    };
  }
  const whom = letIn.length === 0 ? "whoever sends" : letIn.map(({ sender }) => sender).join(", ");
  return couldNotCheck({
    because: `whether it lets in ${whom} depends on which rule, bucket or role sends`,
    rights: flowRights,
    how: lake.admin === undefined ? needsProfile : "go by the check notification, which tells what leads to the queue",
  });
}

/** Neither a service nor a role; who is exempted from a Deny is not looked at. */
function letsNobodyIn(policy: Document | undefined, queueArn: string): boolean {
  const Statement = (policy?.Statement ?? []).flatMap((one) => {
    if (one.Effect === "Allow") return [{ ...one, Principal: "*" }];
    return one.Condition === undefined && one.NotPrincipal === undefined ? [one] : [];
  });
  const anybody = userOrRole(`arn:aws:iam::${accountOf(queueArn)}:role/anybody`);
  const question = { action: "sqs:SendMessage", resource: queueArn, principal: anybody, context: {} };
  return judge({ Statement }, question).effect !== "allow";
}

function sending({ service: name, sourceArn }: Route, queueArn: string): Question {
  const account = accountOf(sourceArn) || accountOf(queueArn);
  return sendingAs(service(name), queueArn, { "aws:sourcearn": sourceArn, "aws:sourceaccount": account ?? "" });
}

function sendingAs(principal: Principal, resource: string, more: Question["context"] = {}): Question {
  const context = { ...contextOf(principal), "aws:securetransport": "true", ...more };
  return { action: "sqs:SendMessage", resource, principal, context };
}

function letIn({ service, sourceArn }: Route, resource: string): Document["Statement"][number] {
  return {
    Effect: "Allow",
    Principal: { Service: service },
    Action: "sqs:SendMessage",
    Resource: resource,
    Condition: { ArnEquals: { "aws:SourceArn": sourceArn } },
  };
}
