import { decide } from "./authorize.ts";
import { AwsError, notImplemented } from "./aws-error.ts";
import { addSession, anonymous, defaultDocument, findManagedPolicy, findRole, type Role } from "./identity.ts";
import { evaluate, type Policy, parsePolicy } from "./policy.ts";
import { createQueryService, type Parameters, type QueryOperation, validationError } from "./query-protocol.ts";
import type { Call, Service } from "./service.ts";
import { readToken } from "./web-identity.ts";
import type { World } from "./world.ts";

export function createSts(world: World): Service {
  const operations: Readonly<Record<string, QueryOperation>> = {
    /** Needs no right; an explicit deny changes nothing either. */
    GetCallerIdentity({ caller }) {
      return { UserId: caller.userId, Account: caller.account, Arn: caller.arn };
    },

    AssumeRole: (call, parameters) => assumeRole(world, call, parameters),
    AssumeRoleWithWebIdentity: (call, parameters) => assumeRoleWithWebIdentity(world, call, parameters),
  };
  return createQueryService({
    name: "sts",
    namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
    operations,
    unsigned: ["AssumeRoleWithWebIdentity"],
  });
}

/** Constraints of parameters. Source: STS API Reference, AssumeRole. */
const patterns: Readonly<Record<string, RegExp>> = {
  RoleArn: /^[\u0009\u000a\u000d\u0020-\u007e\u0085\u00a0-\ud7ff\ue000-\ufffd]{20,2048}$/,
  // AWS documents two characters at least; one is taken here, as other stand-ins do.
  RoleSessionName: /^[\w+=,.@-]{1,64}$/,
  ExternalId: /^[\w+=,.@:/-]{2,1224}$/,
  DurationSeconds: /^\d+$/,
};

function assumeRole(world: World, call: Call, parameters: Parameters) {
  for (const unknown of ["SerialNumber", "TokenCode", "Tags.member.1.Key", "SourceIdentity"]) {
    if (parameters.get(unknown) !== undefined) throw notImplemented(`the parameter ${unknown} of AssumeRole`);
  }
  const { arn, name } = askedRole(parameters);
  const externalId = parameters.get("ExternalId");
  const role = findRole(world.identity, arn);
  // STS says the same of a role that is not there, of a trust policy and of an external id.
  const refused = () =>
    new AwsError(
      403,
      "AccessDenied",
      `User: ${call.caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${arn}`,
    );
  if (role === undefined) throw refused();
  const verdict = decide(world.identity, {
    principal: call.caller,
    action: "sts:AssumeRole",
    resource: role.arn,
    owner: role.account.id,
    resourcePolicy: role.trust,
    resourcePolicyRequired: true,
    context(key) {
      if (key === "sts:externalid") return externalId === undefined ? undefined : [externalId];
      return key === "sts:rolesessionname" ? [name] : call.context(key);
    },
  });
  if (!verdict.allowed) throw refused();
  return grant(world, call, parameters, { role, name, chained: call.caller.kind === "session" });
}

/**
 * The call that pods make: nobody has signed it, a token of an identity provider says who asks. Source: IAM User Guide,
 * "AWS STS condition context keys" for OIDC federation.
 */
function assumeRoleWithWebIdentity(world: World, call: Call, parameters: Parameters) {
  if (parameters.get("ProviderId") !== undefined) throw notImplemented("OAuth 2.0 access tokens");
  const { arn, name } = askedRole(parameters);
  const account = world.identity.accounts.get(arn.split(":")[4] ?? "");
  const { provider, subject, audience } = readToken(account, parameters.need("WebIdentityToken"), call.now);
  const role = findRole(world.identity, arn);
  const host = provider.issuer.replace(/^https:\/\//, "").toLowerCase();
  const claims: Readonly<Record<string, string>> = { [`${host}:sub`]: subject, [`${host}:aud`]: audience };
  const question = {
    principal: { ...anonymous, federated: provider.arn },
    action: "sts:AssumeRoleWithWebIdentity",
    resource: arn,
    context(key: string) {
      if (key === "sts:rolesessionname") return [name];
      return claims[key] === undefined ? call.context(key) : [claims[key]];
    },
  };
  if (role === undefined || evaluate([role.trust], question).effect !== "allow") {
    throw new AwsError(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
  }
  return {
    ...grant(world, call, parameters, { role, name, chained: false }),
    SubjectFromWebIdentityToken: subject,
    Audience: audience,
    Provider: provider.issuer,
  };
}

function askedRole(parameters: Parameters): { readonly arn: string; readonly name: string } {
  const asked = { arn: parameters.need("RoleArn"), name: parameters.need("RoleSessionName") };
  for (const [parameter, pattern] of Object.entries(patterns)) {
    const value = parameters.get(parameter);
    if (value === undefined || pattern.test(value)) continue;
    const field = parameter[0]?.toLowerCase() + parameter.slice(1);
    throw validationError(
      `1 validation error detected: Value '${value}' at '${field}' failed to satisfy constraint: Member must satisfy regular expression pattern: ${pattern.source}`,
    );
  }
  return asked;
}

/** The session that a role is open for. */
function grant(
  world: World,
  call: Call,
  parameters: Parameters,
  { role, name, chained }: { readonly role: Role; readonly name: string; readonly chained: boolean },
) {
  const seconds = sessionDuration(role, chained, parameters.get("DurationSeconds"));
  const policies = sessionPolicies(world, parameters);
  const key = addSession(world.identity, {
    role,
    name,
    chained,
    expiresAt: call.now + (world.sessionSeconds ?? seconds) * 1000,
    ...(policies.length > 0 && { policies }),
  });
  return {
    Credentials: {
      AccessKeyId: key.accessKeyId,
      SecretAccessKey: key.secretAccessKey,
      SessionToken: key.sessionToken,
      Expiration: `${new Date(key.expiresAt).toISOString().slice(0, 19)}Z`,
    },
    AssumedRoleUser: { AssumedRoleId: key.principal.userId, Arn: key.principal.arn },
  };
}

function sessionDuration(role: Role, chained: boolean, given: string | undefined): number {
  const seconds = Number(given ?? 3600);
  const outside = (bound: string) =>
    validationError(
      `1 validation error detected: Value '${seconds}' at 'durationSeconds' failed to satisfy constraint: Member must have value ${bound}`,
    );
  if (seconds < 900) throw outside("greater than or equal to 900");
  if (seconds > 43_200) throw outside("less than or equal to 43200");
  if (chained && seconds > 3600) {
    throw validationError(
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
    );
  }
  if (given !== undefined && seconds > role.maxSessionDuration) {
    throw validationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
  }
  return seconds;
}

function sessionPolicies(world: World, parameters: Parameters): Policy[] {
  const inline = parameters.get("Policy");
  const managed = policyArns(parameters).map((arn) => {
    const policy = findManagedPolicy(world.identity, arn);
    if (policy === undefined) throw new AwsError(400, "NoSuchEntity", `Policy ${arn} does not exist.`);
    return defaultDocument(policy);
  });
  try {
    return inline === undefined ? managed : [parsePolicy(inline, "identity"), ...managed];
  } catch (cause) {
    throw new AwsError(400, "MalformedPolicyDocument", (cause as Error).message);
  }
}

/** `PolicyArns.member.1.arn`, … */
function policyArns(parameters: Parameters): string[] {
  const arns: string[] = [];
  for (let i = 1; ; i++) {
    const arn = parameters.get(`PolicyArns.member.${i}.arn`);
    if (arn === undefined) return arns;
    arns.push(arn);
  }
}
