import {
  hasPath,
  type Losses,
  type NdjsonOptions,
  ndjson,
  type ParquetFile,
  sumOfLosses,
} from "@threatlockdown/parquet-reader";
import type { Command } from "../command.ts";
import { exitCode, Failure } from "../exit-code.ts";
import { withParquetFile } from "./parquet-file.ts";

export const convert: Command = {
  summary: "write the events of a Parquet file as NDJSON",
  help: `Writes the rows of a Parquet file to standard output, one JSON object a line.

Usage: security-lake-wodle convert FILE [options]

  --limit N           rows at most
  --select PATH,PATH  columns and groups wanted, such as time,api.operation,actor.user
  --nulls omit|keep   leave nulls, and groups of nothing else, out (default), or write them

A file that cannot be read ends with 1 and one line on standard error: file, cause, column, row group and byte; the rows
before the fault are written. A pipe that is closed ends it quietly.
`,
  options: { limit: { type: "string" }, select: { type: "string" }, nulls: { type: "string" } },
  operands: true,

  async run({ limit, select, nulls = "omit" }, positionals, { write, signals, log }) {
    if (limit !== undefined && !/^\d+$/.test(limit as string)) {
      throw new Failure(exitCode.usage, `--limit ${limit} is not a whole number.`);
    }
    if (nulls !== "omit" && nulls !== "keep") {
      throw new Failure(exitCode.usage, `--nulls ${nulls} is neither "omit" nor "keep".`);
    }
    await withParquetFile(positionals, async (file) => {
      const losses = sumOfLosses();
      const options: NdjsonOptions = {
        nulls,
        lost: losses.add,
        ...(limit !== undefined && { limit: Number(limit) }),
        ...(typeof select === "string" && { select: wantedOf(select, file) }),
      };
      for await (const piece of ndjson(file, options)) {
        if (signals.stop.aborted || !(await write(piece))) return;
      }
      for (const line of linesOf(losses.sum())) log.warning(`${positionals[0]}: ${line}`);
    });
    return exitCode.ok;
  },
};

function linesOf({ lost, duplicateKeys }: Losses): string[] {
  const lines = lost.map(
    ({ column, count, firstRow }) =>
      `${count} values of column ${column} have no JSON form and are null, the first in row ${firstRow}.`,
  );
  if (duplicateKeys > 0) lines.push(`${duplicateKeys} map entries are left out: a later one has the same key.`);
  return lines;
}

/** A misspelt column would be an empty object a line, without a word. */
function wantedOf(select: string, file: ParquetFile): string[] {
  const wanted = select.split(",").filter(Boolean);
  const unknown = wanted.filter((path) => !hasPath(file, path));
  if (unknown.length === 0) return wanted;
  throw new Failure(exitCode.usage, `--select: the file has no column ${unknown.join(", ")}; inspect lists them.`);
}
