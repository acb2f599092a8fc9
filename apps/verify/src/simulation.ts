import { SimulatePrincipalPolicyCommand } from "@aws-sdk/client-iam";
import { isDenied } from "./administrator.ts";
import { accountOf } from "./arn.ts";
import { type Attached, policiesOf } from "./attached.ts";
import { couldNotCheck, type Finding } from "./check.ts";
import type { Context } from "./condition.ts";
import type { Admin } from "./lake.ts";
import { type Asked, allows, dependsOn, forbids } from "./policy.ts";
import { contextOf, userOrRole } from "./principal.ts";

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
  const context = contextOfCall(arn, resource, region, circumstances);
  const answer = await iam.send(
    new SimulatePrincipalPolicyCommand({
      PolicySourceArn: arn,
      ActionNames: [...actions],
      ResourceArns: [resource],
      ContextEntries: Object.entries(context).flatMap(([name, value]) =>
        value === null ? [] : [{ ContextKeyName: name, ContextKeyType: "string" as const, ContextKeyValues: [value] }],
      ),
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

/** What such calls have, so that conditions on it hold. */
function contextOfCall(
  principal: string,
  resource: string,
  own: string,
  { via = "s3", externalId }: Circumstances,
): Context {
  const [, , , region = "", account = ""] = resource.split(":");
  return {
    ...contextOf(userOrRole(principal)),
    "aws:securetransport": "true",
    "aws:requestedregion": region || own,
    "aws:resourceaccount": account || (accountOf(principal) ?? ""),
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
  const policies = await policiesOf(admin, arn).catch((error: unknown) => {
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

export const actionsOf = (found: readonly Refusal[]): string =>
  [...new Set(found.map(({ action }) => action))].join(", ");
