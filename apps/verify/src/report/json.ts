import type { Check, Result } from "../check.ts";
import { shown } from "../command.ts";
import type { Verdict } from "../verdict.ts";
import { toExplain } from "./docs.ts";

/** The report for programs, as report.schema.json describes it. Members are only ever added. */
export function jsonReport({ line, counts, error }: Verdict, results: readonly Result[]): string {
  const report = {
    version: 1,
    verdict: line,
    ...(error !== undefined && { error }),
    counts,
    results: results.map(({ check, subject, state, seen, fix, policy, paste, console, commands, obstacle }) => ({
      id: check.id,
      title: check.title,
      subject,
      state,
      seen,
      why: check.explain,
      ...(fix !== undefined && { fix }),
      ...(policy !== undefined && { policy }),
      ...(paste !== undefined && { paste }),
      ...(console !== undefined && { console }),
      ...(commands !== undefined && { commands: commands.map(shown) }),
      ...(obstacle !== undefined && { because: obstacle.because }),
      ...(obstacle?.rights !== undefined && { rights: obstacle.rights }),
      docs: toExplain(check.id),
    })),
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

/** The table of checks for programs. */
export function jsonList(checks: readonly Check[]): string {
  const table = checks.map(({ id, title, explain, needs, effect }) => ({
    id,
    title,
    explain,
    needs,
    ...(effect !== undefined && { effect }),
  }));
  return `${JSON.stringify(table, null, 2)}\n`;
}
