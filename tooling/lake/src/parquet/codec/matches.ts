/** A stretch of literals and the copy that follows it; the last stretch has no copy (length 0). */
export interface Match {
  readonly literalsFrom: number;
  readonly literalsTo: number;
  readonly offset: number;
  readonly length: number;
}

const hashBits = 14;
const farthest = 65_535;

/** Greedy search for repeated four-byte sequences, the heart of SNAPPY and LZ4. `tail` bytes at the end are literals. */
export function* matches(input: Uint8Array, tail: number): Generator<Match> {
  const seen = new Int32Array(1 << hashBits).fill(-1);
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const limit = input.length - tail;
  let literalsFrom = 0;
  for (let at = 0; at + 4 <= limit; ) {
    const word = view.getUint32(at, true);
    const slot = Math.imul(word, 0x9e3779b1) >>> (32 - hashBits);
    const candidate = seen[slot] as number;
    seen[slot] = at;
    if (candidate < 0 || at - candidate > farthest || view.getUint32(candidate, true) !== word) {
      at++;
      continue;
    }
    let length = 4;
    while (at + length < limit && input[candidate + length] === input[at + length]) length++;
    yield { literalsFrom, literalsTo: at, offset: at - candidate, length };
    at += length;
    literalsFrom = at;
  }
  yield { literalsFrom, literalsTo: input.length, offset: 0, length: 0 };
}
