import { type Obstacle, type Result, remedy, type State } from "./check.ts";

/** What the report says first. */
export interface Verdict {
  readonly line: string;
  /** 0: nothing failed; 1: something did; 3: warnings only, where they count. */
  readonly exitCode: 0 | 1 | 3;
  readonly counts: Readonly<Record<State, number>>;
}

/** Worst first: what is to be done first is the first of the worst. */
const byWeight: readonly State[] = ["failed", "warning", "could not check", "ok", "not applicable"];

export function verdictOf(results: readonly Result[], { strict = false } = {}): Verdict {
  const counts = Object.fromEntries(
    byWeight.map((state) => [state, results.filter((result) => result.state === state).length]),
  ) as Record<State, number>;
  const worst = byWeight.flatMap((state) => results.filter((result) => result.state === state)).find(({ fix }) => fix);
  const fix = worst?.obstacle === undefined ? worst?.fix : remedy(gathered(results, worst.obstacle).obstacle);
  const first = fix === undefined ? "" : ` First: ${fix}.`;
  const exitCode = counts.failed > 0 ? 1 : strict && counts.warning > 0 ? 3 : 0;
  return { line: `${summary(counts, results.length)}${first}`, exitCode, counts };
}

/** Results that the same obstacle stood in the way of, and that obstacle with the rights that all of them need. */
export function gathered(
  results: readonly Result[],
  { because }: Obstacle,
): { readonly results: readonly Result[]; readonly obstacle: Obstacle } {
  const same = results.filter(({ obstacle }) => obstacle?.because === because);
  const rights = [...new Set(same.flatMap(({ obstacle }) => obstacle?.rights ?? []))];
  const how = same.find(({ obstacle }) => obstacle?.how !== undefined)?.obstacle?.how;
  return {
    results: same,
    obstacle: { because, ...(rights.length > 0 && { rights }), ...(how !== undefined && { how }) },
  };
}

/** What is told as one: a result, or all that share an obstacle, or are not applicable for the same reason. */
export interface Group {
  readonly results: readonly [Result, ...Result[]];
  readonly obstacle?: Obstacle;
}

/** In the order of the results, each group where its first one stands. */
export function groups(results: readonly Result[]): Group[] {
  return results.flatMap((result): Group[] => {
    if (result.obstacle !== undefined) {
      const { results: same, obstacle } = gathered(results, result.obstacle);
      return same[0] === result ? [{ results: [result, ...same.slice(1)], obstacle }] : [];
    }
    if (result.state !== "not applicable") return [{ results: [result] }];
    const same = results.filter(({ state, seen }) => state === result.state && seen === result.seen);
    return same[0] === result ? [{ results: [result, ...same.slice(1)] }] : [];
  });
}

function summary(counts: Readonly<Record<State, number>>, all: number): string {
  const of = (state: State, words: string) => (counts[state] === 0 ? [] : [`${counts[state]} ${words}`]);
  const parts = [
    ...of("failed", "failed"),
    ...of("warning", counts.warning === 1 ? "warning" : "warnings"),
    ...of("could not check", "could not be checked"),
  ];
  if (parts.length === 0) return `All well: ${all} checks.`;
  const well = counts.failed + counts.warning === 0 ? "Nothing wrong was found. " : "";
  return `${well}Of ${all} checks: ${parts.join(", ")}.`;
}
