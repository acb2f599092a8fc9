export type { Conditions, Predicate, Value } from "./condition.ts";
export {
  type Column,
  type Columns,
  createRuleset,
  type Dictionary,
  type Judged,
  type Ruleset,
  ruleColumns,
} from "./evaluate.ts";
export type { Compliance, Mitre, Rule, RuleSource } from "./rule.ts";
export { stockRules } from "./rules/index.ts";
