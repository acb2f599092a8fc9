import type { Context } from "./condition.ts";
import { defaultDocument, type Identity, identityPolicies, type Principal } from "./identity.ts";
import { type Answer, evaluate, type Policy, type Question } from "./policy.ts";

/** One call upon one resource. */
export interface Access {
  readonly principal: Principal;
  /** s3:GetObject */
  readonly action: string;
  /** ARN */
  readonly resource: string;
  /** Account that the resource belongs to. */
  readonly owner: string;
  /** Queue, bucket, key or trust policy. */
  readonly resourcePolicy?: Policy | undefined;
  /** Roles and keys: their own policy has to allow, whatever the caller's policies say. */
  readonly resourcePolicyRequired?: boolean;
  /** Keys: a grant names the principal, and counts like a policy of the key that does. */
  readonly granted?: boolean;
  readonly context: Context;
}

/** `because` is the end of AWS's sentence: "because no … policy allows the … action" or "with an explicit deny in …". */
export type Verdict = { readonly allowed: true } | { readonly allowed: false; readonly because: string };

const allowed: Verdict = { allowed: true };

/** Source: IAM User Guide, "Policy evaluation logic". */
export function decide(identity: Identity, access: Access): Verdict {
  const { principal, action } = access;
  const account = identity.accounts.get(principal.account);
  const owner = identity.accounts.get(access.owner);
  const byEndpoint = access.context("aws:sourcevpce") === undefined ? undefined : identity.vpcEndpoint;
  const boundary = principal.entity?.boundary;
  const question: Question = { ...access, principal: { ...principal, bounded: boundary !== undefined } };
  const guards: readonly (readonly [policies: readonly Policy[] | undefined, deny: string, allow: string])[] = [
    [guardList(account?.serviceControlPolicies), "a service control policy", "service control policy"],
    [guardList(owner?.resourceControlPolicies), "a resource control policy", "resource control policy"],
    [byEndpoint ? [byEndpoint.policy] : undefined, "a VPC endpoint policy", "VPC endpoint policy"],
    [boundary && [defaultDocument(boundary)], "a permissions boundary", "permissions boundary"],
    [principal.sessionPolicies, "a session policy", "session policy"],
  ];
  const byIdentity = evaluate(identityPolicies(principal), question);
  const byResource = evaluate(access.resourcePolicy ? [access.resourcePolicy] : [], question);
  const byGuards = guards.map(([policies]) => (policies === undefined ? undefined : evaluate(policies, question)));

  const denials: [Answer | undefined, string][] = [
    [byIdentity, "an identity-based policy"],
    [byResource, "a resource-based policy"],
    ...guards.map(([, deny], index): [Answer | undefined, string] => [byGuards[index], deny]),
  ];
  for (const [answer, where] of denials) {
    if (answer?.effect === "deny") return refused(`with an explicit deny in ${where}`);
  }

  const missing = (kind: string) => refused(`because no ${kind} allows the ${action} action`);
  const direct = access.granted === true || (byResource.effect === "allow" && byResource.naming === "direct");
  const sameAccount = principal.account === access.owner;
  // A principal that has no policies of its own lives by the resource's alone.
  if (principal.kind === "service" || principal.kind === "anonymous") {
    return direct ? allowed : missing("resource-based policy");
  }
  if ((access.resourcePolicyRequired || !sameAccount) && byResource.effect !== "allow" && !direct) {
    return missing("resource-based policy");
  }
  const granted = byIdentity.effect === "allow" || (sameAccount && direct);
  if (!granted) return missing("identity-based policy");
  // A grant to the very user or session is not limited by what its boundary or session fails to mention.
  const named = sameAccount && direct && principal.kind === "user";
  const ofTheirOwn = guards.findIndex(([, deny]) => deny === "a permissions boundary");
  const open = guards.findIndex((_, index) => byGuards[index]?.effect === "none" && !(named && index >= ofTheirOwn));
  return open === -1 ? allowed : missing((guards[open] as readonly [unknown, string, string])[2]);
}

function guardList(policies: readonly Policy[] | undefined): readonly Policy[] | undefined {
  return policies === undefined || policies.length === 0 ? undefined : policies;
}

function refused(because: string): Verdict {
  return { allowed: false, because };
}
