export { type Arbitrary, type ArbitraryOptions, arbitrary, type LeafName, leafKinds } from "./arbitrary.ts";
export { eventOf, type Nulls, type Numbers } from "./event.ts";
export { type KeyParts, objectKey } from "./key.ts";
export { type LakeOptions, lakeBucket, makeLake } from "./lake.ts";
export { type LargeObject, type LargeObjectOptions, makeLargeObject } from "./large-object.ts";
export {
  type Announced,
  type NotificationForm,
  type NotificationSetting,
  notification,
  notificationForms,
} from "./notification.ts";
export { type LakeObject, makeObject, type ObjectOptions } from "./object.ts";
export { type Codec, codecs } from "./parquet/codec/codec.ts";
export type { ValueEncoding } from "./parquet/encoding/encode.ts";
export { columnMetadata, readFooter } from "./parquet/footer.ts";
export type { Annotation, Group, Leaf, Node, PhysicalType, Repetition } from "./parquet/schema.ts";
export { schemaText } from "./parquet/schema.ts";
export { decodeStruct, encodeStruct, type Struct, type Thrift } from "./parquet/thrift.ts";
export { type RowGroup, type WriteOptions, writeParquet } from "./parquet/write.ts";
export { choice, createRandom, type Random } from "./random.ts";
export { type SourceName, sourceNames } from "./sources/sources.ts";
export { type Field, type FieldType, type Layout, parquetSchema, readTable, type Table } from "./table.ts";
export { type FileOptions, parquetFile, writers } from "./writer.ts";
