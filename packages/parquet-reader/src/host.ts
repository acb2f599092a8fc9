import type { Arena } from "./arena.ts";
import type { Column } from "./column.ts";
import type { Host } from "./kernel/kernel.ts";
import { DROPPED_REF, LEAF_REFS, RAW_BIT, RAW_MASK } from "./kernel/layout.ts";

/** The kernel's host: rare values and repeated map keys. `columns` gives the open columns by leaf. */
export function createHost(arena: Arena, columns: () => readonly (Column | undefined)[]): Host {
  const bytesOf = (column: Column, source: number): { at: number; length: number } => {
    const { width } = column.planned.rendering;
    return width > 0 ? { at: source, length: width } : { at: source + 4, length: arena.view.getUint32(source, true) };
  };
  /** A key's bytes, so that entries of a dictionary and of a page without one compare; of a null, its ref. */
  const keyBytes = (column: Column, ref: number): string | number => {
    const known = column.keys?.get(ref);
    if (known !== undefined) return known;
    if (ref < RAW_BIT) return ref;
    const { at, length } = bytesOf(column, ref & RAW_MASK);
    return Buffer.from(arena.u8.buffer, at, length).toString("latin1");
  };
  return {
    render(number, source, out) {
      const column = columns()[number];
      if (column === undefined) return 0;
      const { at, length } = bytesOf(column, source);
      const text = formatted(column, arena.view, at, length);
      if (text === undefined) return 0;
      return out + Buffer.from(arena.u8.buffer, out, text.length * 3).write(text);
    },
    dropRepeatedKeys(number, from, to) {
      const column = columns()[number];
      if (column === undefined) return 0;
      const { u32 } = arena;
      const refs = u32[column.word + LEAF_REFS] >> 2;
      const seen = new Set<number | string>();
      let dropped = 0;
      for (let i = refs + to - 1; i >= refs + from; i--) {
        const key = column.raw ? keyBytes(column, u32[i]) : u32[i];
        if (seen.has(key)) {
          u32[i] = DROPPED_REF;
          dropped++;
        } else seen.add(key);
      }
      return dropped;
    },
  };
}

/** Strings have a longest length in JavaScript: a value beyond it has no JSON form here. */
function formatted(column: Column, view: DataView, at: number, length: number): string | undefined {
  try {
    return column.planned.rendering.format?.(view, at, length);
  } catch (error) {
    if (error instanceof RangeError || (error as NodeJS.ErrnoException).code === "ERR_STRING_TOO_LONG")
      return undefined;
    throw error;
  }
}
