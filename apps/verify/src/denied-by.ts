/** Kinds of policies that AWS blames. Source: IAM User Guide, "Access denied error messages". */
const kinds = [
  "service control policy",
  "resource control policy",
  "VPC endpoint policy",
  "permissions boundary",
  "session policy",
  "role trust policy",
  "resource-based policy",
  "identity-based policy",
] as const;

/** The policy that AWS blames for a refusal, and what to do about it. */
export interface DeniedBy {
  readonly policy: (typeof kinds)[number];
  /** A statement with Effect Deny is in it; else it lacks one that allows. */
  readonly forbids: boolean;
  readonly fix: string;
}

/** What was refused, in words: `role reader`, `sqs:ReceiveMessage`, `queue lake-events`. */
export interface Denied {
  readonly who: string;
  readonly action: string;
  readonly resource: string;
}

/** By the end of AWS's sentence: "because no … allows the … action", "with an explicit deny in …"; undefined where AWS does not tell. */
export function deniedBy(error: unknown, denied: Denied): DeniedBy | undefined {
  const [, without, within] = reason.exec(saidOf(error)) ?? [];
  const policy = kinds.find((kind) => kind.toLowerCase() === (without ?? within)?.toLowerCase());
  if (policy === undefined) return undefined;
  const forbids = within !== undefined;
  return { policy, forbids, fix: fixes[policy](denied, forbids) };
}

const reason = new RegExp(`because no (${kinds.join("|")}) allows|explicit deny in an? (${kinds.join("|")})`, "i");

/** What AWS says, and all that wraps it. */
function saidOf(error: unknown): string {
  const { message = "", cause } = (error ?? {}) as { readonly message?: string; readonly cause?: unknown };
  return cause === undefined ? message : `${message}\n${saidOf(cause)}`;
}

const fixes: Readonly<Record<DeniedBy["policy"], (denied: Denied, forbids: boolean) => string>> = {
  "service control policy": ({ who, action }, forbids) =>
    `An administrator of the AWS organization lets ${who} do ${action}: a service control policy ${forbids ? "forbids" : "does not allow"} it`,
  "resource control policy": ({ who, action, resource }, forbids) =>
    `An administrator of the AWS organization lets ${who} do ${action} on the ${resource}: a resource control policy ${forbids ? "forbids" : "does not allow"} it`,
  "VPC endpoint policy": (denied, forbids) =>
    `Someone who may change the VPC endpoint that these requests go by ${mended(denied, forbids)}`,
  "permissions boundary": ({ who, action, resource }) =>
    `Someone who may change the permissions boundary of ${who} gives it one that allows ${action} on the ${resource}`,
  "session policy": (denied, forbids) => `Whoever makes the session of ${denied.who} ${mended(denied, forbids)}`,
  "role trust policy": atResource,
  "resource-based policy": atResource,
  "identity-based policy": ({ who, action, resource }, forbids) =>
    forbids
      ? `Someone who may change ${who} makes an exception for the ${resource} in what forbids it ${action}`
      : `Someone who may change ${who} adds a policy to it that allows ${action} on the ${resource}`,
};

function atResource({ who, action, resource }: Denied, forbids: boolean): string {
  return forbids
    ? `Someone who may change the ${resource} takes the statement with Effect Deny out of its policy, or makes an exception for ${who}`
    : `Someone who may change the ${resource} lets its policy allow ${who} ${action}`;
}

function mended({ who, action, resource }: Denied, forbids: boolean): string {
  return forbids
    ? `makes an exception in its policy, which forbids ${who} ${action} on the ${resource}`
    : `lets its policy allow ${who} ${action} on the ${resource}`;
}
