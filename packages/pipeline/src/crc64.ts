/** The halves of a table of 64-bit numbers: 256 for each of the eight bytes that are taken at a time. */
interface Tables {
  readonly high: Int32Array;
  readonly low: Int32Array;
}

/** The 64b CRC polynomial of the NVM Express NVM Command Set Specification, reflected. */
const polynomial = { high: 0x9a6c9329, low: 0xac4bc9b5 } as const;
let tables: Tables | undefined;

/**
 * CRC-64/NVME of the bytes, big-endian, as S3 gives it. Eight bytes at a time, in halves of 32 bits that V8 keeps in
 * registers. The SDK has one too, whose tables take a process as long to make as hundreds of objects take to check.
 */
export function crc64Nvme(bytes: Uint8Array): Buffer {
  tables ??= makeTables();
  const { high, low } = tables;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const whole = bytes.length - (bytes.length % 8);
  let upper = -1;
  let lower = -1;
  let at = 0;
  for (; at < whole; at += 8) {
    const first = lower ^ view.getInt32(at, true);
    const last = upper ^ view.getInt32(at + 4, true);
    const a = 0x700 | (first & 0xff);
    const b = 0x600 | ((first >>> 8) & 0xff);
    const c = 0x500 | ((first >>> 16) & 0xff);
    const d = 0x400 | (first >>> 24);
    const e = 0x300 | (last & 0xff);
    const f = 0x200 | ((last >>> 8) & 0xff);
    const g = 0x100 | ((last >>> 16) & 0xff);
    const h = last >>> 24;
    upper = high[a] ^ high[b] ^ high[c] ^ high[d] ^ high[e] ^ high[f] ^ high[g] ^ high[h];
    lower = low[a] ^ low[b] ^ low[c] ^ low[d] ^ low[e] ^ low[f] ^ low[g] ^ low[h];
  }
  for (; at < bytes.length; at++) {
    const byte = (lower ^ bytes[at]) & 0xff;
    lower = ((lower >>> 8) | (upper << 24)) ^ low[byte];
    upper = (upper >>> 8) ^ high[byte];
  }
  const sum = Buffer.alloc(8);
  sum.writeInt32BE(~upper, 0);
  sum.writeInt32BE(~lower, 4);
  return sum;
}

function makeTables(): Tables {
  const high = new Int32Array(8 * 256);
  const low = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let [upper, lower] = [0, byte];
    for (let bit = 0; bit < 8; bit++) {
      const mask = -(lower & 1);
      lower = ((lower >>> 1) | (upper << 31)) ^ (polynomial.low & mask);
      upper = (upper >>> 1) ^ (polynomial.high & mask);
    }
    high[byte] = upper;
    low[byte] = lower;
  }
  // The same byte with one more zero byte behind it.
  for (let entry = 256; entry < high.length; entry++) {
    const [upper, lower] = [high[entry - 256], low[entry - 256]];
    low[entry] = ((lower >>> 8) | (upper << 24)) ^ low[lower & 0xff];
    high[entry] = (upper >>> 8) ^ high[lower & 0xff];
  }
  return { high, low };
}
