import type { Bytes } from "./bytes.ts";
import type { Leaf } from "./schema.ts";

/** A leaf's value in its physical form: number (INT32, INT64, FLOAT, DOUBLE), bigint (INT64), boolean, text or bytes. */
export type Cell = number | bigint | boolean | string | Uint8Array;

/**
 * Turns a value of the row into a cell of the leaf:
 * - BYTE_ARRAY: a string (UTF-8) or bytes; FIXED_LEN_BYTE_ARRAY: bytes, a UUID's text, a FLOAT16's number;
 * - DECIMAL: a number is the value itself, a bigint is the unscaled value;
 * - TIME, TIMESTAMP, DATE: number or bigint of the leaf's unit; INT96: bigint, nanoseconds since 1970;
 * - integers: number or bigint, unsigned ones too.
 */
export function converter(leaf: Leaf): (value: unknown) => Cell {
  const { annotation } = leaf;
  if (annotation?.is === "DECIMAL") {
    const carry = decimalCarrier(leaf);
    return (value) => (value instanceof Uint8Array ? value : carry(unscaled(value, annotation.scale)));
  }
  if (annotation?.is === "UUID") return (value) => (typeof value === "string" ? uuidBytes(value) : (value as Cell));
  if (annotation?.is === "FLOAT16") return (value) => (typeof value === "number" ? float16(value) : (value as Cell));
  switch (leaf.type) {
    case "INT32":
      return (value) => Number(value) | 0;
    case "INT64":
      return (value) => (typeof value === "bigint" ? BigInt.asIntN(64, value) : (value as number));
    case "INT96":
      return (value) => (typeof value === "bigint" ? int96(value) : (value as Cell));
    default:
      return (value) => value as Cell;
  }
}

/** A decimal's integer: the bigint as it is, or the number by its scale. */
export function unscaled(value: unknown, scale: number): bigint {
  return typeof value === "bigint" ? value : BigInt(Math.round((value as number) * 10 ** scale));
}

function decimalCarrier(leaf: Leaf): (value: bigint) => Cell {
  if (leaf.type === "INT32") return Number;
  if (leaf.type === "INT64") return (value) => value;
  if (leaf.type === "FIXED_LEN_BYTE_ARRAY") return (value) => bigEndian(value, leaf.length as number);
  return (value) => bigEndian(value, Math.floor((value < 0n ? ~value : value).toString(2).length / 8) + 1);
}

/** Two's complement. */
function bigEndian(value: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let rest = value;
  for (let at = length - 1; at >= 0; at--) {
    bytes[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

function uuidBytes(text: string): Uint8Array {
  return Buffer.from(text.replaceAll("-", ""), "hex");
}

function float16(value: number): Uint8Array {
  const bytes = new Uint8Array(2);
  new DataView(bytes.buffer).setFloat16(0, value, true);
  return bytes;
}

const nanosOfDay = 86_400_000_000_000n;
const julianDayOf1970 = 2_440_588n;

function int96(nanos: bigint): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  const inDay = ((nanos % nanosOfDay) + nanosOfDay) % nanosOfDay;
  view.setBigInt64(0, inDay, true);
  view.setInt32(8, Number((nanos - inDay) / nanosOfDay + julianDayOf1970), true);
  return bytes;
}

/** Bytes that PLAIN needs for the cell: exact but for text, where UTF-16 length stands for bytes. */
export function plainSize(leaf: Leaf, cell: Cell): number {
  switch (leaf.type) {
    case "BOOLEAN":
      return 0.125;
    case "INT32":
    case "FLOAT":
      return 4;
    case "INT64":
    case "DOUBLE":
      return 8;
    case "INT96":
      return 12;
    case "BYTE_ARRAY":
      return 4 + (cell as string | Uint8Array).length;
    case "FIXED_LEN_BYTE_ARRAY":
      return leaf.length as number;
  }
}

/** PLAIN of one cell that is no boolean; booleans have no bytes of their own. */
export function writePlainCell(out: Bytes, leaf: Leaf, cell: Cell): void {
  switch (leaf.type) {
    case "INT32":
      out.u32(cell as number);
      return;
    case "INT64":
      out.i64(cell as number | bigint);
      return;
    case "FLOAT":
      out.f32(cell as number);
      return;
    case "DOUBLE":
      out.f64(cell as number);
      return;
    case "BYTE_ARRAY":
      if (typeof cell === "string") {
        out.sized(cell);
        return;
      }
      out.u32((cell as Uint8Array).length);
      out.bytes(cell as Uint8Array);
      return;
    default:
      out.bytes(cell as Uint8Array);
      return;
  }
}

/** Equal for equal cells: a key of a Map. */
export function cellKey(cell: Cell): number | bigint | boolean | string {
  if (!(cell instanceof Uint8Array)) return Object.is(cell, -0) ? "-0" : cell;
  return Buffer.from(cell.buffer, cell.byteOffset, cell.length).toString("latin1");
}
