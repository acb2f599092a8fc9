import { ParquetError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { encodings } from "../metadata.ts";
import type { PlannedLeaf } from "../plan.ts";
import { decodeDeltas } from "./delta.ts";
import { plainFromLengths, plainFromPrefixes } from "./strings.ts";

/** Turns the values of a page of `entries` entries into the PLAIN encoding, in which everything else reads them. */
export function toPlain(
  encoding: number,
  source: Uint8Array,
  entries: number,
  planned: PlannedLeaf,
  limits: Limits,
): Uint8Array {
  const { width } = planned.rendering;
  const { type } = planned.leaf;
  const isInteger = type === "INT32" || type === "INT64";
  const isBytes = type === "BYTE_ARRAY" || type === "FIXED_LEN_BYTE_ARRAY";
  switch (encodings[encoding]) {
    case "DELTA_BINARY_PACKED":
      if (isInteger) return plainFromDeltas(source, entries, width, limits);
      break;
    case "DELTA_LENGTH_BYTE_ARRAY":
      if (type === "BYTE_ARRAY") return plainFromLengths(source, entries, limits);
      break;
    case "DELTA_BYTE_ARRAY":
      if (isBytes) return plainFromPrefixes(source, entries, width, limits);
      break;
    case "BYTE_STREAM_SPLIT":
      if (width > 0 && type !== "BOOLEAN" && type !== "INT96") return plainFromStreams(source, width);
      break;
    default:
  }
  throw new ParquetError("UNSUPPORTED", `encoding ${encodings[encoding] ?? encoding} of ${type}`);
}

function plainFromDeltas(source: Uint8Array, entries: number, width: number, limits: Limits): Uint8Array {
  const { words, count } = decodeDeltas(source, 0, entries, limits);
  if (width === 8) return new Uint8Array(words.buffer);
  const low = new Uint32Array(count);
  for (let i = 0; i < count; i++) low[i] = words[2 * i];
  return new Uint8Array(low.buffer);
}

/** BYTE_STREAM_SPLIT: the first bytes of all values, then the second bytes, and so on. */
function plainFromStreams(source: Uint8Array, width: number): Uint8Array {
  const count = Math.floor(source.length / width);
  if (count * width !== source.length) {
    throw new ParquetError("CORRUPT", `${source.length} bytes are no whole number of values of ${width} bytes`);
  }
  const plain = new Uint8Array(source.length);
  for (let stream = 0; stream < width; stream++) {
    for (let i = 0; i < count; i++) plain[i * width + stream] = source[stream * count + i];
  }
  return plain;
}
