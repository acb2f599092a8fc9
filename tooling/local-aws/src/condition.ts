import { BlockList, isIP } from "node:net";
import { PolicyError } from "./policy-error.ts";
import { matches } from "./wildcard.ts";

/** The values of a condition key in a request; keys are given in lower case. */
export type Context = (key: string) => readonly string[] | undefined;

export type Condition = (context: Context) => boolean;

/** Whether one value of the request fits one value of the policy. */
type Test = (actual: string, wanted: string) => boolean;

const lower = (test: Test): Test => {
  return (actual, wanted) => test(actual.toLowerCase(), wanted.toLowerCase());
};
const equal: Test = (actual, wanted) => actual === wanted;
const like: Test = (actual, wanted) => matches(wanted, actual);
const numeric =
  (compare: (actual: number, wanted: number) => boolean): Test =>
  (actual, wanted) =>
    compare(Number(actual), Number(wanted));
const date =
  (compare: (actual: number, wanted: number) => boolean): Test =>
  (actual, wanted) =>
    compare(instant(actual), instant(wanted));

function instant(text: string): number {
  return /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text);
}

function inNetwork(address: string, network: string): boolean {
  const [base = "", bits] = network.split("/");
  const family = isIP(base) === 6 ? "ipv6" : "ipv4";
  if (isIP(base) === 0 || isIP(address) !== isIP(base)) return false;
  const list = new BlockList();
  list.addSubnet(base, bits === undefined ? (family === "ipv6" ? 128 : 32) : Number(bits), family);
  return list.check(address, family);
}

const operators: Readonly<Record<string, Test>> = {
  stringequals: equal,
  stringequalsignorecase: lower(equal),
  stringlike: like,
  arnequals: like,
  arnlike: like,
  bool: lower(equal),
  ipaddress: inNetwork,
  numericequals: numeric((a, b) => a === b),
  numericlessthan: numeric((a, b) => a < b),
  numericlessthanequals: numeric((a, b) => a <= b),
  numericgreaterthan: numeric((a, b) => a > b),
  numericgreaterthanequals: numeric((a, b) => a >= b),
  dateequals: date((a, b) => a === b),
  datelessthan: date((a, b) => a < b),
  datelessthanequals: date((a, b) => a <= b),
  dategreaterthan: date((a, b) => a > b),
  dategreaterthanequals: date((a, b) => a >= b),
};

/** An operator's negation is true exactly where the operator would be false, so also for a missing key. */
const negations: Readonly<Record<string, string>> = {
  stringnotequals: "stringequals",
  stringnotequalsignorecase: "stringequalsignorecase",
  stringnotlike: "stringlike",
  arnnotequals: "arnequals",
  arnnotlike: "arnlike",
  notipaddress: "ipaddress",
  numericnotequals: "numericequals",
  datenotequals: "dateequals",
};

/**
 * The `Condition` element of a statement. Source: IAM User Guide, "IAM JSON policy elements: Condition operators".
 *
 * @throws PolicyError for an operator that IAM does not have
 */
export function parseCondition(source: unknown): Condition {
  if (source === undefined) return () => true;
  if (!isRecord(source)) throw new PolicyError("Condition must be an object.");
  const conditions = Object.entries(source).flatMap(([operator, keys]) => {
    if (!isRecord(keys)) throw new PolicyError(`Condition ${operator} must be an object.`);
    return Object.entries(keys).map(([key, values]) => parseTest(operator, key.toLowerCase(), textList(values)));
  });
  return (context) => conditions.every((condition) => condition(context));
}

function parseTest(operator: string, key: string, wanted: readonly string[]): Condition {
  const parts = /^(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?$/i.exec(operator);
  const quantifier = parts?.[1]?.toLowerCase();
  const name = parts?.[2]?.toLowerCase() ?? "";
  const ifExists = parts?.[3] !== undefined;
  if (name === "null") return (context) => wanted.includes(String(context(key) === undefined));
  const negated = negations[name] !== undefined;
  const test = operators[negations[name] ?? name];
  if (test === undefined) throw new PolicyError(`Invalid Condition type : ${operator}.`);
  return (context) => {
    const actual = context(key);
    if (actual === undefined) return ifExists || negated || quantifier === "forallvalues";
    const fits = (value: string) => wanted.some((want) => test(value, substitute(want, context))) !== negated;
    if (quantifier === "forallvalues") return actual.every(fits);
    if (quantifier === "foranyvalue") return actual.some(fits);
    return negated ? actual.every(fits) : actual.some(fits);
  };
}

/** Policy variables: `${aws:username}`. */
export function substitute(text: string, context: Context): string {
  if (!text.includes("${")) return text;
  return text.replace(/\$\{([^}]*)\}/g, (whole, key: string) => {
    if (key === "*" || key === "?" || key === "$") return key;
    return context(key.toLowerCase())?.[0] ?? whole;
  });
}

export function textList(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).map(String);
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
