import { open } from "node:fs/promises";
import { ParquetError } from "./errors.ts";

/** Anything bytes can be cut out of: a buffer, a file, an object behind range requests. */
export interface ByteSource {
  readonly byteLength: number;
  /** The bytes from `start` up to and without `end`. */
  slice(start: number, end: number): Uint8Array | Promise<Uint8Array>;
  /** Told of slices that will be asked for, soon and in these very cuts. A source may fetch them ahead, or do nothing. */
  expect?(start: number, end: number): void;
}

/** A buffer as a source; nothing is copied. */
export function bufferSource(bytes: Uint8Array): ByteSource {
  return { byteLength: bytes.byteLength, slice: (start, end) => bytes.subarray(start, end) };
}

/** A local file as a source, read by ranges. The caller closes it. */
export async function fileSource(path: string): Promise<ByteSource & { close(): Promise<void> }> {
  const file = await open(path);
  const { size } = await file.stat();
  return {
    byteLength: size,
    async slice(start, end) {
      const bytes = new Uint8Array(end - start);
      let done = 0;
      while (done < bytes.length) {
        const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return bytes.subarray(0, done);
    },
    close: () => file.close(),
  };
}

/** A slice that has all its bytes; the promise is skipped where the source has none. */
export function read(source: ByteSource, start: number, end: number): Uint8Array | Promise<Uint8Array> {
  const got = source.slice(start, end);
  return got instanceof Uint8Array ? whole(got, start, end) : got.then((bytes) => whole(bytes, start, end));
}

function whole(bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (bytes.byteLength !== end - start) {
    throw new ParquetError("TRUNCATED", `the source gave ${bytes.byteLength} of ${end - start} bytes`, {
      offset: start,
    });
  }
  return bytes;
}
