import { ParquetError } from "./errors.ts";
import { type Limits, within } from "./limits.ts";
import { type ByteSource, read } from "./source.ts";
import { ThriftReader } from "./thrift.ts";

/** Physical types, in the order of their numbers (parquet.thrift, `Type`). */
export const physicalTypes = [
  "BOOLEAN",
  "INT32",
  "INT64",
  "INT96",
  "FLOAT",
  "DOUBLE",
  "BYTE_ARRAY",
  "FIXED_LEN_BYTE_ARRAY",
] as const;
export type PhysicalType = (typeof physicalTypes)[number];

/** Codecs, in the order of their numbers (parquet.thrift, `CompressionCodec`). */
export const codecs = ["UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW"] as const;
export type CodecName = (typeof codecs)[number];

/** Encodings by number (parquet.thrift, `Encoding`). */
export const encodings: readonly string[] = [
  "PLAIN",
  "GROUP_VAR_INT",
  "PLAIN_DICTIONARY",
  "RLE",
  "BIT_PACKED",
  "DELTA_BINARY_PACKED",
  "DELTA_LENGTH_BYTE_ARRAY",
  "DELTA_BYTE_ARRAY",
  "RLE_DICTIONARY",
  "BYTE_STREAM_SPLIT",
];

/** A column chunk of a row group. Sizes and offsets in bytes. */
export interface ColumnChunk {
  readonly path: readonly string[];
  readonly type: PhysicalType;
  readonly codec: CodecName;
  readonly encodings: readonly string[];
  /** Values with nulls, over all its pages. */
  readonly valueCount: number;
  readonly compressedBytes: number;
  readonly uncompressedBytes: number;
  readonly dataPageOffset: number;
  readonly dictionaryPageOffset: number | undefined;
  /** Another file that holds the chunk; this reader refuses it. */
  readonly filePath: string | undefined;
  readonly encrypted: boolean;
}

export interface RowGroup {
  readonly rowCount: number;
  readonly uncompressedBytes: number;
  readonly columns: readonly ColumnChunk[];
}

export interface Metadata {
  readonly version: number;
  readonly createdBy: string | undefined;
  readonly rowCount: number;
  readonly rowGroups: readonly RowGroup[];
  readonly keyValues: ReadonlyMap<string, string | undefined>;
}

/** The footer with the schema still as bytes, which are the key of the plan. */
export interface Footer extends Metadata {
  readonly schemaBytes: Uint8Array;
  /** File offset of `schemaBytes`. */
  readonly schemaOffset: number;
  /** File offset where the footer begins: all pages lie before it. */
  readonly footerOffset: number;
  /** The last bytes of the file as they were read, and their offset. */
  readonly tail: Uint8Array;
  readonly tailOffset: number;
}

const MAGIC = 0x31524150; // PAR1
const ENCRYPTED_MAGIC = 0x45524150; // PARE
const MIN_FILE = 12;
/** A small object comes whole with its footer in one slice. */
const TAIL_BYTES = 64 * 1024;

/** Reads the footer: one slice, or two when it is larger than the first guess. */
export async function readFooter(source: ByteSource, limits: Limits): Promise<Footer> {
  const size = source.byteLength;
  if (size < MIN_FILE) throw new ParquetError("NOT_PARQUET", `${size} bytes are too few for a Parquet file`);
  let tailOffset = Math.max(0, size - TAIL_BYTES);
  let tail = await read(source, tailOffset, size);
  const length = footerLength(tail, size, limits);
  const footerOffset = size - 8 - length;
  if (footerOffset < tailOffset) {
    tailOffset = footerOffset;
    tail = await read(source, tailOffset, size);
  }
  const reader = new ThriftReader(tail, footerOffset - tailOffset, tail.length - 8, tailOffset);
  return { ...parseFooter(reader, limits), footerOffset, tail, tailOffset };
}

function footerLength(tail: Uint8Array, size: number, limits: Limits): number {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  const magic = view.getUint32(tail.length - 4, true);
  if (magic === ENCRYPTED_MAGIC) throw new ParquetError("ENCRYPTED", "the file's footer is encrypted");
  if (magic !== MAGIC) throw new ParquetError("NOT_PARQUET", "the file does not end with PAR1", { offset: size - 4 });
  const length = view.getUint32(tail.length - 8, true);
  if (length > size - MIN_FILE) {
    throw new ParquetError("TRUNCATED", `the footer claims ${length} bytes of a file of ${size}`, { offset: size - 8 });
  }
  within(limits, "footerBytes", length, "footer length", { offset: size - 8 });
  return length;
}

type ParsedFooter = Omit<Footer, "footerOffset" | "tail" | "tailOffset">;

function parseFooter(reader: ThriftReader, limits: Limits): ParsedFooter {
  let version = 0;
  let rowCount = -1;
  let createdBy: string | undefined;
  let schemaBytes: Uint8Array | undefined;
  let schemaOffset = 0;
  let rowGroups: RowGroup[] = [];
  let encrypted = false;
  let keyValues: (() => ReadonlyMap<string, string | undefined>) | undefined;
  const outer = reader.enter();
  while (reader.next()) {
    switch (reader.id) {
      case 1:
        version = reader.int();
        break;
      case 2: {
        const start = reader.position;
        reader.skip();
        schemaBytes = reader.bytes.subarray(start, reader.position);
        schemaOffset = reader.origin + start;
        break;
      }
      case 3:
        rowCount = reader.size();
        break;
      case 4:
        rowGroups = parseRowGroups(reader, limits);
        break;
      case 5:
        keyValues = lazyKeyValues(reader);
        break;
      case 6:
        createdBy = reader.string();
        break;
      case 8:
        encrypted = true;
        reader.skip();
        break;
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
  if (schemaBytes === undefined) throw reader.fail("CORRUPT", "the footer has no schema");
  if (rowCount < 0) throw reader.fail("CORRUPT", "the footer has no number of rows");
  if (encrypted && rowGroups.some((group) => group.columns.some((column) => column.encrypted))) {
    throw new ParquetError("ENCRYPTED", "the file has encrypted columns");
  }
  const inGroups = rowGroups.reduce((sum, group) => sum + group.rowCount, 0);
  if (inGroups !== rowCount) {
    throw reader.fail("CORRUPT", `the footer claims ${rowCount} rows, its row groups hold ${inGroups}`);
  }
  const pairs = keyValues ?? (() => new Map());
  return {
    version,
    createdBy,
    rowCount,
    rowGroups,
    schemaBytes,
    schemaOffset,
    get keyValues() {
      return pairs();
    },
  };
}

/** Key-value pairs are large (a second copy of the schema) and seldom asked for: read on demand. */
function lazyKeyValues(reader: ThriftReader): () => ReadonlyMap<string, string | undefined> {
  const start = reader.position;
  const { type } = reader;
  reader.skip();
  const end = reader.position;
  return () => {
    const again = new ThriftReader(reader.bytes, start, end, reader.origin);
    again.type = type;
    return parseKeyValues(again);
  };
}

function parseKeyValues(reader: ThriftReader): Map<string, string | undefined> {
  const pairs = new Map<string, string | undefined>();
  for (let left = reader.list("struct"); left > 0; left--) {
    let key = "";
    let value: string | undefined;
    const outer = reader.enter();
    while (reader.next()) {
      if (reader.id === 1) key = reader.string();
      else if (reader.id === 2) value = reader.string();
      else reader.skip();
    }
    reader.leave(outer);
    pairs.set(key, value);
  }
  return pairs;
}

function parseRowGroups(reader: ThriftReader, limits: Limits): RowGroup[] {
  const groups: RowGroup[] = [];
  for (let left = reader.list("struct"); left > 0; left--) groups.push(parseRowGroup(reader, limits, groups.length));
  return groups;
}

function parseRowGroup(reader: ThriftReader, limits: Limits, number: number): RowGroup {
  const columns: ColumnChunk[] = [];
  let rowCount = 0;
  let uncompressedBytes = 0;
  const outer = reader.enter();
  while (reader.next()) {
    switch (reader.id) {
      case 1:
        for (let left = reader.list("struct"); left > 0; left--) columns.push(parseColumnChunk(reader));
        within(limits, "columns", columns.length, "columns of a row group");
        break;
      case 2:
        uncompressedBytes = reader.int();
        break;
      case 3:
        rowCount = reader.size();
        within(limits, "rowsPerGroup", rowCount, "rows of a row group", { rowGroup: number });
        break;
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
  return { rowCount, uncompressedBytes, columns };
}

function parseColumnChunk(reader: ThriftReader): ColumnChunk {
  let filePath: string | undefined;
  let encrypted = false;
  let chunk: Omit<ColumnChunk, "filePath" | "encrypted"> | undefined;
  const outer = reader.enter();
  while (reader.next()) {
    switch (reader.id) {
      case 1:
        filePath = reader.string();
        break;
      case 3:
        chunk = parseColumnMetadata(reader);
        break;
      case 8:
      case 9:
        encrypted = true;
        reader.skip();
        break;
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
  if (chunk === undefined) {
    if (encrypted) throw new ParquetError("ENCRYPTED", "the file has encrypted columns");
    throw reader.fail("CORRUPT", "a column chunk has no metadata");
  }
  return Object.assign(chunk, { filePath, encrypted });
}

function parseColumnMetadata(reader: ThriftReader): Omit<ColumnChunk, "filePath" | "encrypted"> {
  let type = -1;
  let codec = -1;
  let valueCount = -1;
  let compressedBytes = -1;
  let uncompressedBytes = 0;
  let dataPageOffset = -1;
  let dictionaryPageOffset: number | undefined;
  let encodingList: string[] = [];
  let path: string[] = [];
  const outer = reader.struct();
  while (reader.next()) {
    switch (reader.id) {
      case 1:
        type = reader.int();
        break;
      case 2:
        encodingList = parseEncodings(reader);
        break;
      case 3:
        path = parsePath(reader);
        break;
      case 4:
        codec = reader.int();
        break;
      case 5:
        valueCount = reader.size();
        break;
      case 6:
        uncompressedBytes = reader.int();
        break;
      case 7:
        compressedBytes = reader.size();
        break;
      case 9:
        dataPageOffset = reader.size();
        break;
      case 11:
        dictionaryPageOffset = reader.int();
        break;
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
  const physical = physicalTypes[type];
  if (physical === undefined) throw reader.fail("CORRUPT", `unknown physical type ${type}`);
  const codecName = codecs[codec];
  if (codecName === undefined) throw reader.fail("CORRUPT", `unknown codec ${codec}`);
  if (valueCount < 0 || compressedBytes < 0 || dataPageOffset < 0) {
    throw reader.fail("CORRUPT", "a column chunk lacks its number of values, size or offset");
  }
  return {
    path,
    type: physical,
    codec: codecName,
    encodings: encodingList,
    valueCount,
    compressedBytes,
    uncompressedBytes,
    dataPageOffset,
    dictionaryPageOffset,
  };
}

function parseEncodings(reader: ThriftReader): string[] {
  const names: string[] = [];
  for (let left = reader.list("integer"); left > 0; left--) {
    const number = reader.zigzag();
    names.push(encodings[number] ?? `unknown ${number}`);
  }
  return names;
}

function parsePath(reader: ThriftReader): string[] {
  const path: string[] = [];
  for (let left = reader.list("string"); left > 0; left--) path.push(reader.stringElement());
  return path;
}
