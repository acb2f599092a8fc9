import { isRecord } from "./condition.ts";
import { matches } from "./wildcard.ts";

/**
 * In which form an event reaches a queue: as EventBridge has it, or as the rule of a Security Lake subscriber makes of
 * it, which leaves out version, id, detail-type and the finer details.
 */
export type EventForm = "eventbridge" | "security-lake";

export interface Rule {
  readonly name: string;
  readonly arn: string;
  readonly account: string;
  readonly region: string;
  readonly pattern: EventPattern;
  readonly description?: string;
  readonly roleArn?: string;
  enabled: boolean;
  targets: readonly RuleTarget[];
}

export interface RuleTarget {
  readonly queueArn: string;
  readonly form: EventForm;
  /** What EventBridge sends as, in the place of itself. */
  readonly roleArn?: string | undefined;
}

/** Source: EventBridge User Guide, "Creating event patterns". */
export interface EventPattern {
  readonly [name: string]: readonly unknown[] | EventPattern;
}

export function matchesPattern(pattern: EventPattern, event: unknown): boolean {
  return Object.entries(pattern).every(([name, wanted]) => {
    if (name === "$or") return [wanted].flat().some((one) => matchesPattern(one as EventPattern, event));
    const actual = isRecord(event) ? event[name] : undefined;
    if (!Array.isArray(wanted)) return matchesPattern(wanted as EventPattern, actual);
    const values: readonly (unknown | undefined)[] = Array.isArray(actual) ? actual : [actual];
    return values.some((value) => wanted.some((want) => matchesValue(want, value)));
  });
}

function matchesValue(wanted: unknown, actual: unknown): boolean {
  if (!isRecord(wanted)) return wanted === actual;
  const text = String(actual);
  const present = actual !== undefined;
  return Object.entries(wanted).every(([filter, value]) => {
    if (filter === "exists") return present === value;
    if (!present) return false;
    if (filter === "prefix" || filter === "suffix") return matchesEnd(filter, value, text);
    if (filter === "wildcard") return matches(String(value).replaceAll("?", "\\?"), text);
    if (filter === "equals-ignore-case") return text.toLowerCase() === String(value).toLowerCase();
    if (filter === "numeric") return matchesNumber(value as readonly (string | number)[], Number(actual));
    if (filter === "anything-but") {
      return ![value]
        .flat()
        .flatMap(eachOf)
        .some((excluded) => matchesValue(excluded, actual));
    }
    throw new RangeError(`Event pattern: the filter ${filter} is not implemented`);
  });
}

/** A filter of several values as filters of one each. */
function eachOf(excluded: unknown): readonly unknown[] {
  if (!isRecord(excluded)) return [excluded];
  return Object.entries(excluded).flatMap(([filter, values]) => [values].flat().map((value) => ({ [filter]: value })));
}

function matchesEnd(filter: "prefix" | "suffix", value: unknown, text: string): boolean {
  if (isRecord(value)) {
    return matchesEnd(filter, String(value["equals-ignore-case"]).toLowerCase(), text.toLowerCase());
  }
  return filter === "prefix" ? text.startsWith(String(value)) : text.endsWith(String(value));
}

const comparisons: Readonly<Record<string, (actual: number, wanted: number) => boolean>> = {
  "=": (actual, wanted) => actual === wanted,
  "<": (actual, wanted) => actual < wanted,
  "<=": (actual, wanted) => actual <= wanted,
  ">": (actual, wanted) => actual > wanted,
  ">=": (actual, wanted) => actual >= wanted,
};

/** `[">", 0, "<=", 5]` */
function matchesNumber(wanted: readonly (string | number)[], actual: number): boolean {
  const [operator, number, ...others] = wanted;
  const compare = comparisons[String(operator)];
  if (compare === undefined) throw new RangeError(`Event pattern: numeric has no ${operator}`);
  return compare(actual, Number(number)) && (others.length === 0 || matchesNumber(others, actual));
}
