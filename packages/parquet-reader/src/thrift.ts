import { ParquetError } from "./errors.ts";

// Type codes of the Thrift compact protocol.
const STOP = 0;
const TRUE = 1;
const FALSE = 2;
const BYTE = 3;
const I16 = 4;
const I32 = 5;
const I64 = 6;
const DOUBLE = 7;
const BINARY = 8;
const LIST = 9;
const SET = 10;
const MAP = 11;
const STRUCT = 12;

const MAX_SKIP_DEPTH = 64;
const text = new TextDecoder();

/**
 * Reader of the Thrift compact protocol, every read checked against the end.
 * Fields are pulled: `enter`, then `next` until it answers false with `id` and `type` set, then `leave`.
 */
export class ThriftReader {
  readonly bytes: Uint8Array;
  readonly end: number;
  /** File offset of `bytes[0]`, for messages. */
  readonly origin: number;
  position: number;
  /** Number and type of the field that `next` stopped at. */
  id = 0;
  type = 0;

  constructor(bytes: Uint8Array, position: number, end: number, origin: number) {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
    this.origin = origin;
  }

  /** A reader of a list that this one passed. */
  again(position: number): ThriftReader {
    const other = new ThriftReader(this.bytes, position, this.end, this.origin);
    other.type = LIST;
    return other;
  }

  /** Starts a struct; give what it returns to `leave`. */
  enter(): number {
    const outer = this.id;
    this.id = 0;
    return outer;
  }

  leave(outer: number): void {
    this.id = outer;
  }

  next(): boolean {
    const head = this.byte();
    if (head === STOP) return false;
    this.type = head & 15;
    const delta = head >> 4;
    this.id = delta === 0 ? this.zigzag() : this.id + delta;
    return true;
  }

  byte(): number {
    if (this.position >= this.end) throw this.fail("TRUNCATED", "thrift data ends early");
    return this.bytes[this.position++];
  }

  varint(): number {
    let byte = this.byte();
    if (byte < 128) return byte;
    let value = byte & 127;
    let scale = 128;
    do {
      if (scale > 2 ** 63) throw this.fail("CORRUPT", "thrift integer is longer than 10 bytes");
      byte = this.byte();
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte & 128);
    return value;
  }

  zigzag(): number {
    const value = this.varint();
    if (value > Number.MAX_SAFE_INTEGER) throw this.fail("CORRUPT", "thrift integer is above 2^53");
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  }

  /** The integer value of the current field. */
  int(): number {
    if (this.type !== I32 && this.type !== I64 && this.type !== I16) throw this.unexpected("an integer");
    return this.zigzag();
  }

  /** A size, count or offset: an integer that is not negative. */
  size(): number {
    const value = this.int();
    if (value < 0) throw this.fail("CORRUPT", `field ${this.id} is negative: ${value}`);
    return value;
  }

  bool(): boolean {
    if (this.type !== TRUE && this.type !== FALSE) throw this.unexpected("a boolean");
    return this.type === TRUE;
  }

  struct(): number {
    if (this.type !== STRUCT) throw this.unexpected("a struct");
    return this.enter();
  }

  binary(): Uint8Array {
    if (this.type !== BINARY) throw this.unexpected("a string");
    return this.binaryElement();
  }

  string(): string {
    return text.decode(this.binary());
  }

  /** Starts a list and gives its length; elements of a list of structs are read with `enter`. */
  list(element: "struct" | "integer" | "string"): number {
    if (this.type !== LIST && this.type !== SET) throw this.unexpected("a list");
    const head = this.byte();
    const type = head & 15;
    const length = head >> 4 === 15 ? this.varint() : head >> 4;
    const wanted = element === "struct" ? STRUCT : element === "string" ? BINARY : I32;
    if (length > 0 && type !== wanted) throw this.fail("CORRUPT", `field ${this.id} is a list of thrift type ${type}`);
    if (length > this.end - this.position) throw this.fail("CORRUPT", `a list claims ${length} elements`);
    return length;
  }

  stringElement(): string {
    return text.decode(this.binaryElement());
  }

  skip(): void {
    this.skipValue(this.type, 0);
  }

  private binaryElement(): Uint8Array {
    const length = this.varint();
    const start = this.position;
    this.advance(length);
    return this.bytes.subarray(start, start + length);
  }

  private advance(length: number): void {
    if (length > this.end - this.position) throw this.fail("TRUNCATED", `a thrift value of ${length} bytes ends early`);
    this.position += length;
  }

  private skipValue(type: number, depth: number): void {
    if (depth > MAX_SKIP_DEPTH) throw this.fail("LIMIT", `thrift data is nested deeper than ${MAX_SKIP_DEPTH}`);
    switch (type) {
      case TRUE:
      case FALSE:
        return;
      case BYTE:
        this.advance(1);
        return;
      case I16:
      case I32:
      case I64:
        this.varint();
        return;
      case DOUBLE:
        this.advance(8);
        return;
      case BINARY:
        this.advance(this.varint());
        return;
      case LIST:
      case SET:
        this.skipList(depth);
        return;
      case MAP:
        this.skipMap(depth);
        return;
      case STRUCT:
        this.skipStruct(depth);
        return;
      default:
        throw this.fail("CORRUPT", `unknown thrift type ${type}`);
    }
  }

  private skipList(depth: number): void {
    const head = this.byte();
    const length = head >> 4 === 15 ? this.varint() : head >> 4;
    const type = head & 15;
    if (type === TRUE || type === FALSE) {
      this.advance(length);
      return;
    }
    for (let i = 0; i < length; i++) this.skipValue(type, depth + 1);
  }

  private skipMap(depth: number): void {
    const length = this.varint();
    if (length === 0) return;
    const types = this.byte();
    for (let i = 0; i < length; i++) {
      this.skipElement(types >> 4, depth + 1);
      this.skipElement(types & 15, depth + 1);
    }
  }

  private skipElement(type: number, depth: number): void {
    if (type === TRUE || type === FALSE) this.advance(1);
    else this.skipValue(type, depth);
  }

  private skipStruct(depth: number): void {
    const outer = this.enter();
    while (this.next()) this.skipValue(this.type, depth + 1);
    this.leave(outer);
  }

  fail(code: "TRUNCATED" | "CORRUPT" | "LIMIT", reason: string): ParquetError {
    return new ParquetError(code, reason, { offset: this.origin + this.position });
  }

  private unexpected(wanted: string): ParquetError {
    return this.fail("CORRUPT", `field ${this.id} has thrift type ${this.type} where ${wanted} belongs`);
  }
}
