import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { open, type ParquetFile, type RowBatch, type RowsOptions, rows } from "../src/index.ts";

const fixtures: URL = new URL("./fixtures/", import.meta.url);

export const fixture = (path: string): Buffer => readFileSync(new URL(path, fixtures));

/** A batch that outlives the pull of the next. */
export const kept = (batch: RowBatch): RowBatch => ({ ...batch, bytes: batch.bytes.slice() });

export async function batches(file: Uint8Array | ParquetFile, options?: RowsOptions): Promise<RowBatch[]> {
  const all: RowBatch[] = [];
  for await (const batch of rows(file instanceof Uint8Array ? await open(file) : file, options)) all.push(kept(batch));
  return all;
}

export async function text(file: Uint8Array | ParquetFile, options?: RowsOptions): Promise<string> {
  return (await batches(file, options)).map(({ bytes }) => Buffer.from(bytes).toString()).join("");
}

export const parse = (ndjson: string): unknown[] =>
  ndjson
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as unknown);

export async function objects(file: Uint8Array | ParquetFile, options?: RowsOptions): Promise<unknown[]> {
  return parse(await text(file, options));
}

/** The value without nulls and without groups that hold nothing; elements of lists stay. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => (item === null ? null : (withoutNulls(item) ?? {})));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).flatMap(([key, item]) => {
    const rest = withoutNulls(item);
    return rest === undefined || rest === null ? [] : [[key, rest] as const];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

export interface Expected {
  readonly name: string;
  readonly bytes: Buffer;
  readonly rows: readonly unknown[];
}

/** Objects of Security Lake's own writer. */
export function samples(): Expected[] {
  const events = fixture("security-lake-samples/expected-events.ndjson").toString();
  return (parse(events) as { file: string; event: unknown }[]).map(({ file, event }) => ({
    name: file,
    bytes: fixture(`security-lake-samples/${file}`),
    rows: [event],
  }));
}

export function generated(): Expected[] {
  return readdirSync(new URL("generated/", fixtures))
    .filter((name) => name.endsWith(".parquet"))
    .map((name) => ({
      name,
      bytes: fixture(`generated/${name}`),
      rows: parse(gunzipSync(fixture(`generated/${name}.ndjson.gz`)).toString()),
    }));
}
