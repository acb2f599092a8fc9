import type { Test, Value } from "./condition.ts";
import type { CompiledRule } from "./rule.ts";

/** Values of one column in some rows: per row an index into the dictionary, -1 where the row has no value. */
export interface Column {
  readonly ids: Int32Array;
  /** One object as long as its values stay the same: what was judged once is kept with it. */
  readonly dictionary: Dictionary;
}

export interface Dictionary {
  readonly length: number;
  value(id: number): unknown;
}

/** What rules ask of a column: the tests on it, and whether descriptions show its value. */
export interface Question {
  readonly column: string;
  readonly tests: readonly Test[];
  readonly shown: boolean;
}

/** What the tests on a column say about a value. Values that no rule tells apart have the same answer. */
export interface Answer {
  readonly absent: boolean;
  readonly accepted: ReadonlySet<Test>;
  /** The value, where a description shows it. */
  readonly text: string;
}

/** The answers that a column has given so far, numbered; 0 is that of a missing value. */
export interface Answers {
  readonly count: number;
  answer(number: number): Answer;
  /** From a row to the number of its answer. */
  reader(column: Column | undefined): (row: number) => number;
}

const longestText = 256;
/** Files without dictionaries have a new entry for each row, but often with a value seen just before. */
const recentValues = 4096;

/** One question a column, in the order in which the rules come to ask. */
export function questionsOf(rules: readonly CompiledRule[]): readonly Question[] {
  const asked = new Map<string, { readonly tests: Test[]; shown: boolean }>();
  const ask = (column: string): { readonly tests: Test[]; shown: boolean } => {
    const question = asked.get(column) ?? { tests: [], shown: false };
    asked.set(column, question);
    return question;
  };
  const visit = ({ sets, refinements, description }: CompiledRule): void => {
    for (const test of sets.flat()) for (const column of test.columns) ask(column).tests.push(test);
    for (const column of description.flatMap((piece) => (typeof piece === "string" ? [] : piece)))
      ask(column).shown = true;
    for (const refinement of refinements) visit(refinement);
  };
  for (const rule of rules) visit(rule);
  return [...asked].map(([column, question]) => ({ column, ...question }));
}

export function createAnswers({ tests, shown }: Question): Answers {
  const answers: Answer[] = [{ absent: true, accepted: new Set(), text: "" }];
  const known = new Map<string, number>();
  const recent = new Map<Value, number>();
  const kept = new WeakMap<Dictionary, Int32Array>();

  function numberOf(value: Value): number {
    if (typeof value === "string" && value.length > longestText) return judge(value);
    let number = recent.get(value);
    if (number === undefined) {
      number = judge(value);
      if (recent.size === recentValues) recent.clear();
      recent.set(value, number);
    }
    return number;
  }

  function judge(value: Value): number {
    if (value === null || value === "") return 0;
    const accepted = tests.filter((test) => test.accepts(value));
    const text = shown ? shorten(String(value)) : "";
    const key = `${accepted.map((test) => tests.indexOf(test)).join()} ${text}`;
    let number = known.get(key);
    if (number === undefined) {
      number = answers.push({ absent: false, accepted: new Set(accepted), text }) - 1;
      known.set(key, number);
    }
    return number;
  }

  return {
    get count() {
      return answers.length;
    },
    answer: (number) => answers[number],
    reader(column) {
      if (column === undefined) return () => 0;
      const { ids, dictionary } = column;
      let judged = kept.get(dictionary);
      return (row) => {
        const id = ids[row];
        if (id < 0) return 0;
        if (judged === undefined) {
          judged = new Int32Array(dictionary.length);
          kept.set(dictionary, judged);
        }
        // Kept with 1 added: 0 is an entry that has not been judged yet.
        if (judged[id] === 0) judged[id] = numberOf(dictionary.value(id) as Value) + 1;
        return judged[id] - 1;
      };
    },
  };
}

function shorten(text: string): string {
  // A pair of surrogates may have been cut in two.
  return text.length <= longestText ? text : `${text.slice(0, longestText - 1).toWellFormed()}…`;
}
