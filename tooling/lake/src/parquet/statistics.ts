import { Bytes } from "./bytes.ts";
import { bytesOf } from "./encoding/encode.ts";
import type { Leaf } from "./schema.ts";
import { binary, i64, type Struct } from "./thrift.ts";
import { type Cell, writePlainCell } from "./value.ts";

/** parquet-mr leaves out bounds that are larger. */
const largestBound = 4096;

/** Statistics of parquet.thrift over the cells: null count, and the bounds where the leaf's order is a plain one. */
export function statistics(leaf: Leaf, cells: Iterable<Cell>, nulls: number): Struct {
  const order = orderOf(leaf);
  const bounds = order && boundsOf(cells, order);
  if (bounds === undefined) return { 3: i64(nulls) };
  const least = boundBytes(leaf, bounds.least);
  const greatest = boundBytes(leaf, bounds.greatest);
  if (least.length > largestBound || greatest.length > largestBound) return { 3: i64(nulls) };
  // The deprecated bounds were compared as signed bytes, so parquet-mr writes them for text only where both are equal.
  const signed = leaf.type !== "BYTE_ARRAY" || bounds.least === bounds.greatest;
  return {
    1: signed ? binary(greatest) : undefined,
    2: signed ? binary(least) : undefined,
    3: i64(nulls),
    5: binary(greatest),
    6: binary(least),
  };
}

type Order = (a: Cell, b: Cell) => number;

const byValue: Order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

function orderOf(leaf: Leaf): Order | undefined {
  const is = leaf.annotation?.is;
  if (leaf.type === "BYTE_ARRAY") return is === "STRING" ? byUtf8 : undefined;
  if (leaf.type === "INT96" || leaf.type === "FIXED_LEN_BYTE_ARRAY") return undefined;
  if (leaf.annotation?.is === "INTEGER" && !leaf.annotation.signed) return undefined;
  return byValue;
}

/** Order of the UTF-8 bytes, which is that of code points: surrogates sort after every other UTF-16 unit. */
function byUtf8(a: Cell, b: Cell): number {
  if (typeof a !== "string" || typeof b !== "string") return Buffer.compare(bytesOf(a), bytesOf(b));
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function boundsOf(cells: Iterable<Cell>, order: Order): { least: Cell; greatest: Cell } | undefined {
  let least: Cell | undefined;
  let greatest: Cell | undefined;
  for (const cell of cells) {
    // Bounds over NaN mean nothing (parquet.thrift, ColumnOrder).
    if (typeof cell === "number" && Number.isNaN(cell)) return undefined;
    if (least === undefined || order(cell, least) < 0) least = cell;
    if (greatest === undefined || order(cell, greatest) > 0) greatest = cell;
  }
  return least === undefined || greatest === undefined ? undefined : { least, greatest };
}

function boundBytes(leaf: Leaf, cell: Cell): Uint8Array {
  if (typeof cell === "boolean") return Uint8Array.of(cell ? 1 : 0);
  if (leaf.type === "BYTE_ARRAY") return bytesOf(cell);
  const out = new Bytes();
  writePlainCell(out, leaf, cell);
  return out.written();
}
