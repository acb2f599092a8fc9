/** Pseudo-random values that depend on the seed alone, on every machine. */
export interface Random {
  /** At least 0, below 1. */
  unit(): number;
  /** An integer from `from` to `to`, both included. */
  between(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<T>(pool: readonly T[]): T;
  /** Prefers the front of the pool, as a power law does: few accounts, roles and addresses make most of the events. */
  skewed<T>(pool: readonly T[]): T;
  hex(digits: number): string;
  digits(count: number): string;
  /** Upper-case letters and digits of AWS's ids. */
  base32(count: number): string;
  uuid(): string;
}

export function createRandom(seed: string): Random {
  const next = sfc32(seed);
  const unit = (): number => next() / 2 ** 32;
  const below = (count: number): number => Math.floor(unit() * count);
  const letters = (alphabet: string, count: number): string => {
    let text = "";
    for (let at = 0; at < count; at++) text += alphabet[below(alphabet.length)];
    return text;
  };
  const hex = (digits: number): string => {
    let text = "";
    while (text.length < digits) text += next().toString(16).padStart(8, "0");
    return text.slice(0, digits);
  };
  return {
    unit,
    between: (from, to) => from + below(to - from + 1),
    chance: (probability) => unit() < probability,
    pick: (pool) => pool[below(pool.length)] as (typeof pool)[number],
    skewed: (pool) => pool[Math.floor(pool.length * unit() ** 3)] as (typeof pool)[number],
    hex,
    digits: (count) => letters("0123456789", count),
    base32: (count) => letters("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", count),
    uuid: () => {
      const digits = hex(32);
      return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-a${digits.slice(17, 20)}-${digits.slice(20)}`;
    },
  };
}

/** A pick by weight; weights need not add up to anything. */
export function choice<T>(weighted: readonly (readonly [value: T, weight: number])[]): (random: Random) => T {
  const total = weighted.reduce((sum, [, weight]) => sum + weight, 0);
  return (random) => {
    let left = random.unit() * total;
    for (const [value, weight] of weighted) {
      left -= weight;
      if (left < 0) return value;
    }
    return (weighted.at(-1) as readonly [T, number])[0];
  };
}

/** Chris Doty-Humphrey's sfc32: 128 bits of state, unsigned 32-bit results. */
function sfc32(seed: string): () => number {
  let [a, b, c] = [hash(seed, 1), hash(seed, 2), hash(seed, 3)];
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter++) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 12; round++) next();
  return next;
}

/** FNV-1a over UTF-16 units. */
function hash(text: string, salt: number): number {
  let state = 0x811c9dc5 ^ Math.imul(salt, 0x9e3779b1);
  for (let at = 0; at < text.length; at++) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
  return state ^ (state >>> 15);
}
