import {
  FAULT_VALUES,
  FLAG_QUOTED,
  LEAF_COLUMN,
  LEAF_FLAGS,
  LEAF_KEY,
  LEAF_KEY_LENGTH,
  LEAF_RENDER,
  LEAF_SUFFIX,
  LEAF_TABLE,
  LEAF_TABLE_LONGEST,
  LEAF_WIDTH,
  RAW_BIT,
  RENDER_HOST,
  RENDER_STRING,
} from "../kernel/layout.ts";
import { ESCAPE_FACTOR, fault, RAW_OVERHEAD } from "./decode.ts";
import type { Memory } from "./memory.ts";
import { writeNumber } from "./numbers.ts";
import { copy, writeString } from "./text.ts";

const QUOTE = 0x22;

/** Writes key, value and suffix of the raw value at `source`; gives the end, or 0 when it has no JSON form. */
export function writeRaw(memory: Memory, leaf: number, source: number, out: number): number {
  const { u8, u32 } = memory.arena;
  const keyLength = u32[leaf + LEAF_KEY_LENGTH];
  copy(u8, out, u32[leaf + LEAF_KEY], keyLength);
  out += keyLength;
  const quoted = (u32[leaf + LEAF_FLAGS] & FLAG_QUOTED) !== 0;
  if (quoted) u8[out++] = QUOTE;
  let end = writeValue(memory, leaf, source, out);
  if (end === 0) return 0;
  if (quoted) u8[end++] = QUOTE;
  u8[end] = u32[leaf + LEAF_SUFFIX];
  return end + 1;
}

function writeValue({ arena, host }: Memory, leaf: number, source: number, out: number): number {
  const { u8, u32, view } = arena;
  const render = u32[leaf + LEAF_RENDER];
  if (render === RENDER_STRING) return writeString(u8, out, source + 4, view.getUint32(source, true));
  if (render === RENDER_HOST) return host.render(u32[leaf + LEAF_COLUMN], source, out);
  return writeNumber(u8, view, u32, leaf, source, out);
}

export function renderDictionary(
  memory: Memory,
  address: number,
  source: number,
  end: number,
  count: number,
  out: number,
  raw: boolean,
): number {
  const { u32, view } = memory.arena;
  const leaf = address >> 2;
  const width = u32[leaf + LEAF_WIDTH];
  const table = u32[leaf + LEAF_TABLE] >> 2;
  const overhead = RAW_OVERHEAD + u32[leaf + LEAF_KEY_LENGTH];
  let longest = 0;
  for (let i = 0; i < count; i++) {
    const bytes = valueBytes(view, source, end, width);
    if (bytes < 0) {
      fault(u32, leaf, FAULT_VALUES);
      break;
    }
    const written = raw ? 0 : writeRaw(memory, leaf, source, out + 8);
    if (written === 0) {
      u32[table + i] = source + RAW_BIT;
      longest = Math.max(longest, bytes * ESCAPE_FACTOR + overhead);
    } else {
      u32[out >> 2] = 0;
      u32[(out >> 2) + 1] = written - out - 8;
      u32[table + i] = out + 4;
      longest = Math.max(longest, written - out - 8);
      out = (written + 7) & ~7;
    }
    source += bytes;
  }
  u32[leaf + LEAF_TABLE_LONGEST] = longest;
  return out;
}

/** Bytes of the plain value at `source` with its length, or -1 when it reaches beyond `end`. */
function valueBytes(view: DataView, source: number, end: number, width: number): number {
  if (width > 0) return source + width <= end ? width : -1;
  if (source + 4 > end) return -1;
  const bytes = 4 + view.getUint32(source, true);
  return bytes <= end - source ? bytes : -1;
}
