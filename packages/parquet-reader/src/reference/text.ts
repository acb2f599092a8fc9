const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const HEX = "0123456789abcdef";

/** Escapes with a letter of their own: byte to letter (RFC 8259, section 7). */
const letters = new Uint8Array(256);
letters[0x08] = 0x62; // b
letters[0x09] = 0x74; // t
letters[0x0a] = 0x6e; // n
letters[0x0c] = 0x66; // f
letters[0x0d] = 0x72; // r
letters[QUOTE] = QUOTE;
letters[BACKSLASH] = BACKSLASH;

/** Copies `length` bytes; to stay cheap for the short ones that make up most of JSON. */
export function copy(u8: Uint8Array, out: number, source: number, length: number): void {
  if (length > 32) u8.copyWithin(out, source, source + length);
  else for (let i = 0; i < length; i++) u8[out + i] = u8[source + i];
}

/** Writes a JSON string; bytes that are not UTF-8 are replaced as the Encoding Standard's decoder does. Gives the end. */
export function writeString(u8: Uint8Array, out: number, source: number, length: number): number {
  const end = source + length;
  u8[out++] = QUOTE;
  while (source < end) {
    const byte = u8[source];
    if (byte >= 0x80) {
      const valid = sequenceLength(u8, source, end);
      if (valid > 0) {
        for (let i = 0; i < valid; i++) u8[out++] = u8[source++];
      } else {
        u8[out++] = 0xef; // U+FFFD
        u8[out++] = 0xbf;
        u8[out++] = 0xbd;
        source -= valid;
      }
    } else if (byte < 0x20 || byte === QUOTE || byte === BACKSLASH) {
      out = writeEscape(u8, out, byte);
      source++;
    } else {
      u8[out++] = byte;
      source++;
    }
  }
  u8[out++] = QUOTE;
  return out;
}

function writeEscape(u8: Uint8Array, out: number, byte: number): number {
  u8[out] = BACKSLASH;
  const letter = letters[byte];
  if (letter !== 0) {
    u8[out + 1] = letter;
    return out + 2;
  }
  return writeAscii(u8, out + 1, `u00${HEX[byte >> 4]}${HEX[byte & 15]}`);
}

/**
 * Bytes of the UTF-8 sequence at `at`, or minus the bytes that one replacement character stands for
 * (Encoding Standard, "UTF-8 decoder": a bad byte after a good start is looked at again).
 */
function sequenceLength(u8: Uint8Array, at: number, end: number): number {
  const lead = u8[at];
  let needed: number;
  let low = 0x80;
  let high = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) needed = 1;
  else if (lead >= 0xe0 && lead <= 0xef) {
    needed = 2;
    if (lead === 0xe0) low = 0xa0;
    else if (lead === 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    needed = 3;
    if (lead === 0xf0) low = 0x90;
    else if (lead === 0xf4) high = 0x8f;
  } else return -1;
  for (let i = 1; i <= needed; i++) {
    if (at + i >= end || u8[at + i] < low || u8[at + i] > high) return -i;
    low = 0x80;
    high = 0xbf;
  }
  return needed + 1;
}

export function writeAscii(u8: Uint8Array, out: number, text: string): number {
  for (let i = 0; i < text.length; i++) u8[out + i] = text.charCodeAt(i);
  return out + text.length;
}
