import { gunzipSync } from "node:zlib";
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

/** The GZIP pages of a file, and a function that inflates them all and does nothing else: no reader can be faster. */
export async function inflater(bytes: Uint8Array): Promise<() => Promise<void>> {
  const { metadata } = await open(bytes);
  const pages = metadata.rowGroups.flatMap(({ columns }) => columns.flatMap((chunk) => [...pagesOf(bytes, chunk)]));
  return async () => {
    for (const { packed, length } of pages) gunzipSync(packed, { chunkSize: Math.max(MIN_CHUNK, length) });
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
