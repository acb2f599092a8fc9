import { type Inspection, inspect as inspectFile } from "@threatlockdown/parquet-reader";
import type { Command } from "../command.ts";
import { exitCode } from "../exit-code.ts";
import { printable } from "../printable.ts";
import { withParquetFile } from "./parquet-file.ts";

export const inspect: Command = {
  summary: "describe a Parquet file: schema, row groups, encodings, codecs, sizes",
  help: `Describes a Parquet file from its footer: schema, row groups, columns with encodings, codecs and sizes, key-value pairs.

Usage: security-lake-wodle inspect FILE [--json]
`,
  options: { json: { type: "boolean" } },
  operands: true,

  async run({ json }, positionals, { print }) {
    const inspection = await withParquetFile(positionals, async (file) => inspectFile(file));
    print(json ? `${JSON.stringify(inspection)}\n` : inspectionText(inspection));
    return exitCode.ok;
  },
};

function inspectionText({ version, createdBy, rows, rowGroups, schema, keyValues }: Inspection): string {
  const text = [
    `${rows} rows in ${rowGroups.length} row groups; format version ${version}; created by ${createdBy ?? "nobody named"}\n`,
    schema,
    ...rowGroups.map((group, index) => rowGroupText(group, index)),
    ...Object.entries(keyValues).map(([key, value]) => `\n${key} = ${value ?? ""}\n`),
  ].join("\n");
  return text.replaceAll(/[^\n\t]+/g, printable);
}

function rowGroupText({ rows, compressedBytes, columns }: Inspection["rowGroups"][number], index: number): string {
  const cells = columns.map((column) => [
    column.path,
    column.type,
    column.codec,
    column.encodings.join(","),
    String(column.values),
    String(column.compressedBytes),
    String(column.uncompressedBytes),
    String(column.offset),
  ]);
  const head = ["column", "type", "codec", "encodings", "values", "compressed", "uncompressed", "offset"];
  const widths = head.map((name, column) => Math.max(name.length, ...cells.map((row) => row[column].length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column < 4 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join("  ");
  return `Row group ${index}: ${rows} rows, ${compressedBytes} bytes\n${[head, ...cells].map(line).join("\n")}\n`;
}
