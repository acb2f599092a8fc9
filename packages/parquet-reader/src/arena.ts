import { ParquetError } from "./errors.ts";
import { HEAP_START, NULL_REF, RAW_BIT } from "./kernel/layout.ts";
import { type LinearMemory, wasm } from "./kernel/webassembly.ts";

const PAGE = 65536;
/** Bytes readable and writable beyond each block: copies go in steps of 16 and stop late. */
const SLACK = 64;
const INITIAL_PAGES = 32;
const GROWTH_PAGES = 64;
/** The top bit of an address marks raw values. */
const ADDRESSES: number = RAW_BIT;

/**
 * One linear memory with everything a reading works on. Views are replaced when the memory grows:
 * take `u8`, `u32` and `view` anew after each `alloc`.
 */
export class Arena {
  readonly memory: LinearMemory = new wasm.Memory({ initial: INITIAL_PAGES });
  u8!: Uint8Array<ArrayBuffer>;
  u32!: Uint32Array<ArrayBuffer>;
  view!: DataView<ArrayBuffer>;
  private top = HEAP_START;
  /** Freed blocks by size class. Not a Map: one that is cleared often keeps its past alive in the old generation. */
  private readonly free: number[][] = Array.from({ length: SIZE_CLASSES }, () => []);
  private limit = 0;

  constructor() {
    this.look();
  }

  /** Forgets all blocks but those below the mark. */
  reset(memoryBytes: number, mark: number = HEAP_START): void {
    this.top = mark;
    for (const list of this.free) if (list.length > 0) list.length = 0;
    this.limit = Math.min(memoryBytes, ADDRESSES);
    this.u8.fill(0, NULL_REF - 8, NULL_REF + 64); // NULL_REF, DROPPED_REF, FAULT
  }

  /** The end of all blocks there are. */
  mark(): number {
    return this.top;
  }

  get byteLength(): number {
    return this.u8.length;
  }

  /** A block of at least `size` bytes, aligned to 16, with slack beyond its end. Its content is arbitrary. */
  alloc(size: number): number {
    if (size > this.limit) throw this.above(size);
    const sizeClass = classOf(size + SLACK);
    const freed = this.free[sizeClass].pop();
    if (freed !== undefined) return freed;
    const room = roomOf(sizeClass);
    const at = this.top;
    this.grow(at + room);
    this.top = at + room;
    return at;
  }

  /** Gives a block back; `size` as it was asked for. */
  release(at: number, size: number): void {
    this.free[classOf(size + SLACK)].push(at);
  }

  /** Keeps the first `used` bytes of a block, where it is the last one. */
  shrink(block: { at: number; size: number }, used: number): void {
    if (block.at + roomOf(classOf(block.size + SLACK)) !== this.top) return;
    block.size = used;
    this.top = block.at + roomOf(classOf(used + SLACK));
  }

  /** A block holding `bytes`. */
  put(bytes: Uint8Array): number {
    const at = this.alloc(bytes.length);
    this.u8.set(bytes, at);
    return at;
  }

  private grow(end: number): void {
    if (end <= this.u8.length) return;
    if (end > this.limit) throw this.above(end);
    this.memory.grow(Math.max(Math.ceil((end - this.u8.length) / PAGE), GROWTH_PAGES));
    this.look();
  }

  private above(bytes: number): ParquetError {
    return new ParquetError(
      "LIMIT",
      `working memory of ${bytes} bytes is above the limit memoryBytes of ${this.limit}`,
    );
  }

  private look(): void {
    const { buffer } = this.memory;
    this.u8 = new Uint8Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.view = new DataView(buffer);
  }
}

const SMALL = 256;
const SMALL_CLASSES = SMALL / 16 + 1;
/** Four to each power of two up to 2^31. */
const SIZE_CLASSES: number = SMALL_CLASSES + 4 * 24;

/**
 * Size classes: steps of 16 bytes at first, then a quarter of the power of two below,
 * so that a freed block serves the next of about its size.
 */
function classOf(size: number): number {
  if (size <= SMALL) return (size + 15) >> 4;
  const last = size - 1;
  const power = 31 - Math.clz32(last);
  return SMALL_CLASSES + (power - 8) * 4 + (last >>> (power - 2)) - 4;
}

function roomOf(sizeClass: number): number {
  if (sizeClass < SMALL_CLASSES) return sizeClass * 16;
  const index = sizeClass - SMALL_CLASSES;
  return ((index & 3) + 5) * 2 ** ((index >> 2) + 6);
}
