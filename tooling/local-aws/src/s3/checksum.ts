import { hash } from "node:crypto";
import { crc32 } from "node:zlib";

export type ChecksumAlgorithm = "CRC32" | "CRC32C" | "CRC64NVME" | "SHA1" | "SHA256";

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  /** Base64; of multipart uploads with composite checksums followed by "-" and the number of parts. */
  readonly value: string;
  readonly type: "FULL_OBJECT" | "COMPOSITE";
}

export const checksumAlgorithms: readonly ChecksumAlgorithm[] = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"];

export function checksum(algorithm: ChecksumAlgorithm, data: Uint8Array): string {
  switch (algorithm) {
    case "CRC32":
      return word(crc32(data));
    case "CRC32C":
      return word(crc32c(data));
    case "CRC64NVME":
      return crc64nvme(data);
    case "SHA1":
      return hash("sha1", data, "base64");
    case "SHA256":
      return hash("sha256", data, "base64");
  }
}

function word(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes.toString("base64");
}

let table32: Uint32Array | undefined;

/** CRC-32C (Castagnoli, RFC 3720), reflected. */
function crc32c(data: Uint8Array): number {
  table32 ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0x82f63b78 : 0);
    return value;
  });
  const table = table32;
  let crc = 0xffffffff;
  for (const byte of data) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 255] as number);
  return ~crc;
}

let tables64: readonly [low: Uint32Array, high: Uint32Array] | undefined;

/** The reflected polynomial of CRC-64/NVME (NVM Express NVM Command Set Specification). */
const polynomial64 = 0x9a6c9329ac4bc9b5n;

function makeTables64(): readonly [Uint32Array, Uint32Array] {
  const low = new Uint32Array(256 * 8);
  const high = new Uint32Array(256 * 8);
  const values = Array.from({ length: 256 }, (_, byte) => {
    let value = BigInt(byte);
    for (let bit = 0; bit < 8; bit++) value = value & 1n ? (value >> 1n) ^ polynomial64 : value >> 1n;
    return value;
  });
  let level = values;
  for (let slice = 0; slice < 8; slice++) {
    for (const [byte, value] of level.entries()) {
      low[slice * 256 + byte] = Number(value & 0xffffffffn);
      high[slice * 256 + byte] = Number(value >> 32n);
    }
    level = level.map((value) => (value >> 8n) ^ (values[Number(value & 255n)] as bigint));
  }
  return [low, high];
}

/** Eight bytes a step. */
function crc64nvme(data: Uint8Array): string {
  tables64 ??= makeTables64();
  const [low, high] = tables64;
  let lo = 0xffffffff;
  let hi = 0xffffffff;
  let at = 0;
  for (const end = data.length - 7; at < end; at += 8) {
    lo ^= data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24);
    hi ^= data[at + 4]! | (data[at + 5]! << 8) | (data[at + 6]! << 16) | (data[at + 7]! << 24);
    const a = 0x700 | (lo & 255);
    const b = 0x600 | ((lo >>> 8) & 255);
    const c = 0x500 | ((lo >>> 16) & 255);
    const d = 0x400 | (lo >>> 24);
    const e = 0x300 | (hi & 255);
    const f = 0x200 | ((hi >>> 8) & 255);
    const g = 0x100 | ((hi >>> 16) & 255);
    const h = hi >>> 24;
    lo = low[a]! ^ low[b]! ^ low[c]! ^ low[d]! ^ low[e]! ^ low[f]! ^ low[g]! ^ low[h]!;
    hi = high[a]! ^ high[b]! ^ high[c]! ^ high[d]! ^ high[e]! ^ high[f]! ^ high[g]! ^ high[h]!;
  }
  for (; at < data.length; at++) {
    const index = (lo ^ data[at]!) & 255;
    lo = ((lo >>> 8) | (hi << 24)) ^ low[index]!;
    hi = (hi >>> 8) ^ high[index]!;
  }
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(~hi >>> 0, 0);
  bytes.writeUInt32BE(~lo >>> 0, 4);
  return bytes.toString("base64");
}
