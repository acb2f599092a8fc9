import { repeat } from "./repeat.ts";

const MIN_MATCH = 4;

/** Decompresses an LZ4 block (lz4_Block_format.md) into `out`; gives the number of bytes, or -1 when it is broken. */
export function lz4Block(block: Uint8Array, out: Uint8Array): number {
  let position = 0;
  let written = 0;

  /** A length that goes on in bytes of 255; -1 when they end early. */
  function longer(nibble: number): number {
    if (nibble < 15) return nibble;
    let length = nibble;
    for (;;) {
      if (position >= block.length) return -1;
      const byte = block[position++];
      length += byte;
      if (byte < 255) return length;
    }
  }

  while (position < block.length) {
    const token = block[position++];
    const literals = longer(token >> 4);
    if (literals < 0 || literals > block.length - position || literals > out.length - written) return -1;
    out.set(block.subarray(position, position + literals), written);
    position += literals;
    written += literals;
    if (position === block.length) break; // the last sequence has literals only
    if (position + 2 > block.length) return -1;
    const offset = block[position] | (block[position + 1] << 8);
    position += 2;
    const match = longer(token & 15);
    if (match < 0 || !repeat(out, written, offset, match + MIN_MATCH)) return -1;
    written += match + MIN_MATCH;
  }
  return written;
}

/**
 * The framing that Hadoop gave LZ4: frames of [uncompressed size], then [compressed size][block] until it is reached; sizes
 * big-endian.
 * Early parquet-cpp wrote bare blocks under the same name, so what is no frame is tried as one.
 */
export function hadoopLz4(packed: Uint8Array, out: Uint8Array): number {
  const framed = frames(packed, out);
  return framed === out.length ? framed : lz4Block(packed, out);
}

function frames(packed: Uint8Array, out: Uint8Array): number {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  let position = 0;
  let written = 0;
  while (position < packed.length) {
    if (position + 4 > packed.length) return -1;
    const end = written + view.getUint32(position);
    position += 4;
    if (end > out.length) return -1;
    do {
      if (position + 4 > packed.length) return -1;
      const compressed = view.getUint32(position);
      position += 4;
      if (compressed > packed.length - position) return -1;
      const bytes = lz4Block(packed.subarray(position, position + compressed), out.subarray(written, end));
      if (bytes < 0) return -1;
      position += compressed;
      written += bytes;
    } while (written < end);
  }
  return written;
}
