import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { Crc32c } from "@aws-sdk/checksums/crc";
import type { GetObjectCommandOutput } from "@aws-sdk/client-s3";
import { crc64Nvme } from "./crc64.ts";

/** Checksums of the whole object that came with an answer, in base64. */
export type Checksums = Pick<
  GetObjectCommandOutput,
  "ChecksumCRC64NVME" | "ChecksumCRC32" | "ChecksumCRC32C" | "ChecksumSHA1" | "ChecksumSHA256" | "ChecksumType"
>;

const algorithms = {
  ChecksumCRC64NVME: crc64Nvme,
  ChecksumCRC32C(bytes: Uint8Array) {
    const sum = new Crc32c();
    sum.update(bytes);
    return sum.digest();
  },
  ChecksumCRC32(bytes: Uint8Array) {
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(bytes));
    return sum;
  },
  ChecksumSHA1: (bytes: Uint8Array) => createHash("sha1").update(bytes).digest(),
  ChecksumSHA256: (bytes: Uint8Array) => createHash("sha256").update(bytes).digest(),
} as const;

/**
 * The name of a checksum that the bytes of a whole object do not have. One of a multipart upload that is a checksum of the
 * parts' checksums (`COMPOSITE`) says nothing of the bytes at hand.
 */
export async function mismatch(given: Checksums, bytes: Uint8Array): Promise<string | undefined> {
  if (given.ChecksumType === "COMPOSITE") return undefined;
  for (const [name, of] of Object.entries(algorithms)) {
    const expected = given[name as keyof typeof algorithms];
    if (expected === undefined || expected.includes("-")) continue;
    if (Buffer.from(await of(bytes)).toString("base64") !== expected) return name.replace("Checksum", "");
  }
  return undefined;
}
