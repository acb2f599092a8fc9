import type { Answers, Share } from "./answers.ts";

/** Of the wodle's own summary, what is shown. */
export interface WodleSummary {
  readonly events: number;
  readonly seconds: number;
  readonly objects: number;
  readonly peakMemory: number;
}

export interface Outcome {
  readonly answers: Answers;
  readonly summary: WodleSummary;
  readonly messagesLeft: number;
  readonly deadLetters: number;
}

/** The results, for standard output. */
export function reportText({ answers, summary, messagesLeft, deadLetters }: Outcome, colours: boolean): string {
  const bold = (text: string): string => (colours ? `\x1b[1m${text}\x1b[0m` : text);
  const rate = summary.seconds > 0 ? Math.round(summary.events / summary.seconds) : 0;
  return [
    bold("rule.groups: amazon_security_lake"),
    "",
    shares("Events per source", answers.perSource, bold),
    shares("Events per severity", answers.perSeverity, bold),
    shares("Events per rule level", answers.perLevel, bold),
    bold("One event in full"),
    JSON.stringify(answers.example, null, 2),
    "",
    table([
      ["Events found", number(answers.total)],
      ["Objects read", number(summary.objects)],
      ["Messages left in the queue", number(messagesLeft)],
      ["Dead letters", number(deadLetters)],
      ["Events per second", `${number(rate)} (in ${summary.seconds.toFixed(1)} s)`],
      ["Peak memory of the wodle", `${Math.round(summary.peakMemory / 1024 / 1024)} MiB`],
    ]),
  ].join("\n");
}

function shares(title: string, rows: readonly Share[], bold: (text: string) => string): string {
  return `${bold(title)}\n${table(rows.map(({ name, events }) => [`  ${name}`, number(events)]))}`;
}

/** The last column to the right, where it is a number. */
function table(rows: readonly (readonly [string, string])[]): string {
  const left = Math.max(28, ...rows.map(([name]) => name.length));
  const right = Math.max(8, ...rows.filter(([, value]) => /^[\d,]+$/.test(value)).map(([, value]) => value.length));
  return rows
    .map(([name, value]) => `${name.padEnd(left)} ${/^[\d,]+$/.test(value) ? value.padStart(right) : value}\n`)
    .join("");
}

function number(value: number): string {
  return value.toLocaleString("en-US");
}
