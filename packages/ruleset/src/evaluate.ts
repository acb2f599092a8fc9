import { type Answer, type Column, createAnswers, type Question, questionsOf } from "./answer.ts";
import type { Test } from "./condition.ts";
import { type CompiledRule, compileRules, type Rule, type RuleSource } from "./rule.ts";
import { stockRules } from "./rules/index.ts";

/** The columns of some rows, as `@threatlockdown/parquet-reader` hands them over. Absent columns are absent from the map. */
export interface Columns {
  readonly columns: ReadonlyMap<string, Column>;
  readonly rowCount: number;
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

/** Steps and answers after which a ruleset forgets: values that never come back would make it grow for ever. */
const memoryLimit = 100_000;

/**
 * Makes a ruleset out of rules in the order in which they are tried.
 *
 * Rules are asked lazily: a row's way through them reads only the columns whose answer still matters, and rows that answer
 * alike share their way, so that a rule is thought through once for each combination of answers and not for each row. An
 * answer is what all tests on a column say about one value, judged once for each entry of a dictionary.
 *
 * @throws Error where the last rule has conditions (an event could be left without a rule), or a rule is wrong.
 */
export function createRuleset(sources: readonly RuleSource[] = stockRules): Ruleset {
  const rules = compiled(sources);
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
      if (memory.size > memoryLimit) memory = createMemory(rules, questions);
      return memory.evaluate(batch);
    },
  };
}

let stock: readonly CompiledRule[] | undefined;

/** The rules of this package are compiled once. */
function compiled(sources: readonly RuleSource[]): readonly CompiledRule[] {
  if (sources !== stockRules) return compileRules(sources);
  stock ??= compileRules(stockRules);
  return stock;
}

/** The columns that the rules of this package read. */
export const ruleColumns: readonly string[] = questionsOf(compiled(stockRules)).map(({ column }) => column);

/** A step of a row's way: the rule is found, or a column is asked. */
interface Step {
  readonly rule: Rule | undefined;
  /** Number of the column that is asked; -1 at the end. */
  readonly column: number;
  /** By number of the answer. */
  readonly next: Step[];
  /** The step before, and what its column answered. */
  readonly before: Step | undefined;
  readonly answer: Answer | undefined;
}

/** What has been learnt about rows so far. */
interface Memory {
  readonly size: number;
  evaluate(batch: Columns): Judged;
}

function createMemory(rules: readonly CompiledRule[], questions: readonly Question[]): Memory {
  const numbers = new Map(questions.map(({ column }, number) => [column, number]));
  const columns = questions.map(createAnswers);
  const results = new Map<string, Rule>();
  let steps = 0;
  const first = step(undefined, undefined);

  function step(before: Step | undefined, answer: Answer | undefined): Step {
    steps++;
    const found = decide(rules, (column) => answerOnTheWay(numbers.get(column) as number, before, answer));
    return typeof found === "string"
      ? { rule: undefined, column: numbers.get(found) as number, next: [], before, answer }
      : { rule: shared(found), column: -1, next: [], before, answer };
  }

  /** Different ways may lead to equal results. */
  function shared(rule: Rule): Rule {
    const key = `${rule.id} ${rule.description}`;
    const same = results.get(key);
    if (same === undefined) results.set(key, rule);
    return same ?? rule;
  }

  return {
    get size() {
      return steps + columns.reduce((sum, answers) => sum + answers.count, 0);
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

/** What a column has answered before the step that follows `before` by `answer`; undefined if it was not asked. */
function answerOnTheWay(column: number, before: Step | undefined, answer: Answer | undefined): Answer | undefined {
  let given = answer;
  for (let at = before; at !== undefined; at = at.before) {
    if (at.column === column) return given;
    given = at.answer;
  }
  return undefined;
}

/** The name of a column that has to be asked before one can tell. */
type Ask = string;
type AnswerOf = (column: string) => Answer | undefined;

function decide(rules: readonly CompiledRule[], answerOf: AnswerOf, within?: CompiledRule): Rule | Ask {
  for (const candidate of rules) {
    const holds = anyHolds(candidate.sets, answerOf);
    if (typeof holds === "string") return holds;
    if (holds) return decide(candidate.refinements, answerOf, candidate);
  }
  return describe(within as CompiledRule, answerOf);
}

function anyHolds(sets: CompiledRule["sets"], answerOf: AnswerOf): boolean | Ask {
  for (const tests of sets) {
    const holds = allHold(tests, answerOf);
    if (holds !== false) return holds;
  }
  return sets.length === 0;
}

function allHold(tests: readonly Test[], answerOf: AnswerOf): boolean | Ask {
  for (const test of tests) {
    const answer = firstPresent(test.columns, answerOf);
    if (typeof answer === "string") return answer;
    if (!(answer === undefined ? test.accepts(null) : answer.accepted.has(test))) return false;
  }
  return true;
}

function describe({ rule, description }: CompiledRule, answerOf: AnswerOf): Rule | Ask {
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

/** The answer of the first column that has a value; undefined if none has. */
function firstPresent(columns: readonly string[], answerOf: AnswerOf): Answer | undefined | Ask {
  for (const column of columns) {
    const answer = answerOf(column);
    if (answer === undefined) return column;
    if (!answer.absent) return answer;
  }
  return undefined;
}
