import { ParquetError } from "./errors.ts";
import { HEAP_START, NULL_REF } from "./kernel/layout.ts";
import { type LinearMemory, wasm } from "./kernel/webassembly.ts";

const PAGE = 65536;
/** Bytes readable and writable beyond each block: copies go in steps of 16 and stop late. */
const SLACK = 64;
const INITIAL_PAGES = 32;
const GROWTH_PAGES = 64;

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
  private readonly free = new Map<number, number[]>();
  private limit = 0;

  constructor() {
    this.look();
  }

  /** Forgets all blocks. */
  reset(memoryBytes: number): void {
    this.top = HEAP_START;
    this.free.clear();
    this.limit = memoryBytes;
    this.u8.fill(0, NULL_REF - 8, NULL_REF + 64); // NULL_REF, DROPPED_REF, FAULT
  }

  get byteLength(): number {
    return this.u8.length;
  }

  /** A block of at least `size` bytes, aligned to 16, with slack beyond its end. Its content is arbitrary. */
  alloc(size: number): number {
    const room = rounded(size + SLACK);
    const freed = this.free.get(room)?.pop();
    if (freed !== undefined) return freed;
    const at = this.top;
    this.grow(at + room);
    this.top = at + room;
    return at;
  }

  /** Gives a block back; `size` as it was asked for. */
  release(at: number, size: number): void {
    const room = rounded(size + SLACK);
    const list = this.free.get(room);
    if (list === undefined) this.free.set(room, [at]);
    else list.push(at);
  }

  /** Keeps the first `used` bytes of a block, where it is the last one. */
  shrink(block: { at: number; size: number }, used: number): void {
    if (block.at + rounded(block.size + SLACK) !== this.top) return;
    block.size = used;
    this.top = block.at + rounded(used + SLACK);
  }

  /** A block holding `bytes`. */
  put(bytes: Uint8Array): number {
    const at = this.alloc(bytes.length);
    this.u8.set(bytes, at);
    return at;
  }

  private grow(end: number): void {
    if (end <= this.u8.length) return;
    if (end > this.limit) {
      throw new ParquetError("LIMIT", `working memory of ${end} bytes is above the limit memoryBytes of ${this.limit}`);
    }
    this.memory.grow(Math.max(Math.ceil((end - this.u8.length) / PAGE), GROWTH_PAGES));
    this.look();
  }

  private look(): void {
    const { buffer } = this.memory;
    this.u8 = new Uint8Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.view = new DataView(buffer);
  }
}

/** Sizes in steps of a quarter of their power of two, so that a freed block serves the next of about its size. */
function rounded(size: number): number {
  if (size <= 256) return (size + 15) & ~15;
  const step = 2 ** Math.max(4, 29 - Math.clz32(size));
  return Math.ceil(size / step) * step;
}
