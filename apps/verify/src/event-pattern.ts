/** An event pattern of EventBridge, as it is written. */
export interface Pattern {
  readonly [name: string]: readonly unknown[] | Pattern;
}

/** A text of which only beginning and end are known; both empty: nothing is, not even whether there is one. */
export interface Partly {
  readonly begins: string;
  readonly ends: string;
}

export const anything: Partly = { begins: "", ends: "" };

/** An event, or what is known of one. What is not in it, no such event has. */
export type Sample = string | Partly | readonly string[] | { readonly [name: string]: Sample };

/** Undefined: it depends on what is not known of the event, or on a filter that is not known here. */
export type Answer = boolean | undefined;

export function every(answers: readonly Answer[]): Answer {
  if (answers.includes(false)) return false;
  return answers.includes(undefined) ? undefined : true;
}

export function some(answers: readonly Answer[]): Answer {
  if (answers.includes(true)) return true;
  return answers.includes(undefined) ? undefined : false;
}

const not = (answer: Answer): Answer => (answer === undefined ? undefined : !answer);

/** Whether a pattern takes an event. Source: EventBridge User Guide, "Creating event patterns" and "Comparison operators". */
export function takes(pattern: Pattern, event: Sample | undefined): Answer {
  return every(
    Object.entries(pattern).map(([name, wanted]) => {
      if (name === "$or") return some([wanted].flat().map((one) => takes(one as Pattern, event)));
      const actual = fieldOf(event, name);
      if (!Array.isArray(wanted)) return takes(wanted as Pattern, actual);
      const values = Array.isArray(actual) ? actual : [actual];
      return some(wanted.flatMap((want) => values.map((value) => fits(want, value))));
    }),
  );
}

function fieldOf(event: Sample | undefined, name: string): Sample | undefined {
  return isRecord(event) && !isPartly(event) && Object.hasOwn(event, name)
    ? (event as Readonly<Record<string, Sample>>)[name]
    : undefined;
}

function fits(wanted: unknown, actual: Sample | undefined): Answer {
  if (typeof wanted === "string") return hasPieces([wanted], actual);
  if (!isRecord(wanted)) return isUnknown(actual) ? undefined : false;
  return every(Object.entries(wanted).map(([filter, value]) => byFilter(filter, value, actual)));
}

function byFilter(filter: string, value: unknown, actual: Sample | undefined): Answer {
  if (filter === "exists") return isUnknown(actual) ? undefined : (actual !== undefined) === value;
  if (actual === undefined) return false;
  if (filter === "anything-but") return not(some([value].flat().map((one) => isExcluded(one, actual))));
  return hasPieces(...piecesOf(filter, value, actual));
}

/** What anything-but names: texts, or a filter with one or several. */
function isExcluded(value: unknown, actual: Sample): Answer {
  if (!isRecord(value)) return fits(value, actual);
  return some(
    Object.entries(value).flatMap(([filter, values]) => [values].flat().map((one) => byFilter(filter, one, actual))),
  );
}

/** What stands between the gaps of a pattern; no pieces: a filter that is not known here. */
function piecesOf(filter: string, value: unknown, actual: Sample): [pieces: readonly string[], actual: Sample] {
  if (isRecord(value) && typeof value["equals-ignore-case"] === "string") {
    return piecesOf(filter, value["equals-ignore-case"].toLowerCase(), lower(actual));
  }
  if (typeof value !== "string") return [[], actual];
  if (filter === "prefix") return [[value, ""], actual];
  if (filter === "suffix") return [["", value], actual];
  if (filter === "equals-ignore-case") return [[value.toLowerCase()], lower(actual)];
  return filter === "wildcard" ? [byStars(value), actual] : [[], actual];
}

/** `\*` is a star itself. */
function byStars(text: string): readonly string[] {
  const pieces = [""];
  for (const [one, escaped] of text.matchAll(/\\([*\\])|./gs)) {
    if (one === "*") pieces.push("");
    else pieces.push(`${pieces.pop()}${escaped ?? one}`);
  }
  return pieces;
}

function lower(actual: Sample): Sample {
  if (typeof actual === "string") return actual.toLowerCase();
  return isPartly(actual) ? { begins: actual.begins.toLowerCase(), ends: actual.ends.toLowerCase() } : actual;
}

/** Whether a text has these pieces in their order, with any gaps between them: prefix and suffix, for one. */
export function hasPieces(pieces: readonly string[], actual: Sample | undefined): Answer {
  if (actual === undefined) return false;
  if (pieces.length === 0) return undefined;
  const whole = new RegExp(`^${pieces.map(RegExp.escape).join(".*")}$`, "s");
  if (typeof actual === "string") return whole.test(actual);
  if (!isPartly(actual)) return false;
  const { begins, ends } = actual;
  // A letter of private use stands for what is not known: no pattern has it, so a gap has to take it.
  if (whole.test(`${begins}\u{E000}${ends}`)) return isUnknown(actual) ? undefined : true;
  const [head = "", tail = ""] = [pieces[0], pieces.at(-1)];
  const possible =
    pieces.length === 1
      ? head.startsWith(begins) && head.endsWith(ends) && head.length >= begins.length + ends.length
      : (head.startsWith(begins) || begins.startsWith(head)) && (tail.endsWith(ends) || ends.endsWith(tail));
  return possible ? undefined : false;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isPartly = (value: unknown): value is Partly => isRecord(value) && typeof value.begins === "string";
const isUnknown = (value: unknown): boolean => isPartly(value) && value.begins === "" && value.ends === "";
