import {
  GetGroupPolicyCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  GetUserCommand,
  GetUserPolicyCommand,
  ListAttachedGroupPoliciesCommand,
  ListAttachedRolePoliciesCommand,
  ListAttachedUserPoliciesCommand,
  ListGroupPoliciesCommand,
  ListGroupsForUserCommand,
  ListRolePoliciesCommand,
  ListUserPoliciesCommand,
  SimulatePrincipalPolicyCommand,
} from "@aws-sdk/client-iam";
import { isDenied } from "./administrator.ts";
import { accountOf, nameOf } from "./arn.ts";
import { couldNotCheck, type Finding } from "./check.ts";
import { awsCommand, type Command } from "./command.ts";
import type { Admin } from "./lake.ts";
import {
  type Asked,
  allows,
  type Document,
  dependsOn,
  forbids,
  listOf,
  parseDocument,
  type Statement,
  withoutDeny,
} from "./policy.ts";

export { accountOf, nameOf } from "./arn.ts";

/** A role as IAM has it. */
export interface Role {
  readonly name: string;
  readonly arn: string;
  readonly trust: Document;
  /** Seconds. */
  readonly maxSessionDuration: number;
  /** It has a permissions boundary. */
  readonly bounded: boolean;
}

/** @throws the SDK's errors */
export async function readRole({ iam }: Admin, arn: string): Promise<Role> {
  const { Role: found } = await iam.send(new GetRoleCommand({ RoleName: nameOf(arn) }));
  return {
    name: nameOf(arn),
    arn: found?.Arn ?? arn,
    trust: parseDocument(decodeURIComponent(found?.AssumeRolePolicyDocument ?? '{"Statement":[]}')),
    maxSessionDuration: found?.MaxSessionDuration ?? 3_600,
    bounded: found?.PermissionsBoundary !== undefined,
  };
}

/** What a user or role may not do, and why. */
export interface Refusal extends Asked {
  readonly why: "not allowed" | "forbidden" | "boundary" | "organization";
  /** Keys of conditions that only a real request has, or that nobody knows here. */
  readonly unknown: readonly string[];
}

/** What is known of the requests of a subscriber beside action and resource. */
export interface Circumstances {
  readonly via?: "s3" | "sqs";
  readonly externalId?: string | undefined;
}

/** Asks IAM what the policies of a user or role say of actions on a resource. @throws the SDK's errors */
export async function refusals(
  { iam, region }: Admin,
  arn: string,
  actions: readonly string[],
  resource: string,
  circumstances: Circumstances = {},
): Promise<Refusal[]> {
  const context = contextOf(arn, resource, region, circumstances);
  const answer = await iam.send(
    new SimulatePrincipalPolicyCommand({
      PolicySourceArn: arn,
      ActionNames: [...actions],
      ResourceArns: [resource],
      ContextEntries: Object.entries(context).map(([name, value]) => ({
        ContextKeyName: name,
        ContextKeyType: "string" as const,
        ContextKeyValues: [value],
      })),
    }),
  );
  return (answer.EvaluationResults ?? []).flatMap((result): Refusal[] => {
    if (result.EvalDecision === "allowed") return [];
    const bounded = result.PermissionsBoundaryDecisionDetail?.AllowedByPermissionsBoundary === false;
    const organized = result.OrganizationsDecisionDetail?.AllowedByOrganizations === false;
    const why = organized
      ? "organization"
      : result.EvalDecision === "explicitDeny"
        ? "forbidden"
        : bounded
          ? "boundary"
          : "not allowed";
    const { EvalActionName: action = "", MissingContextValues: unknown = [] } = result;
    return [{ action, resource, context, why, unknown }];
  });
}

/** Keys that such calls have, in lower case, so that conditions on them hold. */
function contextOf(
  principal: string,
  resource: string,
  own: string,
  { via = "s3", externalId }: Circumstances,
): Readonly<Record<string, string>> {
  const [, , , region = "", account = ""] = resource.split(":");
  const ofPrincipal = accountOf(principal) ?? "";
  return {
    "aws:principalarn": principal,
    "aws:principalaccount": ofPrincipal,
    "aws:securetransport": "true",
    "aws:requestedregion": region || own,
    "aws:resourceaccount": account || ofPrincipal,
    ...(resource.includes(":kms:") && { "kms:viaservice": `${via}.${region}.amazonaws.com` }),
    ...(externalId !== undefined && { "sts:externalid": externalId }),
  };
}

/** What IAM refuses for certain, and what it may well allow where conditions are met that are not known here. */
export interface Weighed {
  readonly certain: readonly Refusal[];
  readonly doubtful: readonly Refusal[];
  /** Undefined where they may not be read. */
  readonly policies: readonly Attached[] | undefined;
}

/** Policies can have conditions on what a simulation has not. @throws the SDK's errors */
export async function weighed(admin: Admin, arn: string, found: readonly Refusal[]): Promise<Weighed> {
  if (found.length === 0) return { certain: [], doubtful: [], policies: [] };
  const policies = await policiesOf(admin, kindOf(arn), nameOf(arn)).catch((error: unknown) => {
    if (isDenied(error)) return undefined;
    throw error;
  });
  const isDoubtful = (one: Refusal): boolean => {
    if (one.unknown.length === 0) return false;
    if (policies === undefined || one.why === "organization") return true;
    const documents = (boundary: boolean) =>
      policies.filter((policy) => (policy.boundary ?? false) === boundary).map(({ document }) => document);
    if (one.why === "forbidden")
      return !policies.some(({ document }) => document.Statement.some((s) => forbids(s, one)));
    return allows(documents(one.why === "boundary"), one);
  };
  return { certain: found.filter((one) => !isDoubtful(one)), doubtful: found.filter(isDoubtful), policies };
}

export const reasons: Readonly<Record<Refusal["why"], string>> = {
  "not allowed": "no policy allows it",
  forbidden: "a statement with Effect Deny forbids it",
  boundary: "the permissions boundary does not allow it",
  organization: "a service control policy of the organization does not allow it",
};

/** What may not be done: each resource once, and resources that lack the same together. */
export function toldOf(found: readonly Refusal[]): string {
  const of = (one: Refusal) => found.filter(({ resource, why }) => resource === one.resource && why === one.why);
  const lacks = (one: Refusal) => `${actionsOf(of(one))} on ${one.why}`;
  const groups = Map.groupBy(found, lacks).values();
  return [...groups]
    .map((same) => {
      const [first] = same as [Refusal, ...Refusal[]];
      const resources = [...new Set(same.map(({ resource }) => resource))].join(", ");
      return `${actionsOf(of(first))} on ${resources} (${reasons[first.why]})`;
    })
    .join("; ");
}

/** Not a failure: IAM was asked without what such conditions are about. */
export function undecided(who: string, doubtful: readonly Refusal[], real: string): Finding {
  const actions = [...new Set(doubtful.map(({ action }) => action))];
  const keys = doubtful.flatMap(({ unknown }) => unknown);
  return couldNotCheck(dependsOn(`the policies of ${who} let it do ${actions.join(", ")}`, keys, real));
}

export const kindOf = (arn: string): "user" | "role" => (arn.includes(":user/") ? "user" : "role");

/** A policy that counts for a user or role, and how to put another in its place; undefined: take it away. */
interface Attached {
  readonly name: string;
  readonly document: Document;
  readonly boundary?: true;
  /** Absent for policies that are AWS's own. */
  readonly replaced?: (document: Document | undefined) => Command;
}

export interface Repair {
  readonly fix: string;
  readonly policy?: Document;
  readonly commands?: readonly Command[];
}

const product = "ThreatLockDown";

/** What lets a user or role do all that it may not, as text and as commands. */
export function repairOf(arn: string, { certain: found, policies: attached }: Weighed, name: string): Repair {
  const kind = kindOf(arn);
  const who = `${kind} ${nameOf(arn)}`;
  const actions = [...new Set(found.map(({ action }) => action))];
  if (found.some(({ why }) => why === "organization")) {
    return {
      fix: `An administrator of the AWS organization lets ${who} do ${actions.join(", ")}: its service control policies do not`,
    };
  }
  const lifted = (attached ?? []).map((policy) => ({ ...policy, left: withoutDeny(policy.document, found) }));
  const denying = lifted.filter(({ left, document }) => JSON.stringify(left) !== JSON.stringify(document));
  const lacking = (boundary: boolean) => {
    const documents = lifted.filter((policy) => (policy.boundary ?? false) === boundary).map(({ left }) => left);
    if (boundary && attached !== undefined && documents.length === 0) return [];
    return found.filter(
      (one) =>
        one.why === (boundary ? "boundary" : "not allowed") ||
        // IAM tells one reason; behind it there can be others, unless the policies may not be read.
        (attached !== undefined && !allows(documents, one)),
    );
  };
  const [notAllowed, outside] = [lacking(false), lacking(true)];
  // What an earlier repair has put there stays.
  const before = lifted.find((one) => one.name === inlineName(`${product}-${name}`, kind, nameOf(arn)));
  const bounds = lifted.find(({ boundary }) => boundary);
  const forbidden = found.some(({ why }) => why === "forbidden");
  const policy = documentOf(notAllowed);
  const widened =
    bounds && outside.length > 0 ? [...(bounds.left?.Statement ?? []), ...statementsOf(outside)] : undefined;
  const commands = [
    ...denying.flatMap(({ left, replaced, boundary }) =>
      replaced === undefined || (boundary && widened !== undefined) ? [] : [replaced(left)],
    ),
    ...(widened === undefined || bounds?.replaced === undefined
      ? []
      : [bounds.replaced({ ...bounds.document, Statement: widened })]),
    ...(policy === undefined ? [] : [putPolicy(kind, arn, name, policy, before?.left)]),
  ];
  const parts = [
    ...(forbidden && denying.length === 0 ? [`takes the Deny of ${actions.join(", ")} out of its policies`] : []),
    ...denying.map(
      ({ document, left, name }) =>
        `takes the Deny of ${(goneFrom(document, left) ?? actions).join(", ")} out of ${name}`,
    ),
    ...(outside.length > 0
      ? [`lets the permissions boundary${bounds === undefined ? "" : `, ${bounds.name},`} allow ${actionsOf(outside)}`]
      : []),
    ...(policy === undefined ? [] : ["adds the policy below to it"]),
  ];
  return {
    fix: `Someone who may change ${who} ${parts.join(", and ")}${commands.some(isNewVersion) ? versions : ""}${membersOf(commands)}`,
    ...(policy !== undefined && { policy }),
    ...(commands.length > 0 && { commands }),
  };
}

/** What is no longer forbidden, by the patterns of the policy: that can be more than was asked for. */
function goneFrom(before: Document, after: Document | undefined): readonly string[] | undefined {
  const denied = (document: Document | undefined) =>
    (document?.Statement ?? []).flatMap(({ Effect, Action }) => (Effect === "Deny" ? listOf(Action) : []));
  const left = denied(after);
  const gone = denied(before).filter((pattern) => !left.includes(pattern));
  return gone.length === 0 ? undefined : [...new Set(gone)];
}

/** A version of a managed policy. */
const isNewVersion = ({ words }: Command): boolean => words.includes("create-policy-version");
const versions =
  "; a managed policy changes for all that it is attached to, and where it has five versions, the most there can be, one that is not in use is deleted first";

/** A change of a group's policies is one of all its members. */
function membersOf(commands: readonly Command[]): string {
  const names = commands.flatMap(({ words, options = {} }) =>
    /-group-policy$/.test(words[2] ?? "") ? [`"${options["group-name"]}"`] : [],
  );
  if (names.length === 0) return "";
  const groups = [...new Set(names)].map((name) => `group ${name}`).join(" and ");
  return `; this changes ${groups} for all members: to change this user alone, take it out of there, and give it the other rights that it had from there`;
}

const actionsOf = (found: readonly Refusal[]): string => [...new Set(found.map(({ action }) => action))].join(", ");

function statementsOf(found: readonly Refusal[]): Statement[] {
  return [...new Set(found.map(({ resource }) => resource))].map((resource) => ({
    Effect: "Allow",
    Action: found.filter((one) => one.resource === resource).map(({ action }) => action),
    Resource: resource,
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

/** All policies that count for a user or role: its own, its groups', and its boundary. @throws the SDK's errors */
async function policiesOf(admin: Admin, kind: "user" | "role", name: string): Promise<Attached[]> {
  const { iam } = admin;
  if (kind === "role") {
    const [inline, attached, { Role }] = await Promise.all([
      iam.send(new ListRolePoliciesCommand({ RoleName: name })),
      iam.send(new ListAttachedRolePoliciesCommand({ RoleName: name })),
      iam.send(new GetRoleCommand({ RoleName: name })),
    ]);
    return read([
      ...(inline.PolicyNames ?? []).map((policy) =>
        inlineOf("role", name, policy, iam.send(new GetRolePolicyCommand({ RoleName: name, PolicyName: policy }))),
      ),
      ...(attached.AttachedPolicies ?? []).map(({ PolicyArn: arn }) => managed(admin, arn, { "role-name": name })),
      ...bounded(admin, Role?.PermissionsBoundary?.PermissionsBoundaryArn),
    ]);
  }
  const [inline, attached, { User }, { Groups = [] }] = await Promise.all([
    iam.send(new ListUserPoliciesCommand({ UserName: name })),
    iam.send(new ListAttachedUserPoliciesCommand({ UserName: name })),
    iam.send(new GetUserCommand({ UserName: name })),
    iam.send(new ListGroupsForUserCommand({ UserName: name })),
  ]);
  const ofGroups = await Promise.all(Groups.map(({ GroupName }) => policiesOfGroup(admin, GroupName ?? "")));
  return read([
    ...(inline.PolicyNames ?? []).map((policy) =>
      inlineOf("user", name, policy, iam.send(new GetUserPolicyCommand({ UserName: name, PolicyName: policy }))),
    ),
    ...(attached.AttachedPolicies ?? []).map(({ PolicyArn: arn }) => managed(admin, arn, { "user-name": name })),
    ...ofGroups.flat(),
    ...bounded(admin, User?.PermissionsBoundary?.PermissionsBoundaryArn),
  ]);
}

async function policiesOfGroup(admin: Admin, group: string): Promise<Promise<Attached>[]> {
  const { iam } = admin;
  const [inline, attached] = await Promise.all([
    iam.send(new ListGroupPoliciesCommand({ GroupName: group })),
    iam.send(new ListAttachedGroupPoliciesCommand({ GroupName: group })),
  ]);
  return [
    ...(inline.PolicyNames ?? []).map((policy) =>
      inlineOf("group", group, policy, iam.send(new GetGroupPolicyCommand({ GroupName: group, PolicyName: policy }))),
    ),
    ...(attached.AttachedPolicies ?? []).map(({ PolicyArn: arn }) => managed(admin, arn, { "group-name": group })),
  ];
}

const read = (policies: readonly Promise<Attached>[]): Promise<Attached[]> => Promise.all(policies);

const inlineName = (name: string, kind: string, holder: string): string => `policy "${name}" of ${kind} "${holder}"`;

async function inlineOf(
  kind: "user" | "role" | "group",
  holder: string,
  name: string,
  answer: Promise<{ readonly PolicyDocument?: string | undefined }>,
): Promise<Attached> {
  const document = parseDocument(decodeURIComponent((await answer).PolicyDocument ?? '{"Statement":[]}'));
  const options = { [`${kind}-name`]: holder, "policy-name": name };
  return {
    name: inlineName(name, kind, holder),
    document,
    replaced: (left) =>
      left === undefined
        ? awsCommand(["iam", `delete-${kind}-policy`], options)
        : awsCommand(
            ["iam", `put-${kind}-policy`],
            { ...options, "policy-document": left },
            { option: "policy-document", policy: document },
          ),
  };
}

async function managed(
  { iam }: Admin,
  arn = "",
  holder: Readonly<Record<string, string>> | undefined,
): Promise<Attached> {
  const { Policy: policy } = await iam.send(new GetPolicyCommand({ PolicyArn: arn }));
  const VersionId = policy?.DefaultVersionId ?? "v1";
  const { PolicyVersion: version } = await iam.send(new GetPolicyVersionCommand({ PolicyArn: arn, VersionId }));
  const document = parseDocument(decodeURIComponent(version?.Document ?? '{"Statement":[]}'));
  const name = `policy "${nameOf(arn)}"`;
  if (arn.includes(":iam::aws:policy/")) return { name, document };
  const [kind] = Object.keys(holder ?? {}).map((option) => option.replace("-name", ""));
  return {
    name,
    document,
    replaced: (left) =>
      left === undefined && holder !== undefined
        ? awsCommand(["iam", `detach-${kind}-policy`], { ...holder, "policy-arn": arn })
        : awsCommand(
            ["iam", "create-policy-version"],
            { "policy-arn": arn, "policy-document": left ?? { ...document, Statement: [] }, "set-as-default": true },
            { option: "policy-document", policy: document },
          ),
  };
}

function bounded(admin: Admin, arn: string | undefined): Promise<Attached>[] {
  if (arn === undefined) return [];
  return [managed(admin, arn, undefined).then((policy) => ({ ...policy, boundary: true as const }))];
}
