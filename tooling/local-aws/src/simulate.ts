import { AwsError } from "./aws-error.ts";
import type { Context } from "./condition.ts";
import { defaultDocument, findEntity, namedIdentityPolicies } from "./identity.ts";
import { evaluate, type Policy, parsePolicy, type Question } from "./policy.ts";
import { PolicyError } from "./policy-error.ts";
import { members, type Parameters } from "./query-protocol.ts";
import type { Call } from "./service.ts";
import type { World } from "./world.ts";
import type { XmlValue } from "./xml.ts";

/**
 * What the policies of a user, role or group would say of actions on resources. Source: IAM API Reference,
 * SimulatePrincipalPolicy. Trust policies and other resource policies count only when they are given.
 *
 * @throws AwsError
 */
export function simulate(world: World, call: Call, parameters: Parameters): XmlValue {
  const arn = parameters.need("PolicySourceArn");
  const entity = findEntity(world.identity, arn);
  if (entity === undefined || entity.account.id !== call.caller.account) {
    throw new AwsError(404, "NoSuchEntity", `The entity with ARN ${arn} cannot be found.`);
  }
  const read = (text: string, kind: "identity" | "resource"): Policy => {
    try {
      return parsePolicy(text, kind);
    } catch (cause) {
      if (cause instanceof PolicyError) throw new AwsError(400, "PolicyEvaluation", cause.message);
      throw cause;
    }
  };
  const given = parameters.list("PolicyInputList").map((text, index) => ({
    name: `PolicyInputList.${index + 1}`,
    policy: read(text, "identity"),
  }));
  const identity = [...namedIdentityPolicies(entity), ...given];
  const boundaries = parameters.list("PermissionsBoundaryPolicyInputList").map((text) => read(text, "identity"));
  if (boundaries.length === 0 && entity.kind !== "group" && entity.boundary !== undefined) {
    boundaries.push(defaultDocument(entity.boundary));
  }
  const resourceText = parameters.get("ResourcePolicy");
  const resource = resourceText === undefined ? [] : [read(resourceText, "resource")];
  const organization = entity.account.serviceControlPolicies;

  const asked = new Set<string>();
  const context = contextOf(parameters, asked);
  const resources = parameters.list("ResourceArns");
  const results = parameters.list("ActionNames").flatMap((action) =>
    (resources.length === 0 ? ["*"] : resources).map((resourceArn) => {
      const question: Question = {
        principal: { arn: parameters.get("CallerArn") ?? arn, account: entity.account.id, roleArn: arn },
        action,
        resource: resourceArn,
        context,
      };
      asked.clear();
      const own = evaluate(
        identity.map(({ policy }) => policy),
        question,
      );
      const others = [resource, boundaries, organization].map((policies) => evaluate(policies, question));
      const [byResource, byBoundary, byOrganization] = others as [typeof own, typeof own, typeof own];
      const denied = [own, ...others].some(({ effect }) => effect === "deny");
      const bounded = boundaries.length === 0 || byBoundary.effect === "allow";
      const organized = organization.length === 0 || byOrganization.effect === "allow";
      const granted = own.effect === "allow" || (byResource.effect === "allow" && byResource.naming === "direct");
      const matched = identity.filter(({ policy }) => policy === own.policy);
      return {
        EvalActionName: action,
        EvalResourceName: resourceArn,
        EvalDecision: denied ? "explicitDeny" : granted && bounded && organized ? "allowed" : "implicitDeny",
        MatchedStatements: members(matched, ({ name }) => ({ SourcePolicyId: name, SourcePolicyType: "IAM Policy" })),
        MissingContextValues: members([...asked], (key) => key),
        ...(boundaries.length > 0 && {
          PermissionsBoundaryDecisionDetail: { AllowedByPermissionsBoundary: bounded },
        }),
        ...(organization.length > 0 && {
          OrganizationsDecisionDetail: { AllowedByOrganizations: organized },
        }),
      };
    }),
  );
  return { IsTruncated: false, EvaluationResults: members(results, (result) => result) };
}

/** The keys that the caller gives; those asked for in vain are noted. */
function contextOf(parameters: Parameters, missing: Set<string>): Context {
  const entries = new Map<string, string[]>();
  for (let i = 1; ; i++) {
    const prefix = `ContextEntries.member.${i}`;
    const key = parameters.get(`${prefix}.ContextKeyName`);
    if (key === undefined) break;
    entries.set(key.toLowerCase(), parameters.list(`${prefix}.ContextKeyValues`));
  }
  return (key) => {
    const values = entries.get(key);
    if (values === undefined) missing.add(key);
    return values;
  };
}
