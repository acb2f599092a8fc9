import { crc32 } from "node:zlib";
import { ParquetError } from "./errors.ts";
import { type Limits, within } from "./limits.ts";
import { ThriftReader } from "./thrift.ts";

export type PageKind = "data" | "data v2" | "dictionary" | "other";

/** The header of a page. Sizes in bytes, without the header itself. */
export interface PageHeader {
  readonly kind: PageKind;
  readonly uncompressedBytes: number;
  readonly compressedBytes: number;
  /** CRC-32 of the compressed page, where the writer gave one. */
  readonly crc: number | undefined;
  readonly valueCount: number;
  readonly encoding: number;
  /** Encodings of the levels; version 1 only. */
  readonly definitionEncoding: number;
  readonly repetitionEncoding: number;
  /** Bytes of the levels, which version 2 keeps uncompressed. */
  readonly definitionBytes: number;
  readonly repetitionBytes: number;
  readonly compressed: boolean;
  /** Bytes of the header. */
  readonly headerBytes: number;
}

const kinds: readonly PageKind[] = ["data", "other", "dictionary", "data v2"];
/** A page up to this size does no harm, however little it was packed into. */
const EXPANSION_FREE = 64 * 1024 * 1024;

/** Parses the header at `position` of `bytes`; throws `TRUNCATED` when the bytes end before it does. */
export function parsePageHeader(bytes: Uint8Array, position: number, origin: number): PageHeader {
  const reader = new ThriftReader(bytes, position, bytes.length, origin);
  const header = {
    kind: "other" as PageKind,
    uncompressedBytes: -1,
    compressedBytes: -1,
    crc: undefined as number | undefined,
    valueCount: 0,
    encoding: 0,
    definitionEncoding: 3,
    repetitionEncoding: 3,
    definitionBytes: 0,
    repetitionBytes: 0,
    compressed: true,
    headerBytes: 0,
  };
  const outer = reader.enter();
  while (reader.next()) {
    switch (reader.id) {
      case 1:
        header.kind = kinds[reader.int()] ?? "other";
        break;
      case 2:
        header.uncompressedBytes = reader.size();
        break;
      case 3:
        header.compressedBytes = reader.size();
        break;
      case 4:
        header.crc = reader.int() >>> 0;
        break;
      case 5:
      case 7:
        parseDataHeader(reader, header);
        break;
      case 8:
        parseDataHeaderV2(reader, header);
        break;
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
  if (header.uncompressedBytes < 0 || header.compressedBytes < 0) {
    throw reader.fail("CORRUPT", "a page header has no sizes");
  }
  header.headerBytes = reader.position - position;
  return header;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** DataPageHeader and DictionaryPageHeader begin alike. */
function parseDataHeader(reader: ThriftReader, header: Mutable<PageHeader>): void {
  const outer = reader.struct();
  while (reader.next()) {
    if (reader.id === 1) header.valueCount = reader.size();
    else if (reader.id === 2) header.encoding = reader.int();
    else if (reader.id === 3 && reader.type === 5) header.definitionEncoding = reader.int();
    else if (reader.id === 4) header.repetitionEncoding = reader.int();
    else reader.skip();
  }
  reader.leave(outer);
}

function parseDataHeaderV2(reader: ThriftReader, header: Mutable<PageHeader>): void {
  const outer = reader.struct();
  while (reader.next()) {
    switch (reader.id) {
      case 1:
        header.valueCount = reader.size();
        break;
      case 4:
        header.encoding = reader.int();
        break;
      case 5:
        header.definitionBytes = reader.size();
        break;
      case 6:
        header.repetitionBytes = reader.size();
        break;
      case 7:
        header.compressed = reader.bool();
        break;
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
}

/** Checks what a header claims before memory is taken for it. */
export function checkPage(header: PageHeader, limits: Limits): void {
  const { kind, compressedBytes, uncompressedBytes, definitionBytes, repetitionBytes } = header;
  within(
    limits,
    kind === "dictionary" ? "dictionaryBytes" : "pageBytes",
    uncompressedBytes,
    `uncompressed ${kind} page`,
  );
  if (uncompressedBytes > EXPANSION_FREE) {
    const expansion = Math.ceil(uncompressedBytes / Math.max(1, compressedBytes));
    within(limits, "expansion", expansion, `page of ${compressedBytes} bytes that claims ${uncompressedBytes}`);
  }
  const levels = definitionBytes + repetitionBytes;
  if (levels > compressedBytes || levels > uncompressedBytes) {
    throw new ParquetError("CORRUPT", `levels of ${levels} bytes in a page of ${compressedBytes}`);
  }
}

export function checkCrc(crc: number, page: Uint8Array): void {
  const found = crc32(page);
  if (found !== crc) throw new ParquetError("CORRUPT", `page checksum is ${hex(found)}, the header says ${hex(crc)}`);
}

const hex = (value: number): string => `0x${value.toString(16).padStart(8, "0")}`;
