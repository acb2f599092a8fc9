import type { Result, State } from "./check.ts";

/** What the report says first. */
export interface Verdict {
  readonly line: string;
  /** 0: nothing failed; 1: something did. */
  readonly exitCode: 0 | 1;
  readonly counts: Readonly<Record<State, number>>;
}

/** Worst first: what is to be done first is the first of the worst. */
const byWeight: readonly State[] = ["failed", "could not check", "warning", "ok", "not applicable"];

export function verdictOf(results: readonly Result[]): Verdict {
  const counts = Object.fromEntries(
    byWeight.map((state) => [state, results.filter((result) => result.state === state).length]),
  ) as Record<State, number>;
  const worst = byWeight.flatMap((state) => results.filter((result) => result.state === state)).find(({ fix }) => fix);
  const first = worst === undefined ? "" : ` First: ${worst.fix}.`;
  return { line: `${summary(counts, results.length)}${first}`, exitCode: counts.failed > 0 ? 1 : 0, counts };
}

function summary(counts: Readonly<Record<State, number>>, all: number): string {
  const of = (state: State, words: string) => (counts[state] === 0 ? [] : [`${counts[state]} ${words}`]);
  const parts = [
    ...of("failed", "failed"),
    ...of("could not check", "could not be checked"),
    ...of("warning", counts.warning === 1 ? "warning" : "warnings"),
  ];
  return parts.length === 0 ? `All well: ${all} checks.` : `Of ${all} checks: ${parts.join(", ")}.`;
}
