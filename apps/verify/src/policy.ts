import { externalIdMark, type Obstacle } from "./check.ts";
import { type Condition, type Context, holds, like } from "./condition.ts";
import { concernsPrincipal, exempting, type Principal } from "./principal.ts";

/** A policy as it is written. */
export interface Document {
  readonly Version?: string;
  readonly Id?: string;
  readonly Statement: readonly Statement[];
}

export interface Statement {
  readonly Sid?: string;
  readonly Effect: "Allow" | "Deny";
  readonly Principal?: string | Readonly<Record<string, string | readonly string[]>>;
  readonly NotPrincipal?: string | Readonly<Record<string, string | readonly string[]>>;
  readonly Action?: string | readonly string[];
  readonly NotAction?: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly NotResource?: string | readonly string[];
  readonly Condition?: Condition;
}

/** What is asked of a policy of a resource. */
export interface Question {
  readonly action: string;
  readonly principal: Principal;
  /** What an account's name allows is left aside: the account's own policies have to allow it, too. */
  readonly byName?: boolean;
  readonly resource?: string;
  readonly context: Context;
}

/** Reads a policy; a single statement is a list too. @throws SyntaxError */
export function parseDocument(text: string): Document {
  const document = JSON.parse(text) as { readonly Statement?: Statement | readonly Statement[] } & Document;
  return { ...document, Statement: listOf(document.Statement) };
}

export function listOf<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

/** A policy that allows the actions, ready to paste. */
export function allow(actions: readonly string[], ...resources: readonly string[]): Document {
  return { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: actions, Resource: resources }] };
}

/** What the product's page has a role trust: one user, by one external ID. */
export function trustStatement(principalArn: string): Statement {
  return {
    Effect: "Allow",
    Principal: { AWS: principalArn },
    Action: "sts:AssumeRole",
    Condition: { StringEquals: { "sts:ExternalId": [externalIdMark] } },
  };
}

export function concernsAction({ Action, NotAction }: Statement, action: string): boolean {
  const named = (patterns: Statement["Action"]) =>
    listOf(patterns).some((pattern) => like(pattern.toLowerCase(), action.toLowerCase()));
  return NotAction === undefined ? named(Action) : !named(NotAction);
}

function concernsResource({ Resource, NotResource }: Statement, resource: string): boolean {
  const named = (patterns: Statement["Resource"]) => listOf(patterns).some((pattern) => like(pattern, resource));
  return NotResource === undefined ? named(Resource) : !named(NotResource);
}

export interface Judgement {
  /** Where conditions are not known, an Allow counts as one, and a Deny does not. */
  readonly effect: "allow" | "deny" | "none";
  /** Keys of the conditions that could still change it. */
  readonly unknown: readonly string[];
}

/** What a resource's policy says. */
export function judge(document: Document | undefined, question: Question): Judgement {
  const found = (document?.Statement ?? []).flatMap((statement) => {
    const held = concerns(statement, question) && holds(statement.Condition, question.context);
    return held === false ? [] : [{ effect: statement.Effect, held }];
  });
  const of = (effect: Statement["Effect"]) => found.filter((one) => one.effect === effect).map(({ held }) => held);
  const [denies, allows] = [of("Deny"), of("Allow")];
  if (denies.includes(true)) return { effect: "deny", unknown: [] };
  const unknown = [...denies, ...(allows.includes(true) ? [] : allows)].flatMap((held) => (held === true ? [] : held));
  return { effect: allows.length > 0 ? "allow" : "none", unknown: [...new Set(unknown)] };
}

/** Not a failure: policies were judged without what such conditions are about. `real`: the check that meets them. */
export function dependsOn(whether: string, keys: readonly string[], real: string): Obstacle {
  const named = [...new Set(keys)].sort().join(", ");
  return {
    because: `whether ${whether} depends on conditions that only a real request meets or not: ${named}`,
    how: `Go by the check ${real}, which makes a real request; if that is refused, look at the conditions on ${named}`,
  };
}

function concerns(statement: Statement, { action, principal, byName, resource }: Question): boolean {
  return (
    concernsAction(statement, action) &&
    concernsPrincipal(statement, principal, byName) &&
    (resource === undefined || concernsResource(statement, resource))
  );
}

/** What is asked of the policies of a user or role. */
export interface Asked {
  readonly action: string;
  readonly resource: string;
  readonly context: Context;
}

/** Whether policies of a user or role, all together, allow an action: what they forbid is left aside. */
export function allows(documents: readonly (Document | undefined)[], asked: Asked): boolean {
  return documents.some((document) =>
    document?.Statement.some((one) => one.Effect === "Allow" && isAbout(one, asked) && holdsFor(one, asked) !== false),
  );
}

/** Whether a statement forbids it for certain. */
export function forbids(statement: Statement, asked: Asked): boolean {
  return statement.Effect === "Deny" && isAbout(statement, asked) && holdsFor(statement, asked) === true;
}

const isAbout = (statement: Statement, { action, resource }: Asked): boolean =>
  concernsAction(statement, action) && concernsResource(statement, resource);
const holdsFor = ({ Condition }: Statement, { context }: Asked) => holds(Condition, context);

/** The policy without what forbids it to the one who is asked about, and with one more statement where that is needed. */
export function repaired(document: Document | undefined, question: Question, statement: Statement): Document {
  const kept = withoutDenyFor(document ?? { Statement: [] }, question).Statement;
  const enough = judge({ Statement: kept }, question).effect === "allow";
  return { Version: "2012-10-17", ...document, Statement: enough ? kept : [...kept, statement] };
}

/** A resource's policy without what forbids it to one: to others the statement forbids what it has forbidden. */
export function withoutDenyFor(document: Document, question: Question): Document {
  const isForbidding = (one: Statement) =>
    one.Effect === "Deny" && concerns(one, question) && holds(one.Condition, question.context) === true;
  const Statement = document.Statement.flatMap((one) =>
    isForbidding(one) ? (exempting(one, question.principal) ?? []) : [one],
  );
  return { ...document, Statement };
}
