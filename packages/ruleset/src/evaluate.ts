import type { Test, Value } from "./condition.ts";
import { type CompiledRule, compileRules, type Rule, type RuleSource } from "./rule.ts";
import { stockRules } from "./rules/index.ts";

/** The columns of some rows, as `@threatlockdown/parquet-reader` hands them over. Absent columns are absent from the map. */
export interface Columns {
  readonly columns: ReadonlyMap<string, Column>;
  readonly rowCount: number;
}

/** Per row an index into the dictionary, -1 where the row has no value. */
export interface Column {
  readonly ids: Int32Array;
  /** One object as long as its values stay the same: what was judged once is kept with it. */
  readonly dictionary: Dictionary;
}

export interface Dictionary {
  readonly length: number;
  value(id: number): unknown;
}

export interface Ruleset {
  /** The columns that the rules read. */
  readonly columns: readonly string[];
  /** Nothing is copied: rows may be asked for as long as the batch's columns are valid. */
  evaluate(batch: Columns): Judged;
}

export interface Judged {
  /** Equal results are the same object, so that what is made of a rule can be kept with it. */
  rule(row: number): Rule;
}

/**
 * Makes a ruleset out of rules in the order in which they are tried.
 *
 * Rules are asked lazily: a row's way through them only reads the columns whose answer still matters, and rows that
 * answer alike share their way, so that a rule is thought through once for each combination of answers and not for each
 * row. An answer is what all tests on a column say about one value, judged once for each entry of a dictionary.
 *
 * @throws Error where the last rule has conditions (an event could be left without a rule), or a rule is wrong.
 */
export function createRuleset(sources: readonly RuleSource[] = stockRules): Ruleset {
  const rules = compileRules(sources);
  if (rules.at(-1)?.sets.length !== 0) {
    throw new Error(
      "The last rule has conditions, so an event may be left without a rule: end with one that has none.",
    );
  }
  const questions = questionsOf(rules);
  let memory = createMemory(rules, questions);
  return {
    columns: questions.map(({ column }) => column),
    evaluate(batch) {
      // What has been learnt would grow for ever with values that never come back.
      if (memory.size > memoryLimit) memory = createMemory(rules, questions);
      return memory.evaluate(batch);
    },
  };
}

/** The columns that the rules of this package read. */
export const ruleColumns: readonly string[] = questionsOf(compileRules(stockRules)).map(({ column }) => column);

const memoryLimit = 100_000;
const longestText = 256;

/** What is asked of a column: the tests on it, and whether descriptions show its value. */
interface Question {
  readonly column: string;
  readonly tests: readonly Test[];
  readonly shown: boolean;
}

function questionsOf(rules: readonly CompiledRule[]): readonly Question[] {
  const asked = new Map<string, { tests: Test[]; shown: boolean }>();
  const ask = (column: string): { tests: Test[]; shown: boolean } => {
    const question = asked.get(column) ?? { tests: [], shown: false };
    asked.set(column, question);
    return question;
  };
  const visit = ({ sets, refinements, description }: CompiledRule): void => {
    for (const test of sets.flat()) for (const column of test.columns) ask(column).tests.push(test);
    for (const column of description.flatMap((piece) => (typeof piece === "string" ? [] : piece)))
      ask(column).shown = true;
    refinements.forEach(visit);
  };
  rules.forEach(visit);
  return [...asked].map(([column, question]) => ({ column, ...question }));
}

/** What the tests on a column say about a value. Values that no rule tells apart share one answer. */
interface Answer {
  readonly absent: boolean;
  readonly accepted: ReadonlySet<Test>;
  readonly text: string;
}

/** A step of the way: either the rule is found, or a column has to be asked. */
interface Step {
  readonly rule: Rule | undefined;
  readonly column: number;
  /** By number of the answer. */
  readonly next: Step[];
  readonly before: Step | undefined;
  readonly answer: Answer | undefined;
}

interface Memory {
  readonly size: number;
  evaluate(batch: Columns): Judged;
}

function createMemory(rules: readonly CompiledRule[], questions: readonly Question[]): Memory {
  const numbers = new Map(questions.map(({ column }, number) => [column, number]));
  const columns = questions.map(createAnswers);
  const results = new Map<string, Rule>();
  let size = 0;
  const first = step(undefined, undefined);

  function step(before: Step | undefined, answer: Answer | undefined): Step {
    size++;
    const found = decide(rules, (column) => answerTo(numbers.get(column) as number, before, answer));
    return typeof found === "string"
      ? { rule: undefined, column: numbers.get(found) as number, next: [], before, answer }
      : { rule: shared(found), column: -1, next: [], before, answer };
  }

  function shared(rule: Rule): Rule {
    const key = `${rule.id} ${rule.description}`;
    const same = results.get(key);
    if (same === undefined) results.set(key, rule);
    return same ?? rule;
  }

  return {
    get size() {
      return size + columns.reduce((sum, answers) => sum + answers.count, 0);
    },
    evaluate(batch) {
      const readers = questions.map(({ column }, number) => columns[number].reader(batch.columns.get(column)));
      return {
        rule(row) {
          let at = first;
          while (at.rule === undefined) {
            const number = readers[at.column](row);
            let next = at.next[number];
            if (next === undefined) {
              next = step(at, columns[at.column].answer(number));
              at.next[number] = next;
            }
            at = next;
          }
          return at.rule;
        },
      };
    },
  };
}

function answerTo(column: number, before: Step | undefined, answer: Answer | undefined): Answer | undefined {
  let at = before;
  let given = answer;
  while (at !== undefined) {
    if (at.column === column) return given;
    given = at.answer;
    at = at.before;
  }
  return undefined;
}

/** The rule of a row with these answers, or the column whose answer is needed before one can tell. */
function decide(rules: readonly CompiledRule[], answerOf: (column: string) => Answer | undefined): Rule | string {
  let candidates = rules;
  let best: CompiledRule | undefined;
  for (let position = 0; position < candidates.length; position++) {
    const holds = anyHolds(candidates[position], answerOf);
    if (typeof holds === "string") return holds;
    if (!holds) continue;
    best = candidates[position];
    candidates = best.refinements;
    position = -1;
  }
  return describe(best as CompiledRule, answerOf);
}

function anyHolds({ sets }: CompiledRule, answerOf: (column: string) => Answer | undefined): boolean | string {
  for (const tests of sets) {
    const holds = allHold(tests, answerOf);
    if (holds !== false) return holds;
  }
  return sets.length === 0;
}

function allHold(tests: readonly Test[], answerOf: (column: string) => Answer | undefined): boolean | string {
  for (const test of tests) {
    const answer = firstPresent(test.columns, answerOf);
    if (typeof answer === "string") return answer;
    if (!(answer === undefined ? test.accepts(null) : answer.accepted.has(test))) return false;
  }
  return true;
}

function describe(
  { rule, description }: CompiledRule,
  answerOf: (column: string) => Answer | undefined,
): Rule | string {
  if (description.length === 1) return rule;
  let text = "";
  for (const piece of description) {
    if (typeof piece === "string") {
      text += piece;
      continue;
    }
    const answer = firstPresent(piece, answerOf);
    if (typeof answer === "string") return answer;
    text += answer?.text ?? "unknown";
  }
  return { ...rule, description: text };
}

/** The answer of the first column that has a value; undefined if none has; a column's name if it has to be asked first. */
function firstPresent(
  columns: readonly string[],
  answerOf: (column: string) => Answer | undefined,
): Answer | undefined | string {
  for (const column of columns) {
    const answer = answerOf(column);
    if (answer === undefined) return column;
    if (!answer.absent) return answer;
  }
  return undefined;
}

/** The answers that a column has given so far; number 0 is that of a missing value. */
interface Answers {
  readonly count: number;
  answer(number: number): Answer;
  /** From a row to the number of its answer. */
  reader(column: Column | undefined): (row: number) => number;
}

function createAnswers({ tests, shown }: Question): Answers {
  const missing: Answer = { absent: true, accepted: new Set(), text: "" };
  const answers = [missing];
  const known = new Map<string, number>();
  const kept = new WeakMap<Dictionary, Int32Array>();

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
          judged = kept.get(dictionary) ?? new Int32Array(dictionary.length);
          kept.set(dictionary, judged);
        }
        // Kept with 1 added: 0 is an entry that has not been judged yet.
        if (judged[id] === 0) judged[id] = judge(dictionary.value(id) as Value) + 1;
        return judged[id] - 1;
      };
    },
  };
}

function shorten(text: string): string {
  return text.length <= longestText ? text : `${text.slice(0, longestText - 1)}…`;
}
