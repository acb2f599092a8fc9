import { noteOf, type Result, remedy, type State } from "../check.ts";
import { written } from "../command.ts";
import { type Group, groups, type Verdict } from "../verdict.ts";
import { escaped } from "./junit.ts";

const colours: Readonly<Record<State, string>> = {
  ok: "#1a7f37",
  warning: "#9a6700",
  failed: "#cf222e",
  "could not check": "#57606a",
  "not applicable": "#8c959f",
};

const style = `body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#1f2328;background:#fff}
h1{font-size:1.3em}h2{font-size:1.1em;margin-top:2em}h1,h2,h3,p{overflow-wrap:anywhere}
section{border-left:4px solid;padding:.2em 1em;margin:1em 0}h3{font-size:1em;margin:0}p{margin:.3em 0}
.state{display:inline-block;min-width:9em}pre{background:#f6f8fa;padding:.6em;white-space:pre-wrap;overflow-wrap:anywhere}
@page{margin:15mm}
@media print{body{max-width:none;margin:0;padding:0;font-size:11px;print-color-adjust:exact;-webkit-print-color-adjust:exact}section{margin:.5em 0}h2,h3{break-after:avoid}p{break-inside:avoid}pre{border:1px solid #ccc}}`;

/** One file that needs no other: no script, no font, no picture. */
export function htmlReport({ line }: Verdict, results: readonly Result[]): string {
  const subjects = [...new Set(results.map(({ subject }) => subject))];
  const parts = subjects.map((subject) => {
    const own = groups(results.filter((result) => result.subject === subject));
    return `<h2>Subscriber of ${escaped(subject)}</h2>\n${own.map(section).join("\n")}`;
  });
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Security Lake subscription</title><style>${style}</style></head>
<body><h1>${escaped(line)}</h1>
${parts.join("\n")}
</body></html>
`;
}

function section({ results, obstacle }: Group): string {
  const [{ check, state, seen, fix: own, policy, paste, console, commands = [] }] = results;
  const fix = obstacle === undefined ? own : remedy(obstacle);
  const note = noteOf(results[0]);
  const troubled = state === "failed" || state === "warning";
  const names = results
    .map((result) => `${escaped(result.check.title)} <small>(${result.check.id})</small>`)
    .join("; ");
  const lines = [
    `<h3><span class="state" style="color:${colours[state]}">${state}</span> ${names}</h3>`,
    `<p>${escaped(seen)}</p>`,
    ...(troubled ? [`<p>Why: ${escaped(check.explain)}</p>`] : []),
    ...(fix === undefined ? [] : [`<p><strong>To do:</strong> ${escaped(fix)}</p>`]),
    ...(console === undefined ? [] : [`<p>Console: ${escaped(console)}</p>`]),
    ...(note === undefined ? [] : [`<p>${escaped(note)}</p>`]),
    ...(policy === undefined ? [] : [`<pre>${escaped(JSON.stringify(policy, null, 2))}</pre>`]),
    ...(paste === undefined ? [] : [`<pre>${escaped(paste)}</pre>`]),
    ...(commands.length === 0 ? [] : [`<pre>${escaped(commands.map(written).join("\n"))}</pre>`]),
  ];
  return `<section style="border-color:${colours[state]}">${lines.join("\n")}</section>`;
}
