import { type LakeObject, makeObject, type ObjectOptions } from "./object.ts";
import { createRandom } from "./random.ts";
import { type SourceName, sourceNames } from "./sources/sources.ts";
import { regions } from "./sources/world.ts";

export interface LakeOptions extends Omit<ObjectOptions, "source" | "account" | "region" | "layout" | "codec"> {
  /** All of them where not said. */
  readonly sources?: readonly SourceName[];
  /** Objects of each source; 1 where not said. */
  readonly objects?: number;
}

/** Objects of every source, one at a time: of several accounts and regions, each in the layout of its source. */
export function* makeLake({
  sources = sourceNames,
  objects = 1,
  seed = 1,
  to = Date.now(),
  ...options
}: LakeOptions = {}): Generator<LakeObject, void> {
  const accounts = lakeAccounts(String(seed));
  for (let turn = 0; turn < objects; turn++) {
    for (const source of sources) {
      yield makeObject({
        ...options,
        source,
        to,
        seed: objects === 1 ? seed : `${seed}/${turn}`,
        account: accounts[turn % accounts.length] as string,
        region: regions[Math.floor(turn / accounts.length) % regions.length] as string,
      });
    }
  }
}

function lakeAccounts(seed: string): string[] {
  const random = createRandom(`${seed}/accounts`);
  return ["111122223333", random.digits(12), random.digits(12)];
}

/** A bucket's name as Security Lake gives them. */
export function lakeBucket(region: string = regions[0], seed: string | number = 1): string {
  const random = createRandom(`${seed}/${region}/bucket`);
  return `aws-security-data-lake-${region}-${random.base32(30).toLowerCase()}`;
}
