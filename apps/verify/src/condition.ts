/** The `Condition` of a statement: operators, their keys, and the values that are wanted. */
export type Condition = Readonly<Record<string, Readonly<Record<string, string | boolean | readonly string[]>>>>;

/** Values of condition keys, by names of lower case; null: the request has no such key. Others are not known here. */
export type Context = Readonly<Record<string, string | null>>;

/** Whether conditions hold, or the keys that this depends on: what they are in the request is not known here. */
export function holds(condition: Condition | undefined, context: Context): boolean | readonly string[] {
  const unknown: string[] = [];
  for (const [operator, keys] of Object.entries(condition ?? {})) {
    for (const [key, wanted] of Object.entries(keys)) {
      const answer = compare(operator.toLowerCase(), [wanted].flat().map(String), context[key.toLowerCase()]);
      if (answer === false) return false;
      if (answer === undefined) unknown.push(key);
    }
  }
  return unknown.length === 0 ? true : unknown;
}

/** Source: IAM User Guide, "Condition operators" and "Set operators for multivalued context keys". */
function compare(written: string, wanted: readonly string[], actual: string | null | undefined): boolean | undefined {
  if (actual === undefined) return undefined;
  const [, set, operator = "", ifExists] = /^(?:(forallvalues|foranyvalue):)?(.*?)(ifexists)?$/.exec(written) ?? [];
  if (operator === "null") return wanted.includes(String(actual === null));
  const negative = operator.includes("not");
  if (actual === null) return ifExists !== undefined || set === "forallvalues" || (negative && set === undefined);
  const equal = comparisons[operator.replace("not", "")];
  // A policy variable stands for a value of the request.
  if (equal === undefined || wanted.some((one) => one.includes("${"))) return undefined;
  return wanted.some((one) => equal(one, actual)) !== negative;
}

/** Names with `*` and `?`, as IAM compares them. */
export function like(pattern: string, text: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "s").test(text);
}

type Comparison = (wanted: string, actual: string) => boolean;

const same: Comparison = (wanted, actual) => wanted === actual;
const sameLetters: Comparison = (wanted, actual) => wanted.toLowerCase() === actual.toLowerCase();
const comparisons: Readonly<Record<string, Comparison>> = {
  stringequals: same,
  stringequalsignorecase: sameLetters,
  stringlike: like,
  arnequals: like,
  arnlike: like,
  bool: sameLetters,
  numericequals: (wanted, actual) => Number(actual) === Number(wanted),
  numericlessthan: (wanted, actual) => Number(actual) < Number(wanted),
  numericlessthanequals: (wanted, actual) => Number(actual) <= Number(wanted),
  numericgreaterthan: (wanted, actual) => Number(actual) > Number(wanted),
  numericgreaterthanequals: (wanted, actual) => Number(actual) >= Number(wanted),
};
