import { describe, expect, it } from "vitest";
import { compileConditions, type Predicate, type Value } from "../src/condition.ts";

function accepts(predicate: Predicate, value: Value): boolean {
  return compileConditions({ column: predicate })[0].accepts(value);
}

describe("a predicate", () => {
  it.each<[string, Predicate, Value, boolean]>([
    ["takes a text whatever its case", "NoError", "NOERROR", true],
    ["takes no longer text", "NoError", "NoErrors", false],
    ["takes a number", 4001, 4001, true],
    ["takes a 64-bit number", 4001, 4001n, true],
    ["takes a number written as text", 4001, "4001", true],
    ["takes no number that begins alike", 22, 2222, false],
    ["takes a truth value", false, false, true],
    ["does not take a missing value for false", false, null, false],
    ["takes one of a list", ["Denied", "Blocked"], "blocked", true],
    ["takes none beside a list", ["Denied", "Blocked"], "Allowed", false],
    ["takes a missing value where it says so", null, null, true],
    ["takes a missing value as one of a list", ["iam.amazonaws.com", null], null, true],
    ["does not take a value for a missing one", null, "null", false],
    ["finds a text inside", { contains: "CloudTrail" }, "My cloudtrail fork", true],
    ["finds one of some texts inside", { contains: ["Denied", "Unauthorized"] }, "Client.UnauthorizedOperation", true],
    ["finds nothing in a missing value", { contains: "x" }, null, false],
    ["finds a beginning", { startsWith: "Update" }, "UpdateFunctionCode20150331v2", true],
    ["finds no beginning inside", { startsWith: "Function" }, "UpdateFunctionCode20150331v2", false],
    ["matches a pattern", { matches: "/pods/[^/]+/exec$" }, "/api/v1/namespaces/a/pods/b/exec", true],
    ["matches no pattern in a missing value", { matches: "" }, null, false],
    ["turns another around", { not: ["Denied"] }, "Allowed", true],
    ["turns another around for a missing value too", { not: { contains: "x" } }, null, true],
    ["tells any value from a missing one", { not: null }, 0, true],
    ["tells a missing value from any", { not: null }, null, false],
  ])("%s", (_, predicate, value, expected) => {
    expect(accepts(predicate, value)).toBe(expected);
  });
});

describe("conditions", () => {
  it("name the columns of a place in the order in which they are asked", () => {
    expect(compileConditions({ "is_mfa|mfa": false, status: "Success" }).map(({ columns }) => columns)).toEqual([
      ["is_mfa", "mfa"],
      ["status"],
    ]);
  });
});
