import { expect, it } from "vitest";
import {
  binary,
  bool,
  decodeStruct,
  encodeStruct,
  i8,
  i32,
  i64,
  list,
  type Struct,
  struct,
} from "../src/parquet/thrift.ts";

it("a struct of the compact protocol is read back as it was written", () => {
  const fields: Struct = {
    1: i32(-1),
    2: i64(-(2n ** 63n)),
    3: bool(true),
    4: bool(false),
    // A field id too far from the one before for a delta.
    40: binary("é"),
    41: list(Array.from({ length: 20 }, (_, at) => i32(at * 1_000_003))),
    42: list([struct({ 1: i8(-8) }), struct({})]),
    43: list([bool(true), bool(false)]),
    44: list([]),
  };
  const bytes = encodeStruct(fields);
  const decoded = decodeStruct(bytes);
  expect(decoded.fields).toEqual(fields);
  expect(decoded.end).toBe(bytes.length);
});
