import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import attack from "../src/attack.json" with { type: "json" };
import { createRuleset, type RuleSource, stockRules } from "../src/index.ts";
import { cases } from "./cases.ts";
import { columnsOf } from "./columns.ts";

const folder = join(import.meta.dirname, "..", "src", "rules");
const all = [...flat(stockRules)];

function* flat(rules: readonly RuleSource[]): Generator<RuleSource> {
  for (const rule of rules) {
    yield rule;
    yield* flat(rule.rules ?? []);
  }
}

/** Each distinct description is a rule of its own to whoever counts alerts, so what it shows has few distinct values. */
const shownColumns = [
  "activity_name",
  "api.operation",
  "api.response.code",
  "api.response.error",
  "api.service.name",
  "class_name",
  "class_uid",
  "disposition",
  "finding.title",
  "finding_info.title",
  "firewall_rule.uid",
  "metadata.product.name",
  "query.type",
  "rcode",
  "rcode_id",
  "status",
  "status_code",
];

describe("rule files", () => {
  const schema = JSON.parse(readFileSync(join(folder, "..", "..", "rules.schema.json"), "utf8"));
  const validate = new Ajv2020({ strictTypes: false, formats: { regex: isPattern } }).compile(schema);

  it.each(readdirSync(folder).filter((name) => name.endsWith(".json")))("%s is valid by the schema", (name) => {
    validate(JSON.parse(readFileSync(join(folder, name), "utf8")));
    expect(validate.errors).toBeNull();
  });

  it.each([
    ["a level beyond 16", { level: 17 }],
    ["a technique that is none", { mitre: ["1078"] }],
    ["an unknown standard", { compliance: { iso_27001: ["A.1"] } }],
    ["a predicate that is none", { when: { status: { equals: "x" } } }],
    ["a column that is none", { when: { "Status Code": "x" } }],
    ["an unfinished placeholder", { description: "Amazon Security Lake - $(status" }],
  ])("the schema refuses %s", (_, wrong) => {
    expect(validate({ rules: [{ id: "99999", level: 3, description: "Amazon Security Lake - x", ...wrong }] })).toBe(
      false,
    );
  });

  it("have ids in the range of the stock rules of this feed, or in 99100 to 99299", () => {
    for (const { id } of all) {
      const number = Number(id);
      expect((number >= 99001 && number <= 99082) || (number >= 99100 && number <= 99299), id).toBe(true);
    }
  });

  it("have an id of their own each", () => {
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  });

  it("let no event be below level 3, so that each is shown", () => {
    expect(all.filter(({ level }) => level < 3)).toEqual([]);
  });

  it("describe in the manner of the stock rules", () => {
    for (const { description } of all) expect(description).toMatch(/^Amazon Security Lake - [A-Z$]/);
  });

  it("show only columns with few distinct values in descriptions", () => {
    const shown = all.flatMap(({ description }) =>
      [...description.matchAll(/\$\(([^)]*)\)/g)].flatMap(([, place]) => place.split("|")),
    );
    expect([...new Set(shown)].sort()).toEqual(shownColumns);
  });

  it("use every technique that attack.json names, and no other", () => {
    const used = new Set(all.flatMap(({ mitre = [] }) => mitre));
    expect(Object.keys(attack.techniques).sort()).toEqual([...used].sort());
  });

  it("name techniques, and tactics of ATT&CK 17", () => {
    const tactics = [
      "Reconnaissance",
      "Resource Development",
      "Initial Access",
      "Execution",
      "Persistence",
      "Privilege Escalation",
      "Defense Evasion",
      "Credential Access",
      "Discovery",
      "Lateral Movement",
      "Collection",
      "Command and Control",
      "Exfiltration",
      "Impact",
    ];
    for (const { technique, tactics: of } of Object.values(attack.techniques)) {
      expect(technique).not.toBe("");
      expect(tactics).toEqual(expect.arrayContaining(of));
    }
  });
});

function isPattern(text: string): boolean {
  try {
    new RegExp(text, "iu");
    return true;
  } catch {
    return false;
  }
}

describe("rules", () => {
  const ruleset = createRuleset();

  it("have a case each", () => {
    expect(Object.keys(cases).sort()).toEqual(all.map(({ id }) => id).sort());
  });

  it.each(Object.entries(cases))("%s judges what it is for, and not what is beside it", (id, [matching, beside]) => {
    const judged = ruleset.evaluate(columnsOf([matching, beside]));
    expect(judged.rule(0).id).toBe(id);
    expect(judged.rule(1).id).not.toBe(id);
  });

  it.each(Object.entries(cases))("%s is in the group of the feed first", (_, [matching]) => {
    expect(ruleset.evaluate(columnsOf([matching])).rule(0).groups[0]).toBe("amazon_security_lake");
  });
});
