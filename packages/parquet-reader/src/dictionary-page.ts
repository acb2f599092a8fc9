import type { Arena } from "./arena.ts";
import { decompress, type Packed } from "./codec/decompress.ts";
import { type Block, type Column, checkFault, type Workshop } from "./column.ts";
import { storedDictionary } from "./dictionary.ts";
import { ParquetError } from "./errors.ts";
import { LEAF_NULL, LEAF_TABLE, LEAF_TABLE_LENGTH } from "./kernel/layout.ts";
import type { PageHeader } from "./page.ts";

/** Above this many values, a dictionary whose entries are used less than twice is not rendered. */
const RENDER_ALWAYS_BELOW = 200;
/** Output bytes of an entry beside key and content: header, quotes, suffix, alignment, the longest number. */
const ENTRY_OVERHEAD = 160;

/** Takes the dictionary of a page in: its entries rendered where that pays, and the table that indexes become refs by. */
export function loadDictionary(column: Column, workshop: Workshop, header: PageHeader, packed: Packed): void {
  if (column.valuesSeen > 0) throw new ParquetError("CORRUPT", "a dictionary page after data pages");
  const { arena } = workshop;
  const { rendering, leaf } = column.planned;
  const count = header.valueCount;
  const size = header.uncompressedBytes;
  if (leaf.type === "BOOLEAN") throw new ParquetError("CORRUPT", "a dictionary of booleans");
  if (count * (rendering.width || 4) > size) {
    throw new ParquetError("CORRUPT", `a dictionary of ${count} entries in ${size} bytes`);
  }
  const source: Block = { at: arena.alloc(size), size };
  decompress(column.chunk.codec, packed, source.at, size, workshop);
  const { valueCount } = column.chunk;
  const raw = !column.isMapKey && valueCount > RENDER_ALWAYS_BELOW && count * 2 > valueCount;
  buildTable(column, workshop, source, count, raw);
}

/** Fills the table of refs from the plain values in `source`, which is released when no ref points into it. */
function buildTable(column: Column, workshop: Workshop, source: Block, count: number, raw: boolean): void {
  const { arena, kernel } = workshop;
  const { planned, word } = column;
  const table = arena.alloc(4 * (count + 1));
  arena.u32[(table >> 2) + count] = arena.u32[word + LEAF_NULL];
  arena.u32[word + LEAF_TABLE] = table;
  arena.u32[word + LEAF_TABLE_LENGTH] = count;
  const keyBytes = planned.path.length * 6;
  const out: Block = { at: 0, size: raw ? 16 : 6 * source.size + count * (keyBytes + ENTRY_OVERHEAD) };
  out.at = arena.alloc(out.size);
  const end = kernel.renderDictionary(column.record, source.at, source.at + source.size, count, out.at, raw);
  arena.shrink(out, end - out.at);
  checkFault(arena, column);
  if (column.isMapKey) nameKeys(column, arena, source.at, table, count);
  if (column.wanted)
    column.dictionary = storedDictionary(planned, arena.u8.slice(source.at, source.at + source.size), count);
  column.raw = raw || hasRaw(arena, table, count);
  if (!column.raw) arena.release(source.at, source.size);
}

function hasRaw({ u32 }: Arena, table: number, count: number): boolean {
  const from = table >> 2;
  for (let i = from; i < from + count; i++) if (u32[i] >= 0x80000000) return true;
  return false;
}

/** Equal keys get one ref, so that refs alone tell whether a key comes again. */
function nameKeys(column: Column, { u8, u32, view }: Arena, source: number, table: number, count: number): void {
  const { width } = column.planned.rendering;
  const first = new Map<string, number>();
  const memory = Buffer.from(u8.buffer);
  column.keys = new Map();
  for (let i = table >> 2, end = i + count, at = source; i < end; i++) {
    const length = width === 0 ? view.getUint32(at, true) : width;
    const start = width === 0 ? at + 4 : at;
    const bytes = memory.toString("latin1", start, start + length);
    const ref = first.get(bytes) ?? u32[i];
    first.set(bytes, ref);
    column.keys.set(ref, bytes);
    u32[i] = ref;
    at = start + length;
  }
}

const BOOLEANS: Uint8Array = new Uint8Array([0, 1]);

/** Booleans are indexes into a dictionary of two. */
export function prepareBooleans(column: Column, workshop: Workshop): void {
  const { arena } = workshop;
  buildTable(column, workshop, { at: arena.put(BOOLEANS), size: BOOLEANS.length }, BOOLEANS.length, false);
}
