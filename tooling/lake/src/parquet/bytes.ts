/** Bytes that grow: everything the writer writes goes through one of these. Little endian. */
export class Bytes {
  #buffer: Buffer;
  #view: DataView;
  length = 0;

  constructor(capacity = 256) {
    this.#buffer = Buffer.allocUnsafe(capacity);
    this.#view = viewOf(this.#buffer);
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#buffer[this.length++] = value;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.length, value >>> 0, true);
    this.length += 4;
  }

  i64(value: number | bigint): void {
    this.#reserve(8);
    this.#view.setBigInt64(this.length, typeof value === "bigint" ? value : BigInt(value), true);
    this.length += 8;
  }

  f32(value: number): void {
    this.#reserve(4);
    this.#view.setFloat32(this.length, value, true);
    this.length += 4;
  }

  f64(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  /** Unsigned LEB128. */
  varint(value: number | bigint): void {
    if (typeof value === "bigint" || value > 0x7fffffff) {
      let rest = BigInt(value);
      while (rest > 0x7fn) {
        this.u8(Number(rest & 0x7fn) | 0x80);
        rest >>= 7n;
      }
      this.u8(Number(rest));
      return;
    }
    let rest = value;
    while (rest > 0x7f) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.u8(rest);
  }

  /** Signed varint of at most 64 bits. */
  zigzag(value: number | bigint): void {
    const wide = BigInt(value);
    this.varint(BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n)));
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#buffer.set(value, this.length);
    this.length += value.length;
  }

  /** UTF-8 of a string with its length in front, as four bytes. */
  sized(value: string): void {
    this.#reserve(4 + value.length * 3);
    const written = this.#buffer.write(value, this.length + 4);
    this.#view.setUint32(this.length, written, true);
    this.length += 4 + written;
  }

  /** A view; valid until the next write. */
  written(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }

  #reserve(count: number): void {
    if (this.length + count <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.length + count));
    larger.set(this.#buffer.subarray(0, this.length));
    this.#buffer = larger;
    this.#view = viewOf(larger);
  }
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
