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
  RENDER_HOST,
  RENDER_STRING,
} from "../src/kernel/layout";
import { copyTo } from "./copy";
import { ESCAPE_FACTOR, RAW, RAW_OVERHEAD } from "./decode";
import { render } from "./host";
import { writeNumber } from "./numbers";
import { fault, get, set } from "./record";
import { writeString } from "./text";

const QUOTE: u8 = 0x22;

/** Writes key, value and suffix of the raw value at `source`; gives the end, or 0 when it has no JSON form. */
export function writeRaw(leaf: u32, source: u32, out: u32): u32 {
  const keyLength = get(leaf, LEAF_KEY_LENGTH);
  copyTo(out, get(leaf, LEAF_KEY), keyLength);
  out += keyLength;
  const quoted = (get(leaf, LEAF_FLAGS) & FLAG_QUOTED) !== 0;
  if (quoted) store<u8>(out++, QUOTE);
  let end = writeValue(leaf, source, out);
  if (end === 0) return 0;
  if (quoted) store<u8>(end++, QUOTE);
  store<u8>(end, get(leaf, LEAF_SUFFIX) as u8);
  return end + 1;
}

function writeValue(leaf: u32, source: u32, out: u32): u32 {
  const kind = get(leaf, LEAF_RENDER);
  if (kind === RENDER_STRING) return writeString(out, source + 4, load<u32>(source));
  if (kind === RENDER_HOST) return render(get(leaf, LEAF_COLUMN), source, out);
  return writeNumber(leaf, source, out);
}

/** Bytes before a fragment's ref: the stamp. */
const STAMP: u32 = 4;
const HEAD: u32 = 8;

export function renderDictionary(leaf: u32, source: u32, end: u32, count: u32, out: u32, raw: bool): u32 {
  const width = get(leaf, LEAF_WIDTH);
  const table = get(leaf, LEAF_TABLE);
  const overhead = RAW_OVERHEAD + get(leaf, LEAF_KEY_LENGTH);
  let longest: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const bytes = valueBytes(source, end, width);
    if (bytes < 0) {
      fault(leaf, FAULT_VALUES);
      break;
    }
    const written = raw ? 0 : writeRaw(leaf, source, out + HEAD);
    if (written === 0) {
      store<u32>(table + (i << 2), source | RAW);
      longest = max(longest, (bytes as u32) * ESCAPE_FACTOR + overhead);
    } else {
      const length = written - out - HEAD;
      store<u32>(out, 0);
      store<u32>(out + STAMP, length);
      store<u32>(table + (i << 2), out + STAMP);
      longest = max(longest, length);
      out = (written + 7) & ~7;
    }
    source += bytes as u32;
  }
  set(leaf, LEAF_TABLE_LONGEST, longest);
  return out;
}

/** Bytes of the plain value at `source` with its length, or -1 when it reaches beyond `end`. */
function valueBytes(source: u32, end: u32, width: u32): i32 {
  if (width > 0) return source + width <= end ? (width as i32) : -1;
  if (source + 4 > end) return -1;
  const length = load<u32>(source);
  return length <= end - source - 4 ? ((length + 4) as i32) : -1;
}
