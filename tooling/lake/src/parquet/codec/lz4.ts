import { Bytes } from "../bytes.ts";
import { matches } from "./matches.ts";

/** The LZ4 block format rules that the last five bytes are literals and that a match starts twelve before the end. */
const tail = 12;

/** One block of LZ4 (lz4_Block_format.md). */
export function lz4Block(input: Uint8Array): Uint8Array {
  const out = new Bytes(input.length / 2 + 32);
  for (const { literalsFrom, literalsTo, offset, length } of matches(input, tail)) {
    const literals = literalsTo - literalsFrom;
    const extra = length === 0 ? 0 : length - 4;
    out.u8((Math.min(literals, 15) << 4) | Math.min(extra, 15));
    if (literals >= 15) writeRest(out, literals - 15);
    out.bytes(input.subarray(literalsFrom, literalsTo));
    if (length === 0) break;
    out.u8(offset & 0xff);
    out.u8(offset >>> 8);
    if (extra >= 15) writeRest(out, extra - 15);
  }
  return out.written();
}

function writeRest(out: Bytes, length: number): void {
  let rest = length;
  for (; rest >= 255; rest -= 255) out.u8(255);
  out.u8(rest);
}

/** LZ4 as Hadoop frames it: sizes of the whole and of the block in big endian, before the block. */
export function lz4Hadoop(input: Uint8Array): Uint8Array {
  const block = lz4Block(input);
  const framed = Buffer.alloc(8 + block.length);
  framed.writeUInt32BE(input.length, 0);
  framed.writeUInt32BE(block.length, 4);
  framed.set(block, 8);
  return framed;
}
