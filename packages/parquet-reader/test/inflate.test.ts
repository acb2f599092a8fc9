import { constants, deflateRawSync } from "node:zlib";
import { expect, it } from "vitest";
import { Arena } from "../src/arena.ts";
import { INFLATED_END } from "../src/kernel/layout.ts";
import { createWasmKernel } from "../src/kernel/wasm.ts";
import { createReferenceKernel } from "../src/reference/kernel.ts";

const arena = new Arena();
const host = { render: () => 0, dropRepeatedKeys: () => 0 };
const kernel = createWasmKernel(arena, host);
const zlib = createReferenceKernel(arena, host);
const ROOM = 1 << 20;
arena.reset(64 << 20);
kernel.prepare(1);
const source = arena.alloc(ROOM);
const out = arena.alloc(ROOM);

/** Numbers that are the same in each run: xorshift32. */
function numbers(seed: number): (below: number) => number {
  let state = seed * 2654435761 + 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Of any size, and of an alphabet, runs and repetitions of any sort, so that codes of all lengths come about. */
function anyBytes(below: (bound: number) => number): Uint8Array {
  const bytes = new Uint8Array(below(4) === 0 ? below(100_000) : below(600));
  const alphabet = 1 + below(256);
  const skew = 1 + below(4);
  for (let i = 0; i < bytes.length; ) {
    const back = 1 + below(40_000);
    const length = below(3) === 0 ? below(300) : 0;
    if (back <= i) for (let n = 0; n < length && i < bytes.length; n++, i++) bytes[i] = bytes[i - back];
    let symbol = below(alphabet);
    for (let n = 1; n < skew; n++) symbol = below(symbol + 1);
    if (i < bytes.length) bytes[i++] = symbol;
  }
  return bytes;
}

function anyStream(below: (bound: number) => number): { packed: Uint8Array; bytes: Uint8Array } {
  const bytes = anyBytes(below);
  const strategies = [
    constants.Z_DEFAULT_STRATEGY,
    constants.Z_FILTERED,
    constants.Z_HUFFMAN_ONLY,
    constants.Z_RLE,
    constants.Z_FIXED,
  ];
  const options = { level: below(10), memLevel: 1 + below(9), strategy: strategies[below(strategies.length)] };
  return { packed: deflateRawSync(bytes, options), bytes };
}

/** Bytes and end of the stream at `source`, or undefined when it is refused. */
function inflate({ inflate: unpack }: typeof kernel, packed: Uint8Array, room: number) {
  arena.u8.set(packed, source);
  arena.u8.fill(0xa5, source + packed.length, source + packed.length + 16);
  const length = unpack(source, packed.length, out, room);
  if (length < 0) return undefined;
  return { bytes: Buffer.from(arena.u8.slice(out, out + length)), end: arena.u32[INFLATED_END >> 2] - source };
}

it.each([1, 2, 3, 4])("inflates what zlib deflates, whatever came before, seed %i", (seed) => {
  const below = numbers(seed);
  for (let i = 0; i < 250; i++) {
    const { packed, bytes } = anyStream(below);
    const got = inflate(kernel, packed, bytes.length);
    expect(got?.end).toBe(packed.length);
    expect(got?.bytes.equals(bytes)).toBe(true);
    if (bytes.length > 0) expect(inflate(kernel, packed, bytes.length - 1)).toBeUndefined();
  }
});

it.each([1, 2, 3, 4])("of a broken stream gives what zlib gives, or nothing, seed %i", (seed) => {
  const below = numbers(seed + 100);
  let refused = 0;
  for (let i = 0; i < 250; i++) {
    const { packed, bytes } = anyStream(below);
    const broken = packed.subarray(0, below(3) === 0 ? below(packed.length) : packed.length).slice();
    for (let n = below(4); n >= 0 && broken.length > 0; n--) broken[below(broken.length)] ^= 1 << below(8);
    const room = bytes.length + below(64);
    const theirs = inflate(zlib, broken, room);
    const marked = out + room + 64;
    arena.u8.fill(0x5a, marked, marked + 64);
    const ours = inflate(kernel, broken, room);
    expect(arena.u8.subarray(marked, marked + 64).every((byte) => byte === 0x5a)).toBe(true);
    if (theirs === undefined) refused++;
    else expect(ours).toEqual(theirs);
  }
  expect(refused).toBeGreaterThan(50);
});
