import { ParquetError, type Place } from "./errors.ts";

/** Sizes above which a file is refused, checked before memory is taken. Bytes where not said otherwise. */
export interface Limits {
  readonly footerBytes: number;
  readonly pageHeaderBytes: number;
  /** Uncompressed size of one data page. */
  readonly pageBytes: number;
  /** Uncompressed size of one dictionary page. */
  readonly dictionaryBytes: number;
  /** How many times larger than its compressed bytes a page above 64 MiB may be. */
  readonly expansion: number;
  /** Nesting of the schema, in levels. */
  readonly depth: number;
  /** Leaf columns. */
  readonly columns: number;
  /** Schema elements, or row groups and their column chunks. */
  readonly footerElements: number;
  readonly rowsPerGroup: number;
  /** Rows above 16 million to a byte of the file: rows that are all null or all the same take none. */
  readonly rowsPerByte: number;
  /** JSON of one row. */
  readonly rowBytes: number;
  /** Working memory of one reading; no more than 2 GiB can be used. */
  readonly memoryBytes: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

export const defaultLimits: Limits = {
  footerBytes: 64 * MIB,
  pageHeaderBytes: 8 * MIB,
  pageBytes: 256 * MIB,
  dictionaryBytes: 256 * MIB,
  expansion: 1_000_000,
  depth: 64,
  columns: 20_000,
  footerElements: 500_000,
  rowsPerGroup: 2 ** 28,
  rowsPerByte: 65_536,
  rowBytes: 512 * MIB,
  memoryBytes: 2048 * MIB,
};

/** Throws `LIMIT` naming the limit when `value` is above it. */
export function within(limits: Limits, name: keyof Limits, value: number, subject: string, place: Place = {}): void {
  if (value > limits[name]) {
    throw new ParquetError("LIMIT", `${subject}: ${value} is above the limit ${name} of ${limits[name]}`, place);
  }
}
