import { noteOf, type Result, remedy, type State } from "../check.ts";
import { shown } from "../command.ts";
import { byRemedy, type Group, groups, troubled, type Verdict } from "../verdict.ts";
import { toExplain } from "./docs.ts";
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
export function htmlReport({ line, error }: Verdict, results: readonly Result[]): string {
  const subjects = [...new Set(results.map(({ subject }) => subject))];
  const parts = subjects.map((subject) => {
    const own = groups(results.filter((result) => result.subject === subject));
    return `<h2>${error === undefined ? "Subscriber of " : ""}${escaped(subject)}</h2>\n${own.map(section).join("\n")}`;
  });
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Security Lake subscription</title><style>${style}</style></head>
<body><h1>${escaped(line)}</h1>
${parts.join("\n")}
<p>More of a check: ${toExplain("NAME")}</p>
</body></html>
`;
}

function section({ results, obstacle }: Group): string {
  const [first] = results;
  const { check, state, seen } = first;
  const fix = obstacle && remedy(obstacle);
  const names = new Map(results.map((result) => [result.check.id, result.check.title]));
  const title = [...names].map(([id, name]) => `${escaped(name)} <small>(${id})</small>`).join("; ");
  const parts =
    obstacle === undefined && names.size === 1
      ? byRemedy(results).flatMap((same, place) => [
          ...same.map((result) => `<p>${escaped(result.seen)}</p>`),
          ...(place === 0 && troubled(same[0]) ? [`<p>Why: ${escaped(check.explain)}</p>`] : []),
          ...advice(same[0]),
        ])
      : [`<p>${escaped(seen)}</p>`, ...advice({ ...first, ...(fix !== undefined && { fix }) })];
  const head = `<h3><span class="state" style="color:${colours[state]}">${state}</span> ${title}</h3>`;
  return `<section style="border-color:${colours[state]}">${[head, ...parts].join("\n")}</section>`;
}

function advice(result: Result): string[] {
  const { fix, policy, paste, console, commands = [] } = result;
  const note = noteOf(result);
  return [
    ...(fix === undefined ? [] : [`<p><strong>To do:</strong> ${escaped(fix)}</p>`]),
    ...(console === undefined ? [] : [`<p>Console: ${escaped(console)}</p>`]),
    ...(note === undefined ? [] : [`<p>${escaped(note)}</p>`]),
    ...(policy === undefined ? [] : [`<pre>${escaped(JSON.stringify(policy, null, 2))}</pre>`]),
    ...(paste === undefined ? [] : [`<pre>${escaped(paste)}</pre>`]),
    ...(commands.length === 0 ? [] : [`<pre>${escaped(commands.map(shown).join("\n"))}</pre>`]),
  ];
}
