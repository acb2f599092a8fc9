import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { open } from "@threatlockdown/parquet-reader";
import { decodeStruct } from "@threatlockdown/tooling-lake";

// Fields of PageHeader (parquet.thrift).
const UNCOMPRESSED_SIZE = 2;
const COMPRESSED_SIZE = 3;
const MIN_CHUNK = 64;

interface Page {
  readonly packed: Uint8Array;
  readonly length: number;
}

const codecs: Readonly<Record<string, typeof gunzipSync | typeof zstdDecompressSync>> = {
  GZIP: gunzipSync,
  ZSTD: zstdDecompressSync,
};

/**
 * A function that unpacks all pages of a file and does nothing else, which no reader can be faster than; undefined where
 * node:zlib has not the file's codec.
 */
export async function unpacker(bytes: Uint8Array): Promise<(() => Promise<void>) | undefined> {
  const { metadata } = await open(bytes);
  const chunks = metadata.rowGroups.flatMap(({ columns }) => columns);
  const unpack = codecs[chunks[0]?.codec ?? ""];
  if (unpack === undefined || chunks.some(({ codec }) => codec !== chunks[0]?.codec)) return undefined;
  const pages = chunks.flatMap((chunk) => [...pagesOf(bytes, chunk)]);
  return async () => {
    for (const { packed, length } of pages) unpack(packed, { chunkSize: Math.max(MIN_CHUNK, length) });
  };
}

interface Chunk {
  readonly compressedBytes: number;
  readonly dataPageOffset: number;
  readonly dictionaryPageOffset: number | undefined;
}

function* pagesOf(bytes: Uint8Array, { compressedBytes, dataPageOffset, dictionaryPageOffset }: Chunk) {
  let at = dictionaryPageOffset || dataPageOffset;
  const chunkEnd = at + compressedBytes;
  while (at < chunkEnd) {
    const { fields, end } = decodeStruct(bytes, at);
    at = end + Number(fields[COMPRESSED_SIZE]?.value);
    yield { packed: bytes.subarray(end, at), length: Number(fields[UNCOMPRESSED_SIZE]?.value) } satisfies Page;
  }
}
