import { Bytes } from "../bytes.ts";
import { matches } from "./matches.ts";

/** The raw block format of Snappy (format_description.txt of google/snappy). */
export function snappy(input: Uint8Array): Uint8Array {
  const out = new Bytes(input.length / 2 + 32);
  out.varint(input.length);
  for (const { literalsFrom, literalsTo, offset, length } of matches(input, 0)) {
    if (literalsTo > literalsFrom) writeLiteral(out, input.subarray(literalsFrom, literalsTo));
    for (let left = length; left > 0; left -= 64) {
      out.u8(((Math.min(left, 64) - 1) << 2) | 2);
      out.u8(offset & 0xff);
      out.u8(offset >>> 8);
    }
  }
  return out.written();
}

function writeLiteral(out: Bytes, literal: Uint8Array): void {
  const length = literal.length - 1;
  if (length < 60) out.u8(length << 2);
  else {
    const width = length < 0x100 ? 1 : length < 0x10000 ? 2 : length < 0x1000000 ? 3 : 4;
    out.u8((59 + width) << 2);
    for (let byte = 0; byte < width; byte++) out.u8((length >>> (8 * byte)) & 0xff);
  }
  out.bytes(literal);
}
