import {
  GetRoleCommand,
  GetRolePolicyCommand,
  GetUserPolicyCommand,
  ListRolePoliciesCommand,
  ListUserPoliciesCommand,
  SimulatePrincipalPolicyCommand,
} from "@aws-sdk/client-iam";
import { awsCommand } from "./command.ts";
import type { Admin } from "./lake.ts";
import { allow, type Document, parseDocument, withoutDeny } from "./policy.ts";

/** A role as IAM has it. */
export interface Role {
  readonly name: string;
  readonly arn: string;
  readonly trust: Document;
  /** Seconds. */
  readonly maxSessionDuration: number;
  readonly boundary?: string;
}

export function nameOf(arn: string): string {
  return arn.slice(arn.lastIndexOf("/") + 1);
}

/** @throws the SDK's errors */
export async function readRole({ iam }: Admin, arn: string): Promise<Role> {
  const { Role: found } = await iam.send(new GetRoleCommand({ RoleName: nameOf(arn) }));
  const boundary = found?.PermissionsBoundary?.PermissionsBoundaryArn;
  return {
    name: nameOf(arn),
    arn: found?.Arn ?? arn,
    trust: parseDocument(decodeURIComponent(found?.AssumeRolePolicyDocument ?? '{"Statement":[]}')),
    maxSessionDuration: found?.MaxSessionDuration ?? 3_600,
    ...(boundary !== undefined && { boundary }),
  };
}

/** What a user or role may not do, and why. */
export interface Refusal {
  readonly action: string;
  readonly resource: string;
  readonly why: "not allowed" | "forbidden" | "boundary" | "organization";
}

/** Asks IAM what the policies of a user or role say of actions on a resource. @throws the SDK's errors */
export async function refusals(
  { iam }: Admin,
  arn: string,
  actions: readonly string[],
  resource: string,
): Promise<Refusal[]> {
  const answer = await iam.send(
    new SimulatePrincipalPolicyCommand({
      PolicySourceArn: arn,
      ActionNames: [...actions],
      ResourceArns: [resource],
      ContextEntries: contextOf(arn, resource),
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
    return [{ action: result.EvalActionName ?? "", resource, why }];
  });
}

/** Keys that such calls have, so that conditions of AWS's own policies on them hold. */
function contextOf(principal: string, resource: string) {
  const [, , , region = "", account = principal.split(":")[4] ?? ""] = resource.split(":");
  const entry = (name: string, value: string) => ({
    ContextKeyName: name,
    ContextKeyType: "string" as const,
    ContextKeyValues: [value],
  });
  return [
    entry("aws:PrincipalArn", principal),
    entry("aws:SecureTransport", "true"),
    ...(account === "" ? [] : [entry("aws:ResourceAccount", account)]),
    ...(resource.includes(":kms:") ? [entry("kms:ViaService", `s3.${region}.amazonaws.com`)] : []),
  ];
}

export interface Repair {
  readonly fix: string;
  readonly policy?: Document;
  readonly commands?: readonly string[];
}

const product = "ThreatLockDown";

/** What lets a user or role do what it may not, as text and as commands. */
export async function repairOf(admin: Admin, arn: string, found: readonly Refusal[], name: string): Promise<Repair> {
  const kind = arn.includes(":user/") ? "user" : "role";
  const who = `${kind} ${nameOf(arn)}`;
  const resources = [...new Set(found.map(({ resource }) => resource))];
  const actions = [...new Set(found.map(({ action }) => action))];
  const policies = resources.map((resource) => ({
    Effect: "Allow" as const,
    Action: found.filter((one) => one.resource === resource).map(({ action }) => action),
    Resource: resource,
  }));
  const policy: Document = { ...allow([], ""), Statement: policies };
  const whys = new Set(found.map(({ why }) => why));
  if (whys.has("organization")) {
    return {
      fix: `An administrator of the AWS organization lets ${who} do ${actions.join(", ")}: its service control policies do not`,
    };
  }
  if (whys.has("forbidden")) {
    const commands = await liftCommands(admin, kind, nameOf(arn), actions);
    const fix = `Someone who may change ${who} removes the statement with Effect Deny that forbids ${actions.join(", ")}`;
    return commands.length > 0
      ? { fix, commands }
      : { fix: `${fix}; it is in a managed policy, a group's policy or the permissions boundary` };
  }
  if (whys.has("boundary")) {
    return {
      fix: `Someone who may change the permissions boundary of ${who} adds the statement below to it, or takes the boundary away`,
      policy,
      commands: [awsCommand(["iam", `delete-${kind}-permissions-boundary`], { [`${kind}-name`]: nameOf(arn) })],
    };
  }
  return {
    fix: `Someone who may change ${who} adds the policy below to it`,
    policy,
    commands: [
      awsCommand(["iam", `put-${kind}-policy`], {
        [`${kind}-name`]: nameOf(arn),
        "policy-name": `${product}-${name}`,
        "policy-document": policy,
      }),
    ],
  };
}

/** Inline policies without what forbids. */
async function liftCommands(
  { iam }: Admin,
  kind: "user" | "role",
  name: string,
  actions: readonly string[],
): Promise<string[]> {
  const { PolicyNames: names = [] } =
    kind === "user"
      ? await iam.send(new ListUserPoliciesCommand({ UserName: name }))
      : await iam.send(new ListRolePoliciesCommand({ RoleName: name }));
  const commands = await Promise.all(
    names.map(async (policy) => {
      const { PolicyDocument: text = "" } =
        kind === "user"
          ? await iam.send(new GetUserPolicyCommand({ UserName: name, PolicyName: policy }))
          : await iam.send(new GetRolePolicyCommand({ RoleName: name, PolicyName: policy }));
      const document = parseDocument(decodeURIComponent(text));
      const left = withoutDeny(document, actions);
      const options = { [`${kind}-name`]: name, "policy-name": policy };
      if (left === undefined) return [awsCommand(["iam", `delete-${kind}-policy`], options)];
      if (JSON.stringify(left) === JSON.stringify(document)) return [];
      return [awsCommand(["iam", `put-${kind}-policy`], { ...options, "policy-document": left })];
    }),
  );
  return commands.flat();
}
