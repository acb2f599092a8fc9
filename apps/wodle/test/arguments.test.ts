import { expect, it } from "vitest";
import { readArguments } from "../src/arguments.ts";

const options = {
  config: { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;
const read = (...args: string[]) => readArguments("once", { options }, args);

it.each([
  [["--nope"], "There is no option --nope."],
  [["--nope=hunter2", "--json=1"], "There is no option --nope."],
  [["--constructor"], "There is no option --constructor."],
  [["-x"], "There is no option -x."],
  [["-hx"], "There is no option -x."],
  [["--json=1"], "--json takes no value: write it alone."],
  [["--config"], "--config has no value: write --config VALUE."],
  [["--config="], "--config has no value: write --config VALUE."],
  [["--config", ""], "--config has no value: write --config VALUE."],
  [
    ["--config", "-1"],
    "--config has no value before -1: write --config VALUE, or --config=VALUE where it begins with a dash.",
  ],
  [
    ["--config", "--json"],
    "--config has no value before --json: write --config VALUE, or --config=VALUE where it begins with a dash.",
  ],
  [["typo"], '"typo" is no option: once takes nothing else.'],
  [["--", "--json"], '"--json" is no option: once takes nothing else.'],
])("says of %j what is wrong, what to write, and where to read on", (args, told) => {
  expect(() => read(...args)).toThrow(
    expect.objectContaining({ exitCode: 2, message: `${told} See security-lake-wodle once --help.` }),
  );
});

it("takes values that begin with a dash after =, the last of several, and words where there are operands", () => {
  expect(read("--config", "a", "--config=-b", "-h")).toMatchObject({ values: { config: "-b", help: true } });
  const command = { options, operands: true } as const;
  expect(readArguments("convert", command, ["a", "--json", "--", "-b"])).toMatchObject({
    values: { json: true },
    positionals: ["a", "-b"],
  });
});
