import { repeat } from "./repeat.ts";

/**
 * Decompresses a Snappy block (format_description.txt) into `out`.
 * Gives the number of bytes, or -1 when the block is broken or does not fit.
 */
export function snappy(block: Uint8Array, out: Uint8Array): number {
  let position = 0;
  let length = 0;
  let scale = 1;
  for (;;) {
    if (position >= block.length || position > 4) return -1;
    const byte = block[position++];
    length += (byte & 127) * scale;
    if (byte < 128) break;
    scale *= 128;
  }
  if (length !== out.length) return -1;
  let written = 0;
  while (position < block.length) {
    const tag = block[position++];
    const kind = tag & 3;
    if (kind === 0) {
      let size = tag >> 2;
      if (size >= 60) {
        const bytes = size - 59;
        if (position + bytes > block.length) return -1;
        size = little(block, position, bytes);
        position += bytes;
      }
      size++;
      if (size > block.length - position || size > out.length - written) return -1;
      out.set(block.subarray(position, position + size), written);
      position += size;
      written += size;
      continue;
    }
    const extra = kind === 1 ? 1 : kind === 2 ? 2 : 4;
    if (position + extra > block.length) return -1;
    const size = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const offset = kind === 1 ? ((tag >> 5) << 8) | block[position] : little(block, position, extra);
    position += extra;
    if (!repeat(out, written, offset, size)) return -1;
    written += size;
  }
  return written;
}

function little(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = count - 1; i >= 0; i--) value = value * 256 + bytes[at + i];
  return value;
}
