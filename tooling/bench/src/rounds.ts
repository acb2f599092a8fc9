import { median } from "./median.ts";

/** What was measured, by load; each value in the order of the rounds. */
export type Results<Measured> = ReadonlyMap<string, readonly Measured[]>;

/**
 * Measures each load once a round, in an order of chance, so that none always comes after the same other. Two rounds
 * before the first are thrown away: servers and compilers are slow until they are warm.
 */
export async function inRounds<Measured>(
  rounds: number,
  loads: Readonly<Record<string, () => Promise<Measured>>>,
  tell: (load: string, measured: Measured) => void,
): Promise<Results<Measured>> {
  const names = Object.keys(loads);
  const results = new Map<string, Measured[]>(names.map((name) => [name, []]));
  for (let round = -2; round < rounds; round++) {
    for (const name of shuffled(names)) {
      const measured = await (loads[name] as () => Promise<Measured>)();
      if (round < 0) continue;
      results.get(name)?.push(measured);
      tell(name, measured);
    }
  }
  return results;
}

function shuffled(names: readonly string[]): string[] {
  const places = new Map(names.map((name) => [name, Math.random()]));
  return names.toSorted((a, b) => (places.get(a) as number) - (places.get(b) as number));
}

/** The median of a value over the rounds. */
export function medianOf<Measured>(
  results: Results<Measured>,
  load: string,
  value: (measured: Measured) => number,
): number {
  return median((results.get(load) ?? []).map(value));
}

/**
 * The median of the rounds' own ratios of two loads. What slows a whole round down, such as another program, is in both
 * of its values and not in their ratio.
 */
export function medianRatio<Measured>(
  results: Results<Measured>,
  [over, under]: readonly [string, string],
  value: (measured: Measured) => number,
): number {
  const [above, below] = [results.get(over) ?? [], results.get(under) ?? []];
  return median(above.map((one, round) => value(one) / value(below[round] as Measured)));
}
