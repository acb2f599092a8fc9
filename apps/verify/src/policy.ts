import { externalIdMark } from "./check.ts";
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
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | boolean | readonly string[]>>>>;
}

/** What is asked of a policy of a resource. */
export interface Question {
  readonly action: string;
  readonly principal: Principal;
  /** What an account's name allows is left aside: the account's own policies have to allow it, too. */
  readonly byName?: boolean;
  readonly resource?: string;
  /** Values of condition keys, by names of lower case; null: the request has no such key. */
  readonly context: Readonly<Record<string, string | null>>;
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

/** Names with `*` and `?`, as IAM compares them. */
export function like(pattern: string, text: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "s").test(text);
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

/** Whether a statement's conditions hold; undefined where one is about what is not known here. */
export function holds(condition: Statement["Condition"], context: Question["context"]): boolean | undefined {
  let unknown = false;
  for (const [operator, keys] of Object.entries(condition ?? {})) {
    for (const [key, wanted] of Object.entries(keys)) {
      const answer = compare(operator.toLowerCase(), listOf(wanted).map(String), context[key.toLowerCase()]);
      if (answer === false) return false;
      if (answer === undefined) unknown = true;
    }
  }
  return unknown ? undefined : true;
}

/** Source: IAM User Guide, "Condition operators"; `null` is a key that the request does not have. */
function compare(written: string, wanted: readonly string[], actual: string | null | undefined): boolean | undefined {
  if (actual === undefined) return undefined;
  const operator = written.replace(/ifexists$/, "");
  if (operator === "null") return wanted.includes(String(actual === null));
  const negative = operator.includes("not");
  if (actual === null) return negative || operator !== written;
  const equal = comparisons[operator.replace("not", "")];
  if (equal === undefined) return undefined;
  return wanted.some((one) => equal(one, actual)) !== negative;
}

const same = (wanted: string, actual: string): boolean => wanted === actual;
const sameLetters = (wanted: string, actual: string): boolean => wanted.toLowerCase() === actual.toLowerCase();
const comparisons: Readonly<Record<string, (wanted: string, actual: string) => boolean>> = {
  stringequals: same,
  stringequalsignorecase: sameLetters,
  stringlike: like,
  arnequals: like,
  arnlike: like,
  bool: sameLetters,
};

export interface Judgement {
  readonly effect: "allow" | "deny" | "none";
  /** Whether conditions that are not known here could still change it. */
  readonly certain: boolean;
}

/** What a resource's policy says. Where conditions are not known, an Allow counts as one, and a Deny does not. */
export function judge(document: Document | undefined, question: Question): Judgement {
  let effect: Judgement["effect"] = "none";
  let certain = true;
  for (const statement of document?.Statement ?? []) {
    if (!concerns(statement, question)) continue;
    const held = holds(statement.Condition, question.context);
    if (held === undefined) certain = false;
    if (held === true && statement.Effect === "Deny") return { effect: "deny", certain: true };
    if (held !== false && statement.Effect === "Allow") effect = "allow";
  }
  return { effect, certain };
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
  readonly context: Question["context"];
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
const holdsFor = ({ Condition }: Statement, { context }: Asked): boolean | undefined => holds(Condition, context);

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

/** An identity's policy without what forbids those actions; undefined where nothing is left of it. */
export function withoutDeny(document: Document, asked: readonly Asked[]): Document | undefined {
  const kept = document.Statement.flatMap((statement): Statement[] => {
    const hit = asked.filter((one) => forbids(statement, one));
    if (hit.length === 0) return [statement];
    const actions = [...new Set(hit.map(({ action }) => action))];
    if (statement.NotAction !== undefined) {
      return [{ ...statement, NotAction: [...listOf(statement.NotAction), ...actions] }];
    }
    const left = listOf(statement.Action).filter(
      (pattern) => !actions.some((action) => like(pattern.toLowerCase(), action.toLowerCase())),
    );
    return left.length === 0 ? [] : [{ ...statement, Action: left }];
  });
  return kept.length === 0 ? undefined : { ...document, Statement: kept };
}
