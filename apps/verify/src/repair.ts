import { nameOf } from "./arn.ts";
import { type Attached, inlineName, kindOf } from "./attached.ts";
import { awsCommand, type Command } from "./command.ts";
import { type Excepted, excepting } from "./exception.ts";
import { allows, type Document, type Statement } from "./policy.ts";
import { actionsOf, type Refusal, type Weighed } from "./simulation.ts";

export interface Repair {
  readonly fix: string;
  readonly policy?: Document;
  readonly commands?: readonly Command[];
}

const product = "ThreatLockDown";

/** What lets a user or role do all that it may not, as text and as commands. */
export function repairOf(arn: string, { certain: found, policies }: Weighed, name: string): Repair {
  const kind = kindOf(arn);
  const who = `${kind} ${nameOf(arn)}`;
  if (found.some(({ why }) => why === "organization")) {
    return {
      fix: `An administrator of the AWS organization lets ${who} do ${actionsOf(found)}: its service control policies do not`,
    };
  }
  const attached = policies?.map((policy) => judged(policy, found));
  const policy = documentOf(lacking(found, attached, false));
  const outside = lacking(found, attached, true);
  const denying = (attached ?? []).filter(({ excepted }) => excepted !== undefined);
  const bounds = attached?.find(({ boundary }) => boundary);
  // What an earlier repair has put there stays.
  const before = attached?.find((one) => one.name === inlineName(`${product}-${name}`, kind, nameOf(arn)));
  const commands = [
    ...denying.flatMap((one) => (one === bounds && outside.length > 0 ? [] : commandOf(one))),
    ...(outside.length > 0 ? widened(bounds, outside) : []),
    ...(policy === undefined ? [] : [putPolicy(kind, arn, name, policy, before?.left)]),
  ];
  const parts = [
    ...(denying.length === 0 && found.some(({ why }) => why === "forbidden")
      ? [`takes the Deny of ${actionsOf(found)} out of its policies`]
      : []),
    ...denying.map(told),
    ...(outside.length > 0 ? [toldWider(bounds, outside)] : []),
    ...(policy === undefined ? [] : ["adds the policy below to it"]),
  ];
  return {
    fix: `${otherQueue(who, bounds, found)}omeone who may change ${who} ${[...new Set(parts)].join(", and ")}${commands.some(isNewVersion) ? versions : ""}${membersOf(denying)}`,
    ...(policy !== undefined && { policy }),
    ...(commands.length > 0 && { commands }),
  };
}

/** A policy, and what is left of it where it forbids what is needed. */
interface Judged extends Attached {
  readonly excepted: Excepted | undefined;
  readonly left: Document | undefined;
}

function judged(policy: Attached, found: readonly Refusal[]): Judged {
  const excepted = excepting(policy.document, found);
  if (excepted === undefined) return { ...policy, excepted, left: policy.document };
  // What is detached allows nothing more either.
  return { ...policy, excepted, left: policy.detached === undefined ? excepted.document : undefined };
}

/** What the boundary, or all other policies together, would still not allow. */
function lacking(found: readonly Refusal[], attached: readonly Judged[] | undefined, boundary: boolean): Refusal[] {
  const documents = attached?.filter((one) => (one.boundary ?? false) === boundary).map(({ left }) => left);
  if (boundary && documents?.length === 0) return [];
  return found.filter(
    (one) =>
      one.why === (boundary ? "boundary" : "not allowed") ||
      // IAM tells one reason; behind it there can be others, unless the policies may not be read.
      (documents !== undefined && !allows(documents, one)),
  );
}

function commandOf({ name, group, holders, excepted, left, replaced, detached }: Judged): Command[] {
  const command = replaced === undefined ? detached : replaced(left);
  if (command === undefined) return [];
  const cases = [
    ...(replaced === undefined ? [`it is known why ${name} is there, and it may go`] : []),
    ...(excepted?.wide ? [`${name} is to forbid nothing else on ${excepted.resources.join(", ")}`] : []),
    ...(holders !== undefined && isNewVersion(command) ? [`all ${holders} that have ${name} are to be changed`] : []),
    ...(group === undefined ? [] : [`all members of group "${group}" are to be changed`]),
  ];
  return [cases.length === 0 ? command : { ...command, where: cases.join(", and ") }];
}

function told({ name, boundary, excepted, replaced }: Judged): string {
  if (replaced === undefined)
    return boundary ? otherBoundary(name) : `detaches ${name}, which is AWS's own: ${unchangeable}`;
  const { actions, resources, wide } = excepted as Excepted;
  const what = `${actions.join(", ")} on ${resources.join(", ")}`;
  return wide ? `takes the Deny of ${what} out of ${name}` : `excepts ${what} from what ${name} forbids`;
}

const unchangeable = "nobody can change it";
const otherBoundary = (name: string): string =>
  `gives it another permissions boundary than ${name}, which is AWS's own: ${unchangeable}`;

function toldWider(bounds: Judged | undefined, outside: readonly Refusal[]): string {
  if (bounds !== undefined && bounds.replaced === undefined) return otherBoundary(bounds.name);
  return `lets the permissions boundary${bounds === undefined ? "" : `, ${bounds.name},`} allow ${actionsOf(outside)}`;
}

function widened(bounds: Judged | undefined, outside: readonly Refusal[]): Command[] {
  if (bounds === undefined) return [];
  const Statement = [...(bounds.left?.Statement ?? []), ...statementsOf(outside)];
  return commandOf({ ...bounds, left: { ...bounds.document, Statement } });
}

/** The boundary that Security Lake gives its roles lets them use queues of its own alone. */
function otherQueue(who: string, bounds: Judged | undefined, found: readonly Refusal[]): string {
  const prefix = "AmazonSecurityLake";
  const isOther = ({ resource }: Refusal) => /:sqs:/.test(resource) && !resource.includes(`:${prefix}`);
  if (bounds === undefined || bounds.replaced !== undefined || !bounds.name.includes(prefix) || !found.some(isOther)) {
    return "S";
  }
  return `Use a queue whose name begins with ${prefix}, as the one that Security Lake has made for ${who}; or s`;
}

/** A version of a managed policy. */
const isNewVersion = ({ words }: Command): boolean => words.includes("create-policy-version");
const versions =
  "; a managed policy changes for all that it is attached to, and where it has five versions, the most there can be, one that is not in use is deleted first";

/** A change of a group's policies is one of all its members. */
function membersOf(changed: readonly Judged[]): string {
  const groups = [...new Set(changed.flatMap(({ group }) => (group === undefined ? [] : [`group "${group}"`])))];
  if (groups.length === 0) return "";
  return `; this changes ${groups.join(" and ")} for all members: to change this user alone, take it out of there, and give it the other rights that it had from there`;
}

function statementsOf(found: readonly Refusal[]): Statement[] {
  const byResource = Map.groupBy(found, ({ resource }) => resource);
  return [...byResource].map(([Resource, same]) => ({
    Effect: "Allow",
    Action: [...new Set(same.map(({ action }) => action))],
    Resource,
  }));
}

function documentOf(found: readonly Refusal[]): Document | undefined {
  return found.length === 0 ? undefined : { Version: "2012-10-17", Statement: statementsOf(found) };
}

/** A policy of the product's own, with what it had before. */
export function putPolicy(
  kind: "user" | "role",
  arn: string,
  name: string,
  policy: Document,
  before?: Document | undefined,
): Command {
  const whole = { ...policy, Statement: [...(before?.Statement ?? []), ...policy.Statement] };
  const options = { [`${kind}-name`]: nameOf(arn), "policy-name": `${product}-${name}`, "policy-document": whole };
  return awsCommand(["iam", `put-${kind}-policy`], options, { option: "policy-document", policy: before });
}
