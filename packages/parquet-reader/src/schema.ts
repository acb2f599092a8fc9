import { type Annotation, fromConverted, known, parseLogical } from "./annotation.ts";
import { type Limits, within } from "./limits.ts";
import { type PhysicalType, physicalTypes } from "./metadata.ts";
import { ThriftReader } from "./thrift.ts";

export type Repetition = "required" | "optional" | "repeated";

/** An element of the schema as the footer lists them, depth first. */
export interface SchemaElement {
  readonly name: string;
  readonly repetition: Repetition;
  /** Undefined for groups. */
  readonly type: PhysicalType | undefined;
  /** Bytes of a FIXED_LEN_BYTE_ARRAY. */
  readonly typeLength: number;
  readonly annotation: Annotation | undefined;
  readonly children: readonly SchemaElement[];
}

interface Flat {
  name: string;
  repetition: Repetition;
  type: PhysicalType | undefined;
  typeLength: number;
  annotation: Annotation | undefined;
  childCount: number;
}

const repetitions: readonly Repetition[] = ["required", "optional", "repeated"];

/** The schema's root, from the bytes of the footer's list of schema elements. */
export function parseSchema(bytes: Uint8Array, offset: number, limits: Limits): SchemaElement {
  const reader = new ThriftReader(bytes, 0, bytes.length, offset);
  reader.type = 9;
  const elements: Flat[] = [];
  const count = reader.list("struct");
  within(limits, "footerElements", count, "schema elements");
  for (let left = count; left > 0; left--) elements.push(parseElement(reader));
  let next = 0;
  const build = (depth: number): SchemaElement => {
    within(limits, "depth", depth, "nesting of the schema");
    const element = elements[next++];
    if (element === undefined) throw reader.fail("CORRUPT", "the schema ends early");
    const { childCount, ...own } = element;
    const children: SchemaElement[] = [];
    for (let i = 0; i < childCount; i++) children.push(build(depth + 1));
    return { ...own, children };
  };
  const root = build(0);
  if (next !== elements.length)
    throw reader.fail("CORRUPT", `${elements.length - next} schema elements have no parent`);
  return root;
}

function parseElement(reader: ThriftReader): Flat {
  const element: Flat = {
    name: "",
    repetition: "required",
    type: undefined,
    typeLength: 0,
    annotation: undefined,
    childCount: 0,
  };
  let converted = -1;
  let precision = 0;
  let scale = 0;
  let logical: Annotation | undefined;
  const outer = reader.enter();
  while (reader.next()) {
    switch (reader.id) {
      case 1:
        element.type = known(reader, physicalTypes[reader.int()], "physical type");
        break;
      case 2:
        element.typeLength = reader.size();
        break;
      case 3:
        element.repetition = known(reader, repetitions[reader.int()], "repetition");
        break;
      case 4:
        element.name = reader.string();
        break;
      case 5:
        element.childCount = reader.size();
        break;
      case 6:
        converted = reader.int();
        break;
      case 7:
        scale = reader.int();
        break;
      case 8:
        precision = reader.int();
        break;
      case 10:
        logical = parseLogical(reader);
        break;
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
  if (element.childCount > 0) element.type = undefined;
  element.annotation = logical ?? fromConverted(converted, precision, scale);
  return element;
}
