import { styleText } from "node:util";
import { type Check, noteOf, type Result, remedy, type State } from "../check.ts";
import { shown, written } from "../command.ts";
import { byRemedy, type Group, groups, type Look, troubled, type Verdict } from "../verdict.ts";
import { toExplain } from "./docs.ts";

type Colour = "green" | "yellow" | "red" | "gray" | "bold";
type Paint = (colour: Colour, text: string) => string;

const marks: Readonly<Record<State, { readonly mark: string; readonly colour: Colour }>> = {
  ok: { mark: "✔", colour: "green" },
  warning: { mark: "!", colour: "yellow" },
  failed: { mark: "✘", colour: "red" },
  "could not check": { mark: "?", colour: "yellow" },
  "not applicable": { mark: "-", colour: "gray" },
};

/** The report for people: the verdict, then each check in the order of the table. */
export function textReport(verdict: Verdict, results: readonly Result[], { colours }: Look): string {
  const paint: Paint = (colour, text) => (colours ? styleText(colour, text, { validateStream: false }) : text);
  const subjects = [...new Set(results.map(({ subject }) => subject))];
  const parts = subjects.map((subject) => {
    const own = results.filter((result) => result.subject === subject);
    return ["", `Subscriber of ${subject}`, ...groups(own).flatMap((group) => linesOf(group, paint))];
  });
  const more = results.length === 0 ? [] : ["", `More of a check: ${toExplain("NAME")}`];
  return `${[paint("bold", verdict.line), ...parts.flat(), ...more].map(printable(colours)).join("\n")}\n`;
}

function linesOf({ results, obstacle }: Group, paint: Paint): string[] {
  const [result] = results;
  const { id, title } = result.check;
  const { mark, colour } = marks[result.state];
  const state = `  ${paint(colour, `${mark} ${result.state}`)}  `;
  const others = results.filter(({ check }) => check.id !== id);
  const name = others.length === 0 ? `${title} (${id})` : [id, ...others.map(({ check }) => check.id)].join(", ");
  if (obstacle !== undefined) {
    const fix = remedy(obstacle);
    const help = [
      ...(fix === undefined ? [] : [fix]),
      ...(result.policy === undefined ? [] : toPaste(result.policy, [])),
    ];
    return [`${state}${name}: because ${obstacle.because}`, ...help.map(indented)];
  }
  // What is well takes one line, so that what is not stands out.
  if (!troubled(result)) return [`${state}${name}: ${result.seen}`, ...advice(result).map(indented)];
  const found = byRemedy(results).flatMap((same, place) => [
    ...same.map(({ seen }) => seen),
    ...(place === 0 ? [`Why: ${result.check.explain}`] : []),
    ...advice(same[0]),
  ]);
  return [`${state}${name}`, ...found.map(indented)];
}

const indented = (line: string): string => `      ${line}`;

const indentedTwice = (line: string): string => `  ${line}`;

function advice(result: Result): string[] {
  const { state, fix, policy, paste, console, commands = [] } = result;
  if (state === "could not check") return fix === undefined ? [] : [`To do: ${fix}`];
  if (!troubled(result)) return [];
  const note = noteOf(result);
  return [
    ...(fix === undefined ? [] : [`To do: ${fix}`]),
    ...(policy === undefined ? [] : toPaste(policy, commands.map(written))),
    ...(paste === undefined ? [] : paste.trimEnd().split("\n").map(indentedTwice)),
    ...(console === undefined ? [] : [`Console: ${console}`]),
    ...(note === undefined ? [] : [note]),
    ...(commands.length === 0 ? [] : ["Commands:", ...commands.map((command) => `  ${shown(command)}`)]),
  ];
}

/** Alone, a policy is for a person to read; beside commands it is there for the console, where none holds it as it is. */
function toPaste(policy: object, commands: readonly string[]): string[] {
  const text = JSON.stringify(policy);
  if (commands.some((command) => command.includes(text))) return [];
  return commands.length > 0 ? [`Policy: ${text}`] : JSON.stringify(policy, null, 2).split("\n").map(indentedTwice);
}

/** Names come from others: none of them moves the cursor of a terminal, or begins a line. */
function printable(colours: boolean): (line: string) => string {
  const control = colours
    ? /(?!\u001b\[\d+m)[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g
    : /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;
  return (line) => line.replaceAll(control, "\ufffd");
}

/** The table of checks for people. */
export function textList(checks: readonly Check[]): string {
  const entries = checks.flatMap(({ id, title, explain, needs, effect }) => [
    `${id}: ${title}`,
    `    ${explain}`,
    ...(needs.length === 0 ? [] : [`    Needs: ${needs.join(", ")}`]),
    ...(effect === undefined ? [] : [`    Effect: ${effect}.`]),
  ]);
  return `${entries.join("\n")}\n`;
}
