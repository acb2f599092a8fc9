import type { GetObjectCommandOutput } from "@aws-sdk/client-s3";
import { type Checksums, mismatch } from "./checksum.ts";
import type { AnnouncedObject } from "./notification.ts";
import { BrokenBody, nameOf } from "./s3-error.ts";

/** Bytes of an object on their way: those from `start` on, of which `filled` have arrived. */
export interface Download {
  readonly etag: string;
  readonly lastModified: Date;
  readonly start: number;
  /** Size of the object. */
  readonly total: number;
  readonly bytes: Uint8Array;
  filled: number;
  /** Of the whole object; empty where only a part of it was asked for. */
  readonly checksums: Checksums;
}

/** An answer holds more than was expected by the size that the notification tells. */
export class LargerThanAnnounced extends Error {
  override readonly name = "LargerThanAnnounced";
}

/**
 * What a first answer promises. Its bytes are written to `room` where that is of their number.
 * @throws LargerThanAnnounced beyond `limit` bytes, before any of them is read
 */
export function beginDownload(
  output: GetObjectCommandOutput,
  object: AnnouncedObject,
  limit: number,
  room?: Uint8Array,
): Download {
  const { ContentLength = 0, ContentRange, ETag = "", LastModified = new Date(0) } = output;
  if (ContentLength > limit) {
    throw new LargerThanAnnounced(`${nameOf(object)} has ${ContentLength} bytes, ${object.size} were announced`);
  }
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(ContentRange ?? "") ?? [];
  return {
    etag: ETag.replaceAll('"', ""),
    lastModified: LastModified,
    start: Number(start ?? 0),
    total: Number(total ?? ContentLength),
    bytes: room?.length === ContentLength ? room : new Uint8Array(ContentLength),
    filled: 0,
    checksums: ContentRange === undefined ? output : {},
  };
}

/** The range that a further answer has to bring. */
export function restOf({ start, filled, bytes }: Download): string {
  return `bytes=${start + filled}-${start + bytes.length - 1}`;
}

/** @throws BrokenBody where a further answer does not begin where the bytes so far end */
export function checkContinuation(download: Download, output: GetObjectCommandOutput, object: AnnouncedObject): void {
  const expected = `bytes ${restOf(download).slice("bytes=".length)}/${download.total}`;
  if (output.ContentRange !== expected) {
    throw new BrokenBody(`${nameOf(object)}: S3 was asked for ${expected} and sent ${output.ContentRange}`);
  }
}

/**
 * Reads a body to its end into the download. `alive` is told of each chunk.
 *
 * @throws BrokenBody with the numbers when it ends early, or when the bytes do not have their checksum
 */
export async function readBody(
  body: AsyncIterable<Uint8Array>,
  download: Download,
  object: AnnouncedObject,
  alive: () => void,
): Promise<void> {
  const { bytes, checksums } = download;
  try {
    for await (const chunk of body) {
      alive();
      if (download.filled + chunk.length > bytes.length) throw new Error("there are more bytes than were promised");
      bytes.set(chunk, download.filled);
      download.filled += chunk.length;
    }
  } catch (error) {
    throw new BrokenBody(`${nameOf(object)}: ${sentOf(download)}: ${(error as Error).message}`, { cause: error });
  }
  if (download.filled < bytes.length) throw new BrokenBody(`${nameOf(object)}: ${sentOf(download)}`);
  const broken = await mismatch(checksums, bytes);
  if (broken === undefined) return;
  // Which of the bytes are wrong is not known, so that all are asked for again.
  download.filled = 0;
  throw new BrokenBody(`${nameOf(object)}: the ${bytes.length} bytes that S3 sent do not have their ${broken}`);
}

function sentOf({ filled, bytes }: Download): string {
  return `S3 sent ${filled} of ${bytes.length} bytes`;
}
