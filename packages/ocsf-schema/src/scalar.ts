import type { Catalog, ScalarType } from "./catalog.ts";

export interface ScalarProblem {
  readonly code:
    | "attribute_wrong_type"
    | "attribute_value_exceeds_max_len"
    | "attribute_value_exceeds_range"
    | "attribute_value_regex_not_matched";
  readonly message: string;
}

/** What is wrong with a value of a scalar type; a type without limits of its own has those of its base. */
export function scalarProblem(types: Catalog["types"], name: string, value: unknown): ScalarProblem | undefined {
  const own = types[name] ?? {};
  const base = own.base ?? name;
  const limits: ScalarType = { ...types[base], ...own };
  const fits = kinds[base];
  if (fits === undefined) return undefined;
  if (!fits(value)) return { code: "attribute_wrong_type", message: `expected ${name}, got ${kindOf(value)}` };
  return typeof value === "string" ? textProblem(limits, name, value) : rangeProblem(limits, name, value);
}

/** `json_t` is anything. Numbers of JSON do not tell 1 from 1.0, so a float may be whole. */
const kinds: Readonly<Record<string, (value: unknown) => boolean>> = {
  boolean_t: (value) => typeof value === "boolean",
  float_t: (value) => typeof value === "number",
  integer_t: isWhole,
  long_t: isWhole,
  string_t: (value) => typeof value === "string",
};

export function isWhole(value: unknown): value is number | bigint {
  return typeof value === "bigint" || Number.isInteger(value);
}

function textProblem({ max_len, regex }: ScalarType, name: string, text: string): ScalarProblem | undefined {
  if (max_len !== undefined && text.length > max_len) {
    return {
      code: "attribute_value_exceeds_max_len",
      message: `${text.length} characters, ${name} takes up to ${max_len}`,
    };
  }
  if (regex === undefined || (patternOf(regex)?.test(text) ?? true)) return undefined;
  return { code: "attribute_value_regex_not_matched", message: `does not look like ${name}` };
}

function rangeProblem({ range }: ScalarType, name: string, value: unknown): ScalarProblem | undefined {
  if (range === undefined || typeof value === "boolean") return undefined;
  const number = Number(value);
  return number >= range[0] && number <= range[1]
    ? undefined
    : { code: "attribute_value_exceeds_range", message: `${name} is from ${range[0]} to ${range[1]}` };
}

const patterns = new Map<string, RegExp | undefined>();

/** Patterns of OCSF are of another dialect; undefined for the few of early versions that JavaScript cannot read. */
function patternOf(regex: string): RegExp | undefined {
  if (!patterns.has(regex)) patterns.set(regex, compilePattern(regex.replaceAll("\\pL", "\\p{L}")));
  return patterns.get(regex);
}

function compilePattern(regex: string): RegExp | undefined {
  try {
    return new RegExp(regex, "u");
  } catch {
    return undefined;
  }
}

/** The kind of a value of JSON. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
