/** What a column may hold in one row; `null` also stands for a column that the file lacks and for an empty text. */
export type Value = string | number | bigint | boolean | null;

/**
 * A predicate as rule files write it. Values are compared as text and without regard to case, so that `4001`, `4001n`
 * and "4001" are the same and "NOERROR" equals "NoError". `null` means: no value.
 */
export type Predicate =
  | string
  | number
  | boolean
  | null
  | readonly (string | number | boolean | null)[]
  | { readonly contains: string | readonly string[] }
  | { readonly startsWith: string | readonly string[] }
  | { readonly matches: string }
  | { readonly not: Predicate };

/**
 * Column paths and what each must hold; all must hold. `"a.b|c.d"` names alternatives: the first column that has a value
 * in the row is judged, since versions of OCSF keep the same thing in different places.
 */
export type Conditions = Readonly<Record<string, Predicate>>;

/** One predicate on one place, where the place may be one of several columns. */
export interface Test {
  readonly columns: readonly string[];
  readonly accepts: (value: Value) => boolean;
}

export function compileConditions(conditions: Conditions): readonly Test[] {
  return Object.entries(conditions).map(([place, predicate]) => ({
    columns: alternatives(place),
    accepts: compilePredicate(predicate),
  }));
}

/** The columns that a place of a rule file names, the preferred one first. */
export function alternatives(place: string): readonly string[] {
  return place.split("|");
}

function compilePredicate(predicate: Predicate): (value: Value) => boolean {
  if (predicate === null || typeof predicate !== "object") return oneOf([predicate]);
  if (isList(predicate)) return oneOf(predicate);
  if ("contains" in predicate) return anyText(predicate.contains, (text, part) => text.includes(part));
  if ("startsWith" in predicate) return anyText(predicate.startsWith, (text, part) => text.startsWith(part));
  if ("not" in predicate) {
    const accepts = compilePredicate(predicate.not);
    return (value) => !accepts(value);
  }
  const pattern = new RegExp(predicate.matches, "iu");
  return (value) => value !== null && pattern.test(String(value));
}

// Array.isArray does not narrow readonly arrays out of a union.
function isList(predicate: Predicate): predicate is readonly (string | number | boolean | null)[] {
  return Array.isArray(predicate);
}

function oneOf(values: readonly (string | number | boolean | null)[]): (value: Value) => boolean {
  const accepted = new Set(values.map((value) => (value === null ? null : comparable(value))));
  return (value) => accepted.has(value === null ? null : comparable(value));
}

function anyText(
  parts: string | readonly string[],
  holds: (text: string, part: string) => boolean,
): (value: Value) => boolean {
  const wanted = [parts].flat().map(comparable);
  return (value) => {
    if (value === null) return false;
    const text = comparable(value);
    return wanted.some((part) => holds(text, part));
  };
}

function comparable(value: string | number | bigint | boolean): string {
  return String(value).toLowerCase();
}
