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
  /** Whether `path` is the one that is encoded so, as a Thrift list. @internal */
  hasPath(encoded: Uint8Array): boolean;
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
/** So many rows do no harm, however few bytes they came from. */
const FREE_ROWS = 2 ** 24;
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
  const fields = parseFooter(reader, limits);
  const perByte = fields.rowCount > FREE_ROWS ? Math.ceil(fields.rowCount / size) : 0;
  within(limits, "rowsPerByte", perByte, `${fields.rowCount} rows in ${size} bytes`);
  return new ParsedFooter(fields, footerOffset, tail, tailOffset);
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

type Pairs = ReadonlyMap<string, string | undefined>;

/** What the footer's fields hold; `keyValues` are read when asked for. */
interface FooterFields {
  readonly version: number;
  readonly createdBy: string | undefined;
  readonly rowCount: number;
  readonly rowGroups: readonly RowGroup[];
  readonly schemaBytes: Uint8Array;
  readonly schemaOffset: number;
  readonly keyValues: (() => Pairs) | undefined;
}

class ParsedFooter implements Footer {
  readonly version: number;
  readonly createdBy: string | undefined;
  readonly rowCount: number;
  readonly rowGroups: readonly RowGroup[];
  readonly schemaBytes: Uint8Array;
  readonly schemaOffset: number;
  readonly footerOffset: number;
  readonly tail: Uint8Array;
  readonly tailOffset: number;
  readonly #keyValues: (() => Pairs) | undefined;

  constructor(fields: FooterFields, footerOffset: number, tail: Uint8Array, tailOffset: number) {
    this.version = fields.version;
    this.createdBy = fields.createdBy;
    this.rowCount = fields.rowCount;
    this.rowGroups = fields.rowGroups;
    this.schemaBytes = fields.schemaBytes;
    this.schemaOffset = fields.schemaOffset;
    this.footerOffset = footerOffset;
    this.tail = tail;
    this.tailOffset = tailOffset;
    this.#keyValues = fields.keyValues;
  }

  get keyValues(): Pairs {
    return this.#keyValues?.() ?? new Map();
  }
}

function parseFooter(reader: ThriftReader, limits: Limits): FooterFields {
  let version = 0;
  let rowCount = -1;
  let createdBy: string | undefined;
  let schemaBytes: Uint8Array | undefined;
  let schemaOffset = 0;
  let rowGroups: RowGroup[] = [];
  let encrypted = false;
  let keyValues: (() => Pairs) | undefined;
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
        keyValues = pairsAt(reader, reader.position);
        reader.skip();
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
  return { version, createdBy, rowCount, rowGroups, schemaBytes, schemaOffset, keyValues };
}

/** Key-value pairs are large (a second copy of the schema) and seldom asked for. */
function pairsAt(reader: ThriftReader, position: number): () => Pairs {
  return () => parseKeyValues(reader.again(position));
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
  const count = reader.list("struct");
  let elements = count;
  within(limits, "footerElements", elements, "row groups");
  for (let left = count; left > 0; left--) {
    const group = parseRowGroup(reader, limits, groups.length);
    elements += group.columns.length;
    within(limits, "footerElements", elements, "row groups and column chunks");
    groups.push(group);
  }
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
        for (let left = columnCount(reader, limits); left > 0; left--) columns.push(parseColumnChunk(reader));
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

function columnCount(reader: ThriftReader, limits: Limits): number {
  const count = reader.list("struct");
  within(limits, "columns", count, "columns of a row group");
  return count;
}

/** A chunk whose strings are read when asked for. */
class ParsedChunk implements ColumnChunk {
  type: PhysicalType = "BOOLEAN";
  codec: CodecName = "UNCOMPRESSED";
  valueCount: number = -1;
  compressedBytes: number = -1;
  uncompressedBytes: number = 0;
  dataPageOffset: number = -1;
  dictionaryPageOffset: number | undefined = undefined;
  filePath: string | undefined = undefined;
  encrypted: boolean = false;
  /** Positions of the lists of names and encodings; 0 where there is none. */
  pathAt: number = 0;
  encodingsAt: number = 0;
  readonly #reader: ThriftReader;

  constructor(reader: ThriftReader) {
    this.#reader = reader;
  }

  hasPath(encoded: Uint8Array): boolean {
    const { bytes, end } = this.#reader;
    if (this.pathAt === 0 || this.pathAt + encoded.length > end) return false;
    for (let i = 0; i < encoded.length; i++) if (bytes[this.pathAt + i] !== encoded[i]) return false;
    return true;
  }

  get path(): readonly string[] {
    return this.pathAt === 0 ? [] : parsePath(this.#reader.again(this.pathAt));
  }

  get encodings(): readonly string[] {
    return this.encodingsAt === 0 ? [] : parseEncodings(this.#reader.again(this.encodingsAt));
  }
}

function parseColumnChunk(reader: ThriftReader): ColumnChunk {
  const chunk = new ParsedChunk(reader);
  let found = false;
  const outer = reader.enter();
  while (reader.next()) {
    switch (reader.id) {
      case 1:
        chunk.filePath = reader.string();
        break;
      case 3:
        parseColumnMetadata(reader, chunk);
        found = true;
        break;
      case 8:
      case 9:
        chunk.encrypted = true;
        reader.skip();
        break;
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
  if (found) return chunk;
  if (chunk.encrypted) throw new ParquetError("ENCRYPTED", "the file has encrypted columns");
  throw reader.fail("CORRUPT", "a column chunk has no metadata");
}

function parseColumnMetadata(reader: ThriftReader, chunk: ParsedChunk): void {
  const outer = reader.struct();
  while (reader.next()) {
    switch (reader.id) {
      case 1:
        chunk.type = named(reader, physicalTypes, "physical type");
        break;
      case 2:
        chunk.encodingsAt = reader.position;
        reader.skip();
        break;
      case 3:
        chunk.pathAt = reader.position;
        reader.skip();
        break;
      case 4:
        chunk.codec = named(reader, codecs, "codec");
        break;
      case 5:
        chunk.valueCount = reader.size();
        break;
      case 6:
        chunk.uncompressedBytes = reader.int();
        break;
      case 7:
        chunk.compressedBytes = reader.size();
        break;
      case 9:
        chunk.dataPageOffset = reader.size();
        break;
      case 11:
        chunk.dictionaryPageOffset = reader.int();
        break;
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
  if (chunk.valueCount < 0 || chunk.compressedBytes < 0 || chunk.dataPageOffset < 0) {
    throw reader.fail("CORRUPT", "a column chunk lacks its number of values, size or offset");
  }
}

function named<T>(reader: ThriftReader, names: readonly T[], subject: string): T {
  const number = reader.int();
  const name = names[number];
  if (name === undefined) throw reader.fail("CORRUPT", `unknown ${subject} ${number}`);
  return name;
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
