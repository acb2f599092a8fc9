import { describe, expect, it } from "vitest";
import { type Columns, createRuleset, type RuleSource, ruleColumns, stockRules, type Value } from "../src/index.ts";
import { cases, type Row } from "./cases.ts";
import { columnsOf } from "./columns.ts";

const last: RuleSource = { id: "9", level: 3, description: "Amazon Security Lake - rest" };

function rule(id: string, more: Partial<RuleSource>): RuleSource {
  return { id, level: 3, description: `Amazon Security Lake - ${id}`, ...more };
}

function idOf(rules: readonly RuleSource[], row: Row): string {
  return createRuleset(rules)
    .evaluate(columnsOf([row]))
    .rule(0).id;
}

/** Counts how often entries of a column's dictionary are asked for. */
function counting(columns: Columns, path: string): { readonly columns: Columns; readonly asked: () => number } {
  let count = 0;
  const { ids, dictionary } = columns.columns.get(path) as NonNullable<ReturnType<Columns["columns"]["get"]>>;
  const counted = {
    length: dictionary.length,
    value(id: number): unknown {
      count++;
      return dictionary.value(id);
    },
  };
  return {
    columns: { ...columns, columns: new Map([...columns.columns, [path, { ids, dictionary: counted }]]) },
    asked: () => count,
  };
}

describe("the order of rules", () => {
  const a = rule("1", { when: { status: ["a", "ab"] } });
  const b = rule("2", { when: { status: ["b", "ab"] } });

  it("is the order in which they are tried", () => {
    expect(idOf([a, b, last], { status: "ab" })).toBe("1");
    expect(idOf([b, a, last], { status: "ab" })).toBe("2");
  });

  it("ends with the rule that has no conditions", () => {
    expect(idOf([a, b, last], { status: "c" })).toBe("9");
    expect(idOf([a, b, last], {})).toBe("9");
  });

  it("goes down into the rules within one that matches, and stays with it where none of them does", () => {
    const within = {
      ...a,
      rules: [rule("3", { when: { activity_name: "x" }, rules: [rule("4", { when: { severity: "y" } })] })],
    };
    expect(idOf([within, b, last], { status: "ab", activity_name: "x", severity: "y" })).toBe("4");
    expect(idOf([within, b, last], { status: "ab", activity_name: "x" })).toBe("3");
    expect(idOf([within, b, last], { status: "ab", severity: "y" })).toBe("1");
  });

  it("is not left by a rule that matched, even if one after it has more to say", () => {
    const wider = rule("1", { when: { status: "ab" }, rules: [rule("3", { when: { activity_name: "x" } })] });
    expect(
      idOf([wider, rule("2", { when: { status: "ab", severity: "y" } }), last], { status: "ab", severity: "y" }),
    ).toBe("1");
  });
});

describe("conditions of a rule", () => {
  it("must all hold", () => {
    const both = rule("1", { when: { status: "a", severity: "y" } });
    expect(idOf([both, last], { status: "a", severity: "y" })).toBe("1");
    expect(idOf([both, last], { status: "a" })).toBe("9");
  });

  it("may come in several sets, of which one must hold", () => {
    const either = rule("1", { when: [{ status: "a" }, { status: null, severity: "y" }] });
    expect(idOf([either, last], { status: "a", severity: "z" })).toBe("1");
    expect(idOf([either, last], { severity: "y" })).toBe("1");
    expect(idOf([either, last], { status: "b", severity: "y" })).toBe("9");
  });

  it("judge the first of alternative columns that has a value", () => {
    const mfa = rule("1", { when: { "is_mfa|mfa": false } });
    expect(idOf([mfa, last], { is_mfa: null, mfa: false })).toBe("1");
    expect(idOf([mfa, last], { is_mfa: true, mfa: false })).toBe("9");
  });

  it("take an empty text, a null and a column that the file lacks for the same: no value", () => {
    const missing = rule("1", { when: { status: null } });
    for (const row of [{ status: "" }, { status: null }, { severity: "y" }])
      expect(idOf([missing, last], row)).toBe("1");
  });
});

describe("a rule", () => {
  const outer = rule("1", {
    groups: ["outer"],
    compliance: { gdpr: ["IV_32.2"] },
    mitre: ["T1530"],
    rules: [
      rule("2", { when: { status: "a" }, groups: ["inner"] }),
      rule("3", { when: { status: "b" }, compliance: { tsc: ["CC6.1"] } }),
    ],
  });
  const judged = createRuleset([outer]).evaluate(columnsOf([{ status: "a" }, { status: "b" }, { status: "c" }]));

  it("inherits the groups of the rules around it, after that of the feed", () => {
    expect(judged.rule(0).groups).toEqual(["amazon_security_lake", "outer", "inner"]);
  });

  it("inherits the compliance of the rule around it unless it has its own", () => {
    expect(judged.rule(0).gdpr).toEqual(["IV_32.2"]);
    expect(judged.rule(1)).toMatchObject({ tsc: ["CC6.1"] });
    expect(judged.rule(1)).not.toHaveProperty("gdpr");
  });

  it("has the names of its techniques, which it does not inherit", () => {
    expect(judged.rule(2).mitre).toEqual({
      id: ["T1530"],
      tactic: ["Collection"],
      technique: ["Data from Cloud Storage"],
    });
    expect(judged.rule(0)).not.toHaveProperty("mitre");
  });

  it("names a tactic once even if techniques share it", () => {
    const [shared] = stockRules
      .filter(({ id }) => id === "99001")
      .flatMap(({ rules = [] }) => rules)
      .filter(({ id }) => id === "99022");
    const { mitre } = createRuleset([{ ...shared, when: {} }, last])
      .evaluate(columnsOf([{}]))
      .rule(0);
    expect(mitre?.id).toEqual(["T1098.003", "T1078.004"]);
    expect(new Set(mitre?.tactic).size).toBe(mitre?.tactic.length);
  });
});

describe("a description", () => {
  const shown = [rule("1", { description: "Amazon Security Lake - $(api.operation|activity_name): $(status)" })];
  const describeRow = (row: Row): string =>
    createRuleset(shown)
      .evaluate(columnsOf([row]))
      .rule(0).description;

  it("shows the values of the row", () => {
    expect(describeRow({ "api.operation": "GetObject", status: "Success" })).toBe(
      "Amazon Security Lake - GetObject: Success",
    );
    expect(describeRow({ activity_name: "Read", status: 7n })).toBe("Amazon Security Lake - Read: 7");
  });

  it("says unknown for a value that is missing", () => {
    expect(describeRow({ status: "" })).toBe("Amazon Security Lake - unknown: unknown");
  });

  it("shows a value that looks like a placeholder as it is", () => {
    expect(describeRow({ "api.operation": "$& $(status)", status: "x" })).toBe(
      "Amazon Security Lake - $& $(status): x",
    );
  });

  it("shows no more than 256 characters of a value", () => {
    expect(describeRow({ activity_name: "x".repeat(300), status: "y" })).toBe(
      `Amazon Security Lake - ${"x".repeat(255)}…: y`,
    );
  });
});

describe("evaluation", () => {
  it("gives the same object for equal results, in other batches and of other columns too", () => {
    const ruleset = createRuleset();
    const [first] = cases["99022"];
    const here = ruleset.evaluate(columnsOf([first, first]));
    const there = ruleset.evaluate(columnsOf([{ ...first, "src_endpoint.ip": "203.0.113.9", status: "Other" }]));
    expect(here.rule(0)).toBe(here.rule(1));
    expect(there.rule(0)).toBe(here.rule(0));
  });

  it("judges a value of a dictionary once, however many rows and batches have it", () => {
    const [row] = cases["99022"];
    const { columns, asked } = counting(columnsOf(Array.from({ length: 50 }, () => row)), "api.operation");
    const ruleset = createRuleset();
    for (let batch = 0; batch < 3; batch++) {
      const judged = ruleset.evaluate(columns);
      for (let at = 0; at < columns.rowCount; at++) judged.rule(at);
    }
    expect(asked()).toBe(1);
  });

  it("judges a value that was seen just before no second time, in files without dictionaries", () => {
    let judged = 0;
    const counted = rule("1", { when: { status: "a" } });
    const ruleset = createRuleset([counted, last]);
    const plain = (value: string): Columns => {
      // Judging makes a text of the value, and nothing else does.
      const spy = {
        toString(): string {
          judged++;
          return value;
        },
      } as unknown as string;
      return {
        rowCount: 3,
        columns: new Map([["status", { ids: Int32Array.of(0, 1, 2), dictionary: { length: 3, value: () => spy } }]]),
      };
    };
    const batch = ruleset.evaluate(plain("a"));
    expect([0, 1, 2].map((row) => batch.rule(row).id)).toEqual(["1", "1", "1"]);
    expect(judged).toBe(1);
  });

  it("reads no column whose value does not matter", () => {
    const [row] = cases["99022"];
    const { columns, asked } = counting(columnsOf([{ ...row, "api.request.data": "{…}" }]), "api.request.data");
    expect(createRuleset().evaluate(columns).rule(0).id).toBe("99022");
    expect(asked()).toBe(0);
  });

  it("says which columns it reads", () => {
    expect(createRuleset().columns).toEqual(ruleColumns);
    expect(createRuleset([rule("1", { when: { "a|b": 1 }, description: "$(c)" }), last]).columns).toEqual([
      "a",
      "b",
      "c",
    ]);
    expect(ruleColumns).toContain("api.operation");
  });

  it("stays right when there are more distinct descriptions than it keeps", () => {
    const ruleset = createRuleset();
    const [row] = cases["99224"];
    for (let batch = 0; batch < 8; batch++) {
      const titles = Array.from({ length: 10_000 }, (_, at) => ({
        ...row,
        "finding_info.title": `title ${batch} ${at}`,
      }));
      const judged = ruleset.evaluate(columnsOf(titles));
      const descriptions = titles.map((_, at) => judged.rule(at).description);
      expect(descriptions.at(0)).toMatch(new RegExp(`title ${batch} 0$`));
      expect(new Set(descriptions).size).toBe(titles.length);
    }
  });

  it("says of any row what the rules say of it when they are read one after the other", () => {
    const rows = mixtures(Object.values(cases).flat(), 5000);
    const judged = createRuleset().evaluate(columnsOf(rows));
    for (const [at, row] of rows.entries()) expect(judged.rule(at).id, `row ${at}`).toBe(readOneByOne(stockRules, row));
  });
});

describe("a ruleset is refused", () => {
  it("when an event could be left without a rule", () => {
    expect(() => createRuleset([rule("1", { when: { status: "a" } })])).toThrow(/last rule has conditions/);
    expect(() => createRuleset([])).toThrow(/last rule/);
  });

  it("when two rules have one id", () => {
    expect(() => createRuleset([rule("9", { when: { status: "a" } }), last])).toThrow(/id 9/);
  });

  it("when it names a technique that nobody knows", () => {
    expect(() => createRuleset([{ ...last, mitre: ["T9999"] }])).toThrow(/T9999/);
  });
});

/** Rows whose columns come from several of the given ones, in a fixed order. */
function mixtures(rows: readonly Row[], count: number): Row[] {
  let state = 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return Array.from({ length: count }, () => {
    const mixed: Record<string, Value> = { ...rows[random(rows.length)] };
    for (const [column, value] of Object.entries(rows[random(rows.length)])) if (random(2) === 0) mixed[column] = value;
    return mixed;
  });
}

/** The rules' meaning, spelt out for one row and without any of the package's machinery. */
function readOneByOne(rules: readonly RuleSource[], row: Row): string | undefined {
  for (const { id, when, rules: within = [] } of rules) {
    const sets = when === undefined ? [{}] : [when].flat();
    if (sets.some((set) => Object.entries(set).every(([place, predicate]) => holds(predicate, valueAt(place, row))))) {
      return readOneByOne(within, row) ?? id;
    }
  }
  return undefined;
}

function valueAt(place: string, row: Row): string | null {
  const value = place
    .split("|")
    .map((column) => row[column] ?? "")
    .find((candidate) => candidate !== "");
  return value === undefined ? null : String(value).toLowerCase();
}

function holds(predicate: unknown, value: string | null): boolean {
  if (Array.isArray(predicate)) return predicate.some((one) => holds(one, value));
  if (predicate === null) return value === null;
  if (typeof predicate !== "object") return value === String(predicate).toLowerCase();
  const [[kind, argument]] = Object.entries(predicate as object);
  if (kind === "not") return !holds(argument, value);
  if (value === null) return false;
  if (kind === "matches") return new RegExp(argument, "i").test(value);
  const parts = [argument].flat().map((part: string) => part.toLowerCase());
  return parts.some((part) => (kind === "contains" ? value.includes(part) : value.startsWith(part)));
}
