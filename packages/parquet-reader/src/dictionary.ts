import { type Value, valueAt } from "./json.ts";
import { RAW_MASK } from "./kernel/layout.ts";
import type { PlannedLeaf } from "./plan.ts";

/** Values that ids point into: the same object while the ids mean the same. Values are decoded when asked for, and kept. */
export interface Dictionary {
  readonly length: number;
  value(id: number): Value;
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
      let value: Value;
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
  private readonly pieces: Uint8Array[] = [];
  private readonly known: (Value | undefined)[] = [];

  constructor(planned: PlannedLeaf) {
    this.planned = planned;
  }

  get length(): number {
    return this.pieces.length;
  }

  /** Adds the value a raw ref points at; gives its id. */
  add(ref: number, memory: Uint8Array, view: DataView): number {
    const at = ref & RAW_MASK;
    const { width } = this.planned.rendering;
    this.pieces.push(
      width > 0 ? memory.slice(at, at + width) : memory.slice(at + 4, at + 4 + view.getUint32(at, true)),
    );
    return this.pieces.length - 1;
  }

  value(id: number): Value {
    const before = this.known[id];
    if (before !== undefined) return before;
    const piece = this.pieces[id];
    if (piece === undefined) throw new RangeError(`id ${id} in a dictionary of ${this.length}`);
    const view = new DataView(piece.buffer, piece.byteOffset, piece.byteLength);
    const value = valueAt(this.planned.leaf, this.planned.rendering, view, 0, piece.length);
    this.known[id] = value;
    return value;
  }
}
