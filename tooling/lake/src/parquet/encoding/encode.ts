import { Bytes } from "../bytes.ts";
import { type Leaf, type PhysicalType, physicalTypes } from "../schema.ts";
import { type Cell, writePlainCell } from "../value.ts";
import { writeDeltaBinaryPacked, writeDeltaByteArray, writeDeltaLengthByteArray } from "./delta.ts";
import { packBits, writeHybrid } from "./hybrid.ts";

/** Ids of parquet-format, Encodings.md. */
export const encodings = {
  PLAIN: 0,
  PLAIN_DICTIONARY: 2,
  RLE: 3,
  BIT_PACKED: 4,
  DELTA_BINARY_PACKED: 5,
  DELTA_LENGTH_BYTE_ARRAY: 6,
  DELTA_BYTE_ARRAY: 7,
  RLE_DICTIONARY: 8,
  BYTE_STREAM_SPLIT: 9,
} as const;
export type Encoding = keyof typeof encodings;

/** Encodings of values without a dictionary. */
export type ValueEncoding = Exclude<Encoding, "PLAIN_DICTIONARY" | "RLE_DICTIONARY" | "BIT_PACKED">;

type Encode = (out: Bytes, leaf: Leaf, cells: readonly Cell[]) => void;

const fixedWidth = ["INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "FIXED_LEN_BYTE_ARRAY"] as const;

/** Which encodings each type has, and how it is encoded (parquet-format, Encodings.md). */
const encoders: Readonly<Record<ValueEncoding, Partial<Record<PhysicalType, Encode>>>> = {
  PLAIN: Object.fromEntries(physicalTypes.map((type) => [type, type === "BOOLEAN" ? writePlainBits : writePlain])),
  RLE: {
    BOOLEAN: (out, _, cells) => writeSizedHybrid(out, Uint8Array.from(cells as boolean[], Number), 1),
  },
  DELTA_BINARY_PACKED: {
    INT32: (out, _, cells) => writeDeltaBinaryPacked(out, cells as number[], 32),
    INT64: (out, _, cells) => writeDeltaBinaryPacked(out, cells as (number | bigint)[], 64),
  },
  DELTA_LENGTH_BYTE_ARRAY: {
    BYTE_ARRAY: (out, _, cells) => writeDeltaLengthByteArray(out, cells.map(bytesOf)),
  },
  DELTA_BYTE_ARRAY: {
    BYTE_ARRAY: (out, _, cells) => writeDeltaByteArray(out, cells.map(bytesOf)),
    FIXED_LEN_BYTE_ARRAY: (out, _, cells) => writeDeltaByteArray(out, cells.map(bytesOf)),
  },
  BYTE_STREAM_SPLIT: Object.fromEntries(fixedWidth.map((type) => [type, writeByteStreamSplit])),
};

/** Throws a RangeError for an encoding that the leaf's type does not have. */
export function encodeValues(out: Bytes, leaf: Leaf, cells: readonly Cell[], encoding: ValueEncoding): void {
  const encode = encoders[encoding][leaf.type];
  if (encode === undefined) throw new RangeError(`${leaf.name}: ${leaf.type} cannot be encoded as ${encoding}`);
  encode(out, leaf, cells);
}

function writePlainBits(out: Bytes, _: Leaf, cells: readonly Cell[]): void {
  packBits(out, Math.ceil(cells.length / 8) * 8, 1, (index) => Number(cells[index] ?? false));
}

function writePlain(out: Bytes, leaf: Leaf, cells: readonly Cell[]): void {
  for (const cell of cells) writePlainCell(out, leaf, cell);
}

function writeByteStreamSplit(out: Bytes, leaf: Leaf, cells: readonly Cell[]): void {
  const plain = new Bytes();
  writePlain(plain, leaf, cells);
  const bytes = plain.written();
  const width = bytes.length / Math.max(1, cells.length);
  for (let byte = 0; byte < width; byte++)
    for (let at = byte; at < bytes.length; at += width) out.u8(bytes[at] as number);
}

/** With its length in four bytes in front: levels of v1 pages and RLE booleans. */
export function writeSizedHybrid(
  out: Bytes,
  values: ArrayLike<number>,
  bitWidth: number,
  start = 0,
  end: number = values.length,
): void {
  const runs = new Bytes();
  writeHybrid(runs, values, start, end, bitWidth);
  out.u32(runs.length);
  out.bytes(runs.written());
}

export function bytesOf(cell: Cell): Uint8Array {
  return typeof cell === "string" ? Buffer.from(cell) : (cell as Uint8Array);
}
