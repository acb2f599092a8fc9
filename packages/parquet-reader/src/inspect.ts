import type { ParquetFile } from "./file.ts";
import type { SchemaElement } from "./schema.ts";

/** What a file consists of, ready for JSON. Sizes in bytes. */
export interface Inspection {
  readonly version: number;
  readonly createdBy: string | undefined;
  readonly rows: number;
  readonly schema: string;
  readonly rowGroups: readonly {
    readonly rows: number;
    readonly compressedBytes: number;
    readonly columns: readonly InspectedColumn[];
  }[];
  readonly keyValues: Readonly<Record<string, string | undefined>>;
}

export interface InspectedColumn {
  readonly path: string;
  readonly type: string;
  readonly codec: string;
  readonly encodings: readonly string[];
  readonly values: number;
  readonly compressedBytes: number;
  readonly uncompressedBytes: number;
  readonly offset: number;
}

/** Describes an open file from its footer alone. */
export function inspect({ metadata, schema }: ParquetFile): Inspection {
  return {
    version: metadata.version,
    createdBy: metadata.createdBy,
    rows: metadata.rowCount,
    schema: schemaText(schema),
    rowGroups: metadata.rowGroups.map(({ rowCount, columns }) => ({
      rows: rowCount,
      compressedBytes: columns.reduce((sum, { compressedBytes }) => sum + compressedBytes, 0),
      columns: columns.map((chunk) => ({
        path: chunk.path.join("."),
        type: chunk.type,
        codec: chunk.codec,
        encodings: chunk.encodings,
        values: chunk.valueCount,
        compressedBytes: chunk.compressedBytes,
        uncompressedBytes: chunk.uncompressedBytes,
        offset: chunk.dictionaryPageOffset ?? chunk.dataPageOffset,
      })),
    })),
    keyValues: Object.fromEntries(metadata.keyValues),
  };
}

/** The schema in the notation of the specification. */
export function schemaText(root: SchemaElement): string {
  return `message ${root.name} {\n${root.children.map((child) => elementText(child, "  ")).join("")}}\n`;
}

function elementText(element: SchemaElement, indent: string): string {
  const { name, repetition, type, typeLength, annotation, children } = element;
  const meaning = annotation === undefined ? "" : ` (${annotationText(annotation)})`;
  if (type === undefined) {
    const inner = children.map((child) => elementText(child, `${indent}  `)).join("");
    return `${indent}${repetition} group ${name}${meaning} {\n${inner}${indent}}\n`;
  }
  const length = type === "FIXED_LEN_BYTE_ARRAY" ? `(${typeLength})` : "";
  return `${indent}${repetition} ${type.toLowerCase()}${length} ${name}${meaning};\n`;
}

function annotationText(annotation: NonNullable<SchemaElement["annotation"]>): string {
  switch (annotation.kind) {
    case "DECIMAL":
      return `DECIMAL(${annotation.precision},${annotation.scale})`;
    case "TIME":
    case "TIMESTAMP":
      return `${annotation.kind}(${annotation.unit},${annotation.utc})`;
    case "INTEGER":
      return `INTEGER(${annotation.bits},${annotation.signed})`;
    default:
      return annotation.kind;
  }
}
