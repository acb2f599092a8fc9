import { type Condition, type Context, isRecord, parseCondition, substitute, textList } from "./condition.ts";
import { PolicyError } from "./policy-error.ts";
import { matches } from "./wildcard.ts";

/** A policy as a caller writes it: JSON text, or the object that it would be parsed to. */
export type PolicySource = string | object;

export interface Policy {
  /** As it was put, which is how IAM, SQS and S3 give it back. */
  readonly text: string;
  readonly statements: readonly Statement[];
}

export interface Statement {
  readonly sid: string | undefined;
  readonly effect: "Allow" | "Deny";
  readonly appliesTo: (question: Question) => Naming | undefined;
}

/** How a statement names a principal: itself (or everyone), or only its whole account, which delegates to that account. */
export type Naming = "direct" | "account";

/** The names by which `Principal` elements can mean who is asking. */
export interface PrincipalNames {
  readonly arn: string;
  readonly account: string;
  /** Of a session. */
  readonly roleArn?: string | undefined;
  /** s3.amazonaws.com and the like. */
  readonly service?: string | undefined;
  /** ARN of the provider whose token says who is asking. */
  readonly federated?: string | undefined;
  /** A user or role with a permissions boundary. */
  readonly bounded?: boolean | undefined;
}

export interface Question {
  readonly principal: PrincipalNames;
  /** As IAM spells it: s3:GetObject. */
  readonly action: string;
  readonly resource: string;
  readonly context: Context;
}

export interface Answer {
  readonly effect: "allow" | "deny" | "none";
  readonly naming: Naming;
  readonly statement?: Statement;
  readonly policy?: Policy;
}

const none: Answer = { effect: "none", naming: "direct" };

/** One deny outweighs every allow; an allow by name outweighs one of the whole account. */
export function evaluate(policies: readonly Policy[], question: Question): Answer {
  let answer = none;
  for (const policy of policies) {
    for (const statement of policy.statements) {
      const naming = statement.appliesTo(question);
      if (naming === undefined) continue;
      if (statement.effect === "Deny") return { effect: "deny", naming, statement, policy };
      if (answer.effect === "none" || answer.naming === "account") {
        answer = { effect: "allow", naming, statement, policy };
      }
    }
  }
  return answer;
}

/** Identity policies name no principal, resource policies must, and trust policies have no resource besides. */
export type PolicyKind = "identity" | "resource" | "trust";

/**
 * Source: IAM User Guide, "IAM JSON policy element reference".
 *
 * @throws PolicyError
 */
export function parsePolicy(source: PolicySource, kind: PolicyKind): Policy {
  const text = typeof source === "string" ? source : JSON.stringify(source);
  const document = parseJson(text);
  if (!isRecord(document)) throw new PolicyError("Syntax errors in policy.");
  const version = document.Version ?? "2008-10-17";
  if (version !== "2012-10-17" && version !== "2008-10-17") {
    throw new PolicyError("The policy must contain a valid version string.");
  }
  const statements = Array.isArray(document.Statement) ? document.Statement : [document.Statement];
  return { text, statements: statements.map((statement) => parseStatement(statement, kind)) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new PolicyError("Syntax errors in policy.");
  }
}

const statementElements = new Set([
  "Sid",
  "Effect",
  "Principal",
  "NotPrincipal",
  "Action",
  "NotAction",
  "Resource",
  "NotResource",
  "Condition",
]);

function parseStatement(source: unknown, kind: PolicyKind): Statement {
  if (!isRecord(source)) throw new PolicyError("Syntax errors in policy.");
  const unknown = Object.keys(source).find((name) => !statementElements.has(name));
  if (unknown !== undefined) throw new PolicyError(`Syntax error in policy: unknown element ${unknown}.`);
  const { Effect: effect, Sid: sid } = source;
  if (effect !== "Allow" && effect !== "Deny") throw new PolicyError("Statement has an invalid Effect.");
  const action = pattern(source, "Action", true);
  const resource = kind === "trust" ? () => true : pattern(source, "Resource", false);
  if (kind === "trust" && (source.Resource ?? source.NotResource) !== undefined) {
    throw new PolicyError("Has prohibited field Resource.");
  }
  const principal = kind === "identity" ? noPrincipal(source) : parsePrincipals(source);
  const condition: Condition = parseCondition(source.Condition);
  return {
    sid: sid === undefined ? undefined : String(sid),
    effect,
    appliesTo(question) {
      if (!action(question.action, question.context) || !resource(question.resource, question.context))
        return undefined;
      const naming = principal(question.principal);
      return naming !== undefined && condition(question.context) ? naming : undefined;
    },
  };
}

type Pattern = (text: string, context: Context) => boolean;

/** `Action`, `NotAction`, `Resource` or `NotResource`. */
function pattern(source: Readonly<Record<string, unknown>>, name: "Action" | "Resource", ignoreCase: boolean): Pattern {
  const positive = source[name];
  const negative = source[`Not${name}`];
  if ((positive === undefined) === (negative === undefined)) {
    throw new PolicyError(`Policy statement must contain ${name.toLowerCase()}s.`);
  }
  const wanted = textList(positive ?? negative).map((text) => (ignoreCase ? text.toLowerCase() : text));
  if (name === "Action" && wanted.some((text) => text !== "*" && !text.includes(":"))) {
    throw new PolicyError("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
  }
  return (text, context) => {
    const actual = ignoreCase ? text.toLowerCase() : text;
    return wanted.some((want) => matches(substitute(want, context), actual)) === (positive !== undefined);
  };
}

type PrincipalTest = (names: PrincipalNames) => Naming | undefined;

function noPrincipal(source: Readonly<Record<string, unknown>>): PrincipalTest {
  if ((source.Principal ?? source.NotPrincipal) === undefined) return () => "direct";
  throw new PolicyError("Policy document should not specify a principal.");
}

function parsePrincipals(source: Readonly<Record<string, unknown>>): PrincipalTest {
  const element = source.Principal ?? source.NotPrincipal;
  if (element === undefined) throw new PolicyError("Missing required field Principal.");
  const tests = typeof element === "string" ? [principalTest("AWS", element)] : principalTests(element);
  const namingsOf = (names: PrincipalNames) => tests.map((test) => test(names));
  if (source.Principal === undefined) {
    if (source.Effect === "Allow") throw new PolicyError("Allow with NotPrincipal is not allowed.");
    return (names) => (isLeftOut(names, namingsOf(names)) ? undefined : "direct");
  }
  return (names) => {
    const namings = namingsOf(names);
    return namings.includes("direct") ? "direct" : namings.find((naming) => naming !== undefined);
  };
}

/**
 * Whether `NotPrincipal` leaves somebody out of a Deny: a user or role has to be named, and its account too; one with a
 * permissions boundary never is. Source: IAM User Guide, "AWS JSON policy elements: NotPrincipal".
 */
function isLeftOut({ service, federated, bounded }: PrincipalNames, namings: readonly (Naming | undefined)[]): boolean {
  if (!namings.includes("direct") || bounded === true) return false;
  return service !== undefined || federated !== undefined || namings.includes("account");
}

function principalTests(element: unknown): PrincipalTest[] {
  if (!isRecord(element)) throw new PolicyError("Invalid principal in policy.");
  return Object.entries(element).flatMap(([kind, values]) =>
    textList(values).map((value) => principalTest(kind, value)),
  );
}

function principalTest(kind: string, value: string): PrincipalTest {
  if (kind === "Service") return (names) => (names.service === value ? "direct" : undefined);
  if (kind === "Federated") return (names) => (names.federated === value ? "direct" : undefined);
  // No canonical users here, so nobody can be one.
  if (kind === "CanonicalUser") return () => undefined;
  if (kind !== "AWS") throw new PolicyError(`Invalid principal in policy: "${kind}":"${value}"`);
  if (value === "*") return () => "direct";
  const account = /^(?:arn:aws[\w-]*:iam::)?(\d{12})(?::root)?$/.exec(value)?.[1];
  if (account !== undefined) return (names) => (names.account === account ? "account" : undefined);
  if (!value.startsWith("arn:")) throw new PolicyError(`Invalid principal in policy: "AWS":"${value}"`);
  return (names) => (value === names.arn || value === names.roleArn ? "direct" : undefined);
}

/** The ARNs of users and roles that a policy's `Principal` elements name, for IAM's check that they exist. */
export function namedPrincipals(policy: Policy): string[] {
  const { Statement: statements } = JSON.parse(policy.text);
  return (Array.isArray(statements) ? statements : [statements])
    .map((statement) => statement.Principal ?? statement.NotPrincipal)
    .flatMap((principal) => (isRecord(principal) && principal.AWS !== undefined ? textList(principal.AWS) : []))
    .filter((value) => value.startsWith("arn:") && !value.endsWith(":root"));
}
