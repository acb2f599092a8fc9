import { binary, bool, i8, i32, type Struct, struct, type Thrift } from "./thrift.ts";

/** A schema as the file holds it: what is written is exactly this tree, whatever its shape. */
export type Node = Leaf | Group;

interface Named {
  readonly name: string;
  readonly repetition: Repetition;
  readonly annotation?: Annotation;
}
export interface Leaf extends Named {
  readonly type: PhysicalType;
  /** Bytes of a FIXED_LEN_BYTE_ARRAY. */
  readonly length?: number;
}
export interface Group extends Named {
  readonly fields: readonly Node[];
}
export type Repetition = "required" | "optional" | "repeated";

export const physicalTypes = [
  "BOOLEAN",
  "INT32",
  "INT64",
  "INT96",
  "FLOAT",
  "DOUBLE",
  "BYTE_ARRAY",
  "FIXED_LEN_BYTE_ARRAY",
] as const;
export type PhysicalType = (typeof physicalTypes)[number];

export type TimeUnit = "MILLIS" | "MICROS" | "NANOS";

/** What a field means. Written as ConvertedType, as LogicalType or as both (parquet-format, LogicalTypes.md). */
export type Annotation =
  | {
      readonly is:
        | "STRING"
        | "ENUM"
        | "JSON"
        | "BSON"
        | "UUID"
        | "DATE"
        | "INTERVAL"
        | "FLOAT16"
        | "LIST"
        | "MAP"
        | "MAP_KEY_VALUE";
    }
  | { readonly is: "DECIMAL"; readonly precision: number; readonly scale: number }
  | { readonly is: "TIME" | "TIMESTAMP"; readonly unit: TimeUnit; readonly utc: boolean }
  | { readonly is: "INTEGER"; readonly bits: 8 | 16 | 32 | 64; readonly signed: boolean };

export type AnnotationStyle = "converted" | "logical" | "both" | "none";

export function isLeaf(node: Node): node is Leaf {
  return "type" in node;
}

/**
 * Whether the repeated field of a LIST group is the element itself (2-level lists), by the backward compatibility rules
 * of parquet-format, LogicalTypes.md.
 */
export function repeatedIsElement(list: Group): boolean {
  const repeated = list.fields[0] as Node;
  if (isLeaf(repeated) || repeated.fields.length !== 1) return true;
  if (repeated.name === "array" || repeated.name === `${list.name}_tuple`) return true;
  return (repeated.fields[0] as Node).repetition === "repeated";
}

/** The schema elements of a footer, depth first, root included. */
export function schemaElements(root: Group, style: AnnotationStyle): Thrift[] {
  const elements: Thrift[] = [];
  const add = (node: Node): void => {
    const element = schemaElement(node, style);
    // The root has no repetition (parquet.thrift, SchemaElement).
    elements.push(struct(node === root ? { ...element, 3: undefined } : element));
    if (!isLeaf(node)) for (const field of node.fields) add(field);
  };
  add(root);
  return elements;
}

const repetitions: Record<Repetition, number> = { required: 0, optional: 1, repeated: 2 };

function schemaElement(node: Node, style: AnnotationStyle): Struct {
  const { annotation } = node;
  const converted = annotation && style !== "logical" && style !== "none" ? convertedType(annotation) : undefined;
  const logical = annotation && (style === "logical" || style === "both") ? logicalType(annotation) : undefined;
  const decimal = annotation?.is === "DECIMAL" && style !== "none" ? annotation : undefined;
  return {
    1: isLeaf(node) ? i32(physicalTypes.indexOf(node.type)) : undefined,
    2: isLeaf(node) && node.length !== undefined ? i32(node.length) : undefined,
    3: i32(repetitions[node.repetition]),
    4: binary(node.name),
    5: isLeaf(node) ? undefined : i32(node.fields.length),
    6: converted === undefined ? undefined : i32(converted),
    7: decimal && i32(decimal.scale),
    8: decimal && i32(decimal.precision),
    10: logical === undefined ? undefined : struct(logical),
  };
}

const plainConverted: Partial<Record<Annotation["is"], number>> = {
  STRING: 0,
  MAP: 1,
  MAP_KEY_VALUE: 2,
  LIST: 3,
  ENUM: 4,
  DECIMAL: 5,
  DATE: 6,
  JSON: 19,
  BSON: 20,
  INTERVAL: 21,
};

function convertedType(annotation: Annotation): number | undefined {
  switch (annotation.is) {
    case "TIME":
    case "TIMESTAMP": {
      // ConvertedType knows no nanoseconds and no local time.
      if (annotation.unit === "NANOS" || !annotation.utc) return undefined;
      return (annotation.is === "TIME" ? 7 : 9) + (annotation.unit === "MICROS" ? 1 : 0);
    }
    case "INTEGER":
      return (annotation.signed ? 15 : 11) + Math.log2(annotation.bits / 8);
    default:
      return plainConverted[annotation.is];
  }
}

const plainLogical: Partial<Record<Annotation["is"], number>> = {
  STRING: 1,
  MAP: 2,
  LIST: 3,
  ENUM: 4,
  DATE: 6,
  JSON: 12,
  BSON: 13,
  UUID: 14,
  FLOAT16: 15,
};
const units: Record<TimeUnit, number> = { MILLIS: 1, MICROS: 2, NANOS: 3 };

function logicalType(annotation: Annotation): Struct | undefined {
  switch (annotation.is) {
    case "DECIMAL":
      return { 5: struct({ 1: i32(annotation.scale), 2: i32(annotation.precision) }) };
    case "TIME":
    case "TIMESTAMP": {
      const unit = struct({ [units[annotation.unit]]: struct({}) });
      return { [annotation.is === "TIME" ? 7 : 8]: struct({ 1: bool(annotation.utc), 2: unit }) };
    }
    case "INTEGER":
      return { 10: struct({ 1: i8(annotation.bits), 2: bool(annotation.signed) }) };
    default: {
      const id = plainLogical[annotation.is];
      return id === undefined ? undefined : { [id]: struct({}) };
    }
  }
}

/** The schema as parquet-mr prints it: for people and for comparisons. */
export function schemaText(root: Group): string {
  const line = (node: Node, indent: string): string => {
    const note = node.annotation ? ` (${annotationText(node.annotation)})` : "";
    if (isLeaf(node)) {
      const length = node.length === undefined ? "" : `(${node.length})`;
      return `${indent}${node.repetition} ${node.type.toLowerCase()}${length} ${node.name}${note};\n`;
    }
    const fields = node.fields.map((field) => line(field, `${indent}  `)).join("");
    return `${indent}${node.repetition} group ${node.name}${note} {\n${fields}${indent}}\n`;
  };
  return `message ${root.name} {\n${root.fields.map((field) => line(field, "  ")).join("")}}\n`;
}

function annotationText(annotation: Annotation): string {
  switch (annotation.is) {
    case "DECIMAL":
      return `DECIMAL(${annotation.precision},${annotation.scale})`;
    case "TIME":
    case "TIMESTAMP":
      return `${annotation.is}(${annotation.unit},${annotation.utc ? "utc" : "local"})`;
    case "INTEGER":
      return `INTEGER(${annotation.bits},${annotation.signed ? "signed" : "unsigned"})`;
    default:
      return annotation.is;
  }
}
