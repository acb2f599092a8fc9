import { styleText } from "node:util";
import type { Check, Result, State } from "../check.ts";
import type { Verdict } from "../verdict.ts";

const marks: Readonly<Record<State, { readonly mark: string; readonly colour: "green" | "yellow" | "red" | "gray" }>> =
  {
    ok: { mark: "✔", colour: "green" },
    warning: { mark: "!", colour: "yellow" },
    failed: { mark: "✘", colour: "red" },
    "could not check": { mark: "?", colour: "yellow" },
    "not applicable": { mark: "-", colour: "gray" },
  };

/** The report for people: the verdict, then each check in the order of the table. */
export function textReport(verdict: Verdict, results: readonly Result[], colours: boolean): string {
  const paint = (colour: "green" | "yellow" | "red" | "gray" | "bold", text: string): string =>
    colours ? styleText(colour, text, { validateStream: false }) : text;
  const lines: string[] = [paint("bold", verdict.line)];
  let subject: string | undefined;
  for (const result of results) {
    if (result.subject !== subject) lines.push("", `Subscriber of ${result.subject}`);
    subject = result.subject;
    const { mark, colour } = marks[result.state];
    const { id, title } = result.check;
    // What is well takes one line, so that what is not stands out.
    const [head, ...seen] = troubled(result) ? [`${title} (${id})`, result.seen] : [`${title} (${id}): ${result.seen}`];
    lines.push(`  ${paint(colour, `${mark} ${result.state}`)}  ${head}`, ...seen.map((line) => `      ${line}`));
    lines.push(...remedy(result).map((line) => `      ${line}`));
  }
  return `${lines.join("\n")}\n`;
}

const troubled = ({ state }: Result): boolean => state === "failed" || state === "warning";

function remedy({ check, state, fix, policy, console, commands = [] }: Result): string[] {
  if (state === "ok" || state === "not applicable") return [];
  if (state === "could not check") return fix === undefined ? [] : [`To do: ${fix}`];
  return [
    `Why: ${check.explain}`,
    ...(fix === undefined ? [] : [`To do: ${fix}`]),
    // A command holds the policy already.
    ...(policy === undefined || commands.length > 0
      ? []
      : JSON.stringify(policy, null, 2)
          .split("\n")
          .map((line) => `  ${line}`)),
    ...(console === undefined ? [] : [`Console: ${console}`]),
    ...(commands.length === 0 ? [] : ["Commands:", ...commands.map((command) => `  ${command}`)]),
  ];
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
