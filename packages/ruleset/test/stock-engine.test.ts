import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createRuleset, type Rule, type Value } from "../src/index.ts";
import { columnsOf } from "./columns.ts";

/** An event, as the columns that rules read, and what the stock engine made of it; null: no alert. */
interface Judgement {
  readonly n: number;
  readonly from: string;
  readonly stock: { readonly id: string; readonly level: number } | null;
  readonly columns: Readonly<Record<string, Value>>;
}

const judgements: Judgement[] = readFileSync(join(import.meta.dirname, "fixtures", "stock-engine.ndjson"), "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => JSON.parse(line));

/** The stock rules that only gather what is of one product. Ours are the same or, nearly always, say more. */
const gathering: Readonly<Record<string, string>> = { 99001: "asl_cloudtrail", 99002: "asl_vpc", 99003: "asl_route53" };

/** Where a stock rule with a meaning of its own gives way to one of ours, and why. */
const differences: readonly { readonly stock: string; readonly ours: string; readonly why: string }[] = [
  { stock: "99020", ours: "99103", why: "a refused Lambda invocation is told from other failures" },
  { stock: "99020", ours: "99023", why: "an empty error text is no error" },
  { stock: "99021", ours: "99020", why: "frequency rules are left out" },
  { stock: "99028", ours: "99101", why: "a refused call has opened nothing" },
  { stock: "99029", ours: "99104", why: "sts:AssumeRole is looked for in api.request.data, not anywhere in the event" },
  { stock: "99051", ours: "99050", why: "ports are compared as numbers: 2222 is not 22" },
  { stock: "99057", ours: "99050", why: "ports are compared as numbers: 11350 is not 135" },
  { stock: "99080", ours: "99160", why: "what the DNS firewall blocked was not answered" },
];

function why({ stock }: Judgement, ours: Rule): string | undefined {
  if (stock === null) return "no alert at all";
  if (stock.id === ours.id) return "the same rule";
  const group = gathering[stock.id];
  if (group !== undefined) return ours.groups.includes(group) ? "more than a gathering rule" : undefined;
  return differences.find((difference) => difference.stock === stock.id && difference.ours === ours.id)?.why;
}

describe("what the stock engine says", () => {
  const ruleset = createRuleset();
  const ours = judgements.map(({ columns }) => ruleset.evaluate(columnsOf([columns])).rule(0));

  it("is what this ruleset says, or less, or different for a reason given here", () => {
    const unexplained = judgements.filter((judgement, place) => why(judgement, ours[place]) === undefined);
    expect(unexplained.map(({ from, stock }) => `${from}: ${stock?.id}`)).toEqual([]);
  });

  it("has no difference listed that does not occur", () => {
    const occurring = judgements.map((judgement, place) => why(judgement, ours[place]));
    expect(differences.filter(({ why }) => !occurring.includes(why))).toEqual([]);
  });

  it("has levels that ours keep", () => {
    const same = judgements.flatMap(({ stock }, place) =>
      stock?.id === ours[place].id ? [{ stock, ours: ours[place] }] : [],
    );
    expect(same.length).toBeGreaterThan(20);
    for (const pair of same) expect(pair.ours.level).toBe(pair.stock.level);
  });

  it("leaves events without an alert that have one here", () => {
    const silent = judgements.flatMap(({ stock }, place) => (stock === null ? [ours[place]] : []));
    expect(silent.length).toBeGreaterThan(20);
    for (const rule of silent) expect(rule.level).toBeGreaterThanOrEqual(3);
  });
});
