export type { Column, Dictionary } from "./answer.ts";
export type { Conditions, Predicate, Value } from "./condition.ts";
export { type Columns, createRuleset, type Judged, type Ruleset, ruleColumns } from "./evaluate.ts";
export type { Compliance, Mitre, Rule, RuleSource } from "./rule.ts";
export { stockRules } from "./rules/index.ts";
