import { type Value, valueAt } from "./json.ts";
import { RAW_MASK } from "./kernel/layout.ts";
import type { PlannedLeaf } from "./plan.ts";

/** Values that ids point into: the same object while the ids mean the same. Values are decoded when asked for, and kept. */
export interface Dictionary {
  readonly length: number;
  /** Undefined for a value that has no JSON form, as a null has none. */
  value(id: number): Value | undefined;
}

/** A dictionary page's values. */
export function storedDictionary(planned: PlannedLeaf, bytes: Uint8Array, length: number): Dictionary {
  const { leaf, rendering } = planned;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const known: (Value | undefined)[] = new Array(length);
  let starts: Uint32Array | undefined;
  return {
    length,
    value(id) {
      const before = known[id];
      if (before !== undefined) return before;
      if (!(id >= 0 && id < length)) throw new RangeError(`id ${id} in a dictionary of ${length}`);
      let value: Value | undefined;
      if (rendering.width > 0) value = valueAt(leaf, rendering, view, id * rendering.width, rendering.width);
      else {
        starts ??= startsOf(view, length);
        value = valueAt(leaf, rendering, view, starts[id] + 4, view.getUint32(starts[id], true));
      }
      known[id] = value;
      return value;
    },
  };
}

function startsOf(view: DataView, length: number): Uint32Array {
  const starts = new Uint32Array(length);
  for (let i = 0, at = 0; i < length; i++) {
    starts[i] = at;
    at += 4 + view.getUint32(at, true);
  }
  return starts;
}

/** Values of pages without a dictionary: an id for each of a batch, its bytes copied out of the page. */
export class PlainValues implements Dictionary {
  private readonly planned: PlannedLeaf;
  private readonly known: (Value | undefined)[] = [];
  /** Value i is `bytes` from `ends[i - 1]` to `ends[i]`. */
  private readonly ends: number[] = [];
  private bytes = new Uint8Array(512);
  private view = new DataView(this.bytes.buffer);

  constructor(planned: PlannedLeaf) {
    this.planned = planned;
  }

  get length(): number {
    return this.ends.length;
  }

  /** Adds the value a raw ref points at; gives its id. */
  add(ref: number, memory: Uint8Array, view: DataView): number {
    const at = ref & RAW_MASK;
    const { width } = this.planned.rendering;
    if (width > 0) this.put(memory.subarray(at, at + width));
    else this.put(memory.subarray(at + 4, at + 4 + view.getUint32(at, true)));
    return this.ends.length - 1;
  }

  value(id: number): Value | undefined {
    const before = this.known[id];
    if (before !== undefined) return before;
    const end = this.ends[id];
    if (end === undefined) throw new RangeError(`id ${id} in a dictionary of ${this.length}`);
    const start = id === 0 ? 0 : this.ends[id - 1];
    const value = valueAt(this.planned.leaf, this.planned.rendering, this.view, start, end - start);
    this.known[id] = value;
    return value;
  }

  private put(value: Uint8Array): void {
    const start = this.ends.at(-1) ?? 0;
    const end = start + value.length;
    if (end > this.bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.bytes.length * 2));
      larger.set(this.bytes);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    this.bytes.set(value, start);
    this.ends.push(end);
  }
}
