import { decodeStruct, type Struct, type Thrift } from "./thrift.ts";

/** FileMetaData of parquet.thrift, as data, and where it begins in the file. */
export function readFooter(file: Uint8Array): { readonly footer: Struct; readonly start: number } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const start = file.length - 8 - view.getUint32(file.length - 8, true);
  return { footer: decodeStruct(file, start).fields, start };
}

export function structsOf(field: Thrift | undefined): Struct[] {
  return ((field?.value ?? []) as readonly Thrift[]).map(({ value }) => value as Struct);
}

export function textOf(field: Thrift | undefined): string | undefined {
  return field && Buffer.from(field.value as Uint8Array).toString();
}

/** The column chunks' ColumnMetaData, row group by row group. */
export function columnMetadata(footer: Struct): Struct[][] {
  return structsOf(footer[4]).map((group) => structsOf(group[1]).map((chunk) => chunk[3]?.value as Struct));
}
