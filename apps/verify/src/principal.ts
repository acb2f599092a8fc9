import { accountOf, nameOf } from "./arn.ts";
import type { Context } from "./condition.ts";
import type { Statement } from "./policy.ts";

/** Who is asked about, where a resource's policy says whom it is about. */
export interface Principal {
  readonly kind: "AWS" | "Service";
  /** ARN of a user or role, or the name of a service. */
  readonly name: string;
  /** It has a permissions boundary. */
  readonly bounded?: boolean;
}

export const userOrRole = (name: string): Principal => ({ kind: "AWS", name });
export const service = (name: string): Principal => ({ kind: "Service", name });

/** A session's ARN does not tell the path of its role. */
export function samePrincipal(name: string, who: string): boolean {
  if (name === who) return true;
  const last = (arn: string) => arn.slice(arn.lastIndexOf("/") + 1);
  return who.includes(":role/") && name.startsWith(who.slice(0, who.indexOf("/") + 1)) && last(name) === last(who);
}

/** What every request of theirs has, and has not. Source: IAM User Guide, "AWS global condition context keys". */
export function contextOf({ kind, name }: Principal): Context {
  if (kind === "Service") {
    return { ...ofNoPrincipal, "aws:principalisawsservice": "true", "aws:principalservicename": name };
  }
  return {
    ...ofNoService,
    "aws:principalarn": name,
    "aws:principalaccount": accountOf(name) ?? "",
    "aws:principalisawsservice": "false",
    "aws:username": name.includes(":user/") ? nameOf(name) : null,
  };
}

/** A service calls for itself, out of no account, organization or VPC of a customer's. */
const ofNoPrincipal = absent(
  ["principalarn", "principalaccount", "principalorgid", "principalorgpaths", "principaltype", "userid", "username"],
  ["sourcevpc", "sourcevpce", "vpcsourceip", "multifactorauthpresent", "multifactorauthage"],
);

/** What a service tells of whom it calls for. */
const ofNoService = {
  ...absent(
    ["principalservicename", "principalservicenameslist"],
    ["sourcearn", "sourceaccount", "sourceorgid", "sourceorgpaths"],
  ),
  "aws:viaawsservice": "false",
};

function absent(...names: readonly (readonly string[])[]): Context {
  return Object.fromEntries(names.flat().map((name) => [`aws:${name}`, null]));
}

/** Whether a statement is about them. Where `byName` is set, an account's name allows nothing: it leaves that to the account. */
export function concernsPrincipal(
  { Effect, Principal, NotPrincipal }: Statement,
  principal: Principal,
  byName = false,
): boolean {
  // IAM does not support an Allow with NotPrincipal.
  if (NotPrincipal !== undefined) return Effect === "Deny" && !isLeftOut(NotPrincipal, principal);
  const found = namings(Principal, principal);
  return found.has("itself") || (found.has("account") && (Effect === "Deny" || !byName));
}

/**
 * Of a user or role the account has to be left out, too, and one with a permissions boundary never is.
 * Source: IAM User Guide, "AWS JSON policy elements: NotPrincipal".
 */
function isLeftOut(names: Statement["NotPrincipal"], principal: Principal): boolean {
  const found = namings(names, principal);
  if (!found.has("itself") || principal.bounded === true) return false;
  return principal.kind === "Service" || found.has("account");
}

type Naming = "itself" | "account";

function namings(names: Statement["Principal"], principal: Principal): ReadonlySet<Naming> {
  const written = typeof names === "string" ? [["AWS", names] as const] : Object.entries(names ?? {});
  const found = written.flatMap(([kind, some]) => [some].flat().map((name) => namingBy(kind, name, principal)));
  return new Set(found.filter((one) => one !== undefined));
}

function namingBy(kind: string, name: string, { kind: own, name: who }: Principal): Naming | undefined {
  if (name === "*") return "itself";
  if (kind !== own) return undefined;
  if (samePrincipal(name, who)) return "itself";
  const account = accountOf(who);
  return kind === "AWS" && (name === account || name.endsWith(`::${account}:root`)) ? "account" : undefined;
}

/** The statement as it is for all others; undefined where it was about this one alone. */
export function exempting(statement: Statement, principal: Principal): Statement | undefined {
  const { Principal } = statement;
  if (typeof Principal !== "object") return withException(statement, principal);
  const left = withoutName(Principal, principal);
  if (Object.keys(left).length === 0) return undefined;
  const others = { ...statement, Principal: left };
  return concernsPrincipal(others, principal) ? withException(others, principal) : others;
}

function withoutName(names: Readonly<Record<string, string | readonly string[]>>, { kind: own, name: who }: Principal) {
  const left = Object.entries(names).map(([kind, some]) => {
    const isOther = (name: string) => kind !== own || !samePrincipal(name, who);
    return [kind, typeof some === "string" ? (isOther(some) ? some : []) : some.filter(isOther)] as const;
  });
  return Object.fromEntries(left.filter(([, some]) => some.length > 0));
}

/** Everybody, an account, or whoever is not left out: a condition says for whom it is not. */
function withException(statement: Statement, { kind, name }: Principal): Statement {
  const [operator, wanted] =
    kind === "AWS" ? ["ArnNotEquals", "aws:PrincipalArn"] : ["StringNotEquals", "aws:PrincipalServiceName"];
  const { Condition = {} } = statement;
  const before = Condition[operator] ?? {};
  const key = Object.keys(before).find((one) => one.toLowerCase() === wanted.toLowerCase()) ?? wanted;
  const others = [before[key] ?? []].flat();
  return { ...statement, Condition: { ...Condition, [operator]: { ...before, [key]: [...others.map(String), name] } } };
}
