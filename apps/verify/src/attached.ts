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
} from "@aws-sdk/client-iam";
import { nameOf } from "./arn.ts";
import { awsCommand, type Command } from "./command.ts";
import type { Admin } from "./lake.ts";
import { type Document, parseDocument } from "./policy.ts";

/** A policy that counts for a user or role. */
export interface Attached {
  readonly name: string;
  readonly document: Document;
  readonly boundary?: true;
  /** The group that it is of: all members have it. */
  readonly group?: string;
  /** Users, groups and roles that have it, where they are several. */
  readonly holders?: number;
  /** Puts another in its place; undefined: takes it away. Absent for policies that are AWS's own, which nobody can change. */
  readonly replaced?: (document: Document | undefined) => Command;
  /** Takes one that is AWS's own away. */
  readonly detached?: Command;
}

export const kindOf = (arn: string): "user" | "role" => (arn.includes(":user/") ? "user" : "role");

/** All policies that count for a user or role: its own, its groups', and its boundary. @throws the SDK's errors */
export async function policiesOf(admin: Admin, arn: string): Promise<Attached[]> {
  const { iam } = admin;
  const name = nameOf(arn);
  if (kindOf(arn) === "role") {
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
      ...boundaryOf(admin, Role?.PermissionsBoundary?.PermissionsBoundaryArn),
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
    ...boundaryOf(admin, User?.PermissionsBoundary?.PermissionsBoundaryArn),
  ]);
}

async function policiesOfGroup(admin: Admin, group: string): Promise<Promise<Attached>[]> {
  const { iam } = admin;
  const [inline, attached] = await Promise.all([
    iam.send(new ListGroupPoliciesCommand({ GroupName: group })),
    iam.send(new ListAttachedGroupPoliciesCommand({ GroupName: group })),
  ]);
  const found = [
    ...(inline.PolicyNames ?? []).map((policy) =>
      inlineOf("group", group, policy, iam.send(new GetGroupPolicyCommand({ GroupName: group, PolicyName: policy }))),
    ),
    ...(attached.AttachedPolicies ?? []).map(({ PolicyArn: arn }) => managed(admin, arn, { "group-name": group })),
  ];
  return found.map(async (policy) => ({ ...(await policy), group }));
}

const read = (policies: readonly Promise<Attached>[]): Promise<Attached[]> => Promise.all(policies);

export const inlineName = (name: string, kind: string, holder: string): string =>
  `policy "${name}" of ${kind} "${holder}"`;

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
  const holders = (policy?.AttachmentCount ?? 0) + (policy?.PermissionsBoundaryUsageCount ?? 0);
  const document = parseDocument(decodeURIComponent(version?.Document ?? '{"Statement":[]}'));
  const name = `policy "${nameOf(arn)}"`;
  const [kind] = Object.keys(holder ?? {}).map((option) => option.replace("-name", ""));
  const taken = holder && awsCommand(["iam", `detach-${kind}-policy`], { ...holder, "policy-arn": arn });
  if (arn.includes(":iam::aws:policy/")) return { name, document, ...(taken && { detached: taken }) };
  return {
    name,
    document,
    ...(holders > 1 && { holders }),
    replaced: (left) =>
      left === undefined && taken !== undefined
        ? taken
        : awsCommand(
            ["iam", "create-policy-version"],
            { "policy-arn": arn, "policy-document": left ?? { ...document, Statement: [] }, "set-as-default": true },
            { option: "policy-document", policy: document },
          ),
  };
}

function boundaryOf(admin: Admin, arn: string | undefined): Promise<Attached>[] {
  if (arn === undefined) return [];
  return [managed(admin, arn, undefined).then((policy) => ({ ...policy, boundary: true as const }))];
}
