import { wasm } from "./kernel/webassembly.ts";

/**
 * What is wrong with a file:
 * `NOT_PARQUET` no Parquet magic; `TRUNCATED` bytes are missing; `CORRUPT` bytes contradict the format or each other;
 * `UNSUPPORTED` a feature this reader does not have; `ENCRYPTED` an encrypted file or column; `LIMIT` a size above its limit.
 */
export type ParquetErrorCode = "NOT_PARQUET" | "TRUNCATED" | "CORRUPT" | "UNSUPPORTED" | "ENCRYPTED" | "LIMIT";

/** Where in the file something is wrong. */
export interface Place {
  /** Byte offset in the file. */
  readonly offset?: number | undefined;
  /** Dotted path of the column. */
  readonly column?: string | undefined;
  /** Number of the row group, from 0. */
  readonly rowGroup?: number | undefined;
}

/** The only error this package throws about a file's content. */
export class ParquetError extends Error {
  override readonly name = "ParquetError";
  readonly code: ParquetErrorCode;
  readonly offset: number | undefined;
  readonly column: string | undefined;
  readonly rowGroup: number | undefined;
  /** The message without the place. */
  readonly reason: string;

  constructor(code: ParquetErrorCode, reason: string, place: Place = {}, cause?: unknown) {
    super(reason + describe(place), cause === undefined ? undefined : { cause });
    this.code = code;
    this.reason = reason;
    this.offset = place.offset;
    this.column = place.column;
    this.rowGroup = place.rowGroup;
  }
}

/** What a check should have refused and the engine did: a file's fault as well. */
export function understood(error: unknown): unknown {
  if (!(error instanceof RangeError || error instanceof wasm.RuntimeError)) return error;
  return new ParquetError("CORRUPT", `the file cannot be made sense of: ${error.message}`, {}, error);
}

/** The same error with the places it did not know yet. */
export function placed(error: unknown, place: Place): unknown {
  if (!(error instanceof ParquetError)) return error;
  return new ParquetError(
    error.code,
    error.reason,
    {
      offset: error.offset ?? place.offset,
      column: error.column ?? place.column,
      rowGroup: error.rowGroup ?? place.rowGroup,
    },
    error.cause,
  );
}

function describe({ column, rowGroup, offset }: Place): string {
  const parts: string[] = [];
  if (column !== undefined) parts.push(`column ${column}`);
  if (rowGroup !== undefined) parts.push(`row group ${rowGroup}`);
  if (offset !== undefined) parts.push(`byte ${offset}`);
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}
