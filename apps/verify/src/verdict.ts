import { type Obstacle, type Result, remedy, type State } from "./check.ts";
import { counted } from "./count.ts";

/** What the report says first. */
export interface Verdict {
  readonly line: string;
  /** 0: nothing failed; 1: something did; 2: it could not run; 3: warnings only, where they count. */
  readonly exitCode: 0 | 1 | 2 | 3;
  /** Results by state; a check can have several. */
  readonly counts: Readonly<Record<State, number>>;
  /** Why it could not run. */
  readonly error?: string;
}

/** How a report is to be read. */
export interface Look {
  readonly colours: boolean;
}

/** Worst first: what is to be done first is the first of the worst. */
const byWeight: readonly State[] = ["failed", "warning", "could not check", "ok", "not applicable"];

export function verdictOf(results: readonly Result[], { strict = false } = {}): Verdict {
  const counts = countsOf(results.map(({ state }) => state));
  const worst = byWeight.flatMap((state) => results.filter((result) => result.state === state)).find(({ fix }) => fix);
  const exitCode = counts.failed > 0 ? 1 : strict && counts.warning > 0 ? 3 : 0;
  const states = worstStates(results);
  const bad = counts.failed > 0 ? "failed" : "warning";
  const worstIds = new Set(results.flatMap(({ check, state }) => (state === bad ? [check.id] : [])));
  return { line: `${summary(countsOf(states), [...worstIds])}${firstOf(results, worst)}`, exitCode, counts };
}

/** Where nothing was checked but, in `results`, what stands in the way. */
export function notRun(error: string, results: readonly Result[]): Verdict {
  return { line: `Could not run: ${error}`, exitCode: 2, counts: countsOf(results.map(({ state }) => state)), error };
}

function firstOf(results: readonly Result[], worst: Result | undefined): string {
  const fix = worst?.obstacle === undefined ? worst?.fix : shortRemedy(gathered(results, worst.obstacle).obstacle);
  const place = worst?.place === undefined ? "" : ` (${worst.place})`;
  const label = worst?.state === "could not check" ? "To check more" : "First";
  return fix === undefined ? "" : ` ${label}: ${fix}${place}.`;
}

/** Rights, in one line with everything else. */
const fewRights = 3;

/** What many rights would hide is said without them: they stand where the checks do. */
function shortRemedy(obstacle: Obstacle): string | undefined {
  const { rights = [], how } = obstacle;
  if (rights.length <= fewRights || how === undefined) return remedy(obstacle);
  return how.charAt(0).toUpperCase() + how.slice(1);
}

function countsOf(states: readonly State[]): Record<State, number> {
  return Object.fromEntries(byWeight.map((state) => [state, states.filter((one) => one === state).length])) as Record<
    State,
    number
  >;
}

/** One for each check of each subscriber. */
function worstStates(results: readonly Result[]): State[] {
  const worst = new Map<string, State>();
  for (const { check, subject, state } of results) {
    const key = JSON.stringify([check.id, subject]);
    const before = worst.get(key) ?? state;
    worst.set(key, byWeight.indexOf(state) < byWeight.indexOf(before) ? state : before);
  }
  return [...worst.values()];
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

/** What is told as one: all of a check in one state, or all that share an obstacle, or are not applicable for the same reason. */
export interface Group {
  readonly results: readonly [Result, ...Result[]];
  readonly obstacle?: Obstacle;
}

/** In the order of the results, each group where its first one stands. */
export function groups(results: readonly Result[]): Group[] {
  return results.flatMap((result): Group[] => {
    const { obstacle, ...group } = groupOf(result, results);
    const [first, ...others] = group.results;
    return first === result ? [{ results: [result, ...others], ...(obstacle !== undefined && { obstacle }) }] : [];
  });
}

function groupOf(result: Result, results: readonly Result[]): Pick<Group, "obstacle"> & { results: readonly Result[] } {
  if (result.obstacle !== undefined) return gathered(results, result.obstacle);
  const same = results.filter(({ state }) => state === result.state);
  if (result.state === "not applicable") return { results: same.filter(({ seen }) => seen === result.seen) };
  return { results: troubled(result) ? same.filter(({ check }) => check.id === result.check.id) : [result] };
}

export function troubled({ state }: Result): boolean {
  return state === "failed" || state === "warning";
}

/** Findings of one check by what is to be done about them, which is told once. */
export function byRemedy(results: readonly Result[]): (readonly [Result, ...Result[]])[] {
  const textOf = ({ check: _, seen: __, place: ___, ...rest }: Result) => JSON.stringify(rest);
  return [...Map.groupBy(results, textOf).values()] as [Result, ...Result[]][];
}

/** Names, in one line with everything else. */
const fewNames = 3;

function summary(counts: Readonly<Record<State, number>>, worst: readonly string[]): string {
  const of = (state: State, words: string) => (counts[state] === 0 ? [] : [`${counts[state]} ${words}`]);
  const names = ` (${(worst.length > fewNames ? [...worst.slice(0, fewNames), "…"] : worst).join(", ")})`;
  const warnings = counts.warning === 1 ? "warning" : "warnings";
  const parts = [
    ...of("failed", `failed${names}`),
    ...of("warning", counts.failed > 0 ? warnings : `${warnings}${names}`),
    ...of("could not check", "could not be checked"),
  ];
  const all = counted(
    byWeight.reduce((sum, state) => sum + counts[state], 0),
    "check",
  );
  const idle = counts["not applicable"];
  if (parts.length === 0) return `All well: ${all}${idle === 0 ? "" : `, ${idle} of them not applicable`}.`;
  const well = counts.failed + counts.warning === 0 ? "Nothing wrong was found. " : "";
  return `${well}Of ${all}: ${parts.join(", ")}.`;
}
