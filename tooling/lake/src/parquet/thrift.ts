import { Bytes } from "./bytes.ts";

/** A value of the Thrift compact protocol, as data, so that tests can change a footer or a page header before it is written. */
export interface Thrift {
  readonly type: ThriftType;
  readonly value: unknown;
}

/** Fields by id; an undefined field is left out. */
export type Struct = Readonly<Record<number, Thrift | undefined>>;

/** Type ids of the compact protocol. TRUE stands for both booleans; the value decides which id is written. */
export const ThriftType = { TRUE: 1, FALSE: 2, I8: 3, I32: 5, I64: 6, BINARY: 8, LIST: 9, STRUCT: 12 } as const;
export type ThriftType = (typeof ThriftType)[keyof typeof ThriftType];

export const bool = (value: boolean): Thrift => ({ type: ThriftType.TRUE, value });
export const i8 = (value: number): Thrift => ({ type: ThriftType.I8, value });
export const i32 = (value: number): Thrift => ({ type: ThriftType.I32, value });
export const i64 = (value: number | bigint): Thrift => ({ type: ThriftType.I64, value });
export const binary = (value: string | Uint8Array): Thrift => ({
  type: ThriftType.BINARY,
  value: typeof value === "string" ? Buffer.from(value) : value,
});
export const struct = (value: Struct): Thrift => ({ type: ThriftType.STRUCT, value });
/** All items are of the type of the first one; an empty list is one of structs. */
export const list = (value: readonly Thrift[]): Thrift => ({ type: ThriftType.LIST, value });

export function encodeStruct(fields: Struct): Uint8Array {
  const out = new Bytes();
  writeStruct(out, fields);
  return out.written();
}

function writeStruct(out: Bytes, fields: Struct): void {
  let last = 0;
  // Integer keys come in ascending order, which is what the delta of the field id needs.
  for (const [key, field] of Object.entries(fields)) {
    if (field === undefined) continue;
    const id = Number(key);
    const type = field.type === ThriftType.TRUE && !field.value ? ThriftType.FALSE : field.type;
    const delta = id - last;
    if (delta > 0 && delta <= 15) out.u8((delta << 4) | type);
    else {
      out.u8(type);
      out.zigzag(id);
    }
    last = id;
    if (field.type !== ThriftType.TRUE) writeValue(out, field);
  }
  out.u8(0);
}

function writeValue(out: Bytes, { type, value }: Thrift): void {
  switch (type) {
    case ThriftType.TRUE:
    case ThriftType.FALSE:
      out.u8(value ? 1 : 2);
      return;
    case ThriftType.I8:
      out.u8(value as number);
      return;
    case ThriftType.I32:
    case ThriftType.I64:
      out.zigzag(value as number | bigint);
      return;
    case ThriftType.BINARY:
      out.varint((value as Uint8Array).length);
      out.bytes(value as Uint8Array);
      return;
    case ThriftType.LIST:
      writeList(out, value as readonly Thrift[]);
      return;
    case ThriftType.STRUCT:
      writeStruct(out, value as Struct);
      return;
  }
}

function writeList(out: Bytes, items: readonly Thrift[]): void {
  const type = items[0]?.type ?? ThriftType.STRUCT;
  if (items.length < 15) out.u8((items.length << 4) | type);
  else {
    out.u8(0xf0 | type);
    out.varint(items.length);
  }
  for (const item of items) writeValue(out, item);
}

/** Reads the struct at this offset; fields of types that Parquet does not use are refused. */
export function decodeStruct(bytes: Uint8Array, offset = 0): { readonly fields: Struct; readonly end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = offset;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = view.getUint8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const zigzag = (): bigint => {
    const value = varint();
    return (value >> 1n) ^ -(value & 1n);
  };
  const readStruct = (): Struct => {
    const fields: Record<number, Thrift> = {};
    for (let id = 0; ; ) {
      const head = view.getUint8(at++);
      if (head === 0) return fields;
      const delta = head >>> 4;
      id = delta === 0 ? Number(zigzag()) : id + delta;
      fields[id] = read((head & 15) as ThriftType);
    }
  };
  const readList = (): Thrift[] => {
    const head = view.getUint8(at++);
    const count = head >>> 4 === 15 ? Number(varint()) : head >>> 4;
    const type = (head & 15) as ThriftType;
    // Inside of lists a boolean is a byte; as a field it is in the type.
    if (type === ThriftType.TRUE || type === ThriftType.FALSE)
      return Array.from({ length: count }, () => bool(view.getUint8(at++) === 1));
    return Array.from({ length: count }, () => read(type));
  };
  const read = (type: ThriftType): Thrift => {
    switch (type) {
      case ThriftType.TRUE:
      case ThriftType.FALSE:
        return bool(type === ThriftType.TRUE);
      case ThriftType.I8:
        return i8(view.getInt8(at++));
      case ThriftType.I32:
        return i32(Number(zigzag()));
      case ThriftType.I64:
        return i64(zigzag());
      case ThriftType.BINARY: {
        const length = Number(varint());
        at += length;
        return binary(bytes.slice(at - length, at));
      }
      case ThriftType.LIST:
        return list(readList());
      case ThriftType.STRUCT:
        return struct(readStruct());
      default:
        throw new TypeError(`byte ${at - 1}: thrift type ${type} is none of Parquet's`);
    }
  };
  return { fields: readStruct(), end: at };
}
