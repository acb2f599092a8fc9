import { closeSync, existsSync, mkdirSync, openSync, statSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import {
  type Codec,
  codecs,
  type Layout,
  makeLargeObject,
  makeObject,
  type NotificationForm,
  notification,
  notificationForms,
  type ObjectOptions,
  type SourceName,
  sourceNames,
} from "./index.ts";

export const help: string = `Makes objects as Amazon Security Lake has them, the same for the same seed and options.

  node tooling/lake/src/main.ts --source cloud_trail_mgmt_2_0 --rows 1000 --out object.parquet

  --source NAME          source, may be repeated; "all" for every one of:
                         ${sourceNames.slice(0, 6).join(" ")}
                         ${sourceNames.slice(6).join(" ")}
  --out PATH             file to write; a folder (or a path that ends with /) gets each object under its key
  --rows N               rows of each object (100)
  --seed TEXT            (1)
  --from, --to TIME      window of the events' times, ISO 8601 (the last hour)
  --account ID --region NAME
  --layout asl|modern    as Security Lake writes, or as custom sources do
  --codec NAME           ${Object.keys(codecs).join(" ")}
  --page-version 1|2
  --row-group-rows N     (all rows)
  --page-bytes SIZE      (1MB)
  --row-group-bytes SIZES  a large object: row groups of these compressed sizes, as in 256MB,64MB; made of --rows
                         distinct rows (2000), written again and again
  --events keep|omit     the events that a reader must find, as NDJSON, beside each object; nulls kept or omitted
  --message FORM         prints the message that announces each object: ${notificationForms.join(" ")}
  --bucket NAME          bucket that the message names

Prints a line of JSON for each object: source, key, size, rows, path; or its message.
`;

const options = {
  help: { type: "boolean" },
  source: { type: "string", multiple: true },
  out: { type: "string" },
  rows: { type: "string" },
  seed: { type: "string" },
  from: { type: "string" },
  to: { type: "string" },
  account: { type: "string" },
  region: { type: "string" },
  layout: { type: "string" },
  codec: { type: "string" },
  "page-version": { type: "string" },
  "row-group-rows": { type: "string" },
  "page-bytes": { type: "string" },
  "row-group-bytes": { type: "string" },
  events: { type: "string" },
  message: { type: "string" },
  bucket: { type: "string" },
} as const;

/** The arguments cannot be what was meant; the message says which one, and why. */
export class UsageError extends Error {}

/** Writes the objects that the arguments ask for, and prints a line for each. Throws a UsageError. */
export function run(args: readonly string[], print: (line: string) => void): void {
  const values = parse(args);
  if (values.help || values.source === undefined || values.out === undefined) {
    print(help);
    return;
  }
  const sources = values.source.includes("all")
    ? sourceNames
    : values.source.map((name) => oneOf("source", name, sourceNames));
  const intoFolder = values.out.endsWith("/") || (existsSync(values.out) && statSync(values.out).isDirectory());
  if (sources.length > 1 && !intoFolder)
    throw new UsageError("--out: several sources need a folder; end its path with /");
  for (const source of sources) {
    const object = objectOf(source, values);
    const path = intoFolder ? join(values.out, object.key) : values.out;
    writePieces(path, object.pieces());
    if (values.events !== undefined)
      writePieces(`${path}.ndjson`, lines(object.events(oneOf("events", values.events, ["keep", "omit"]))));
    print(
      values.message === undefined
        ? JSON.stringify({ source, key: object.key, size: object.size, rows: object.rows, path })
        : notification(
            { bucket: values.bucket ?? "security-lake", key: object.key, size: object.size, etag: object.etag },
            oneOf<NotificationForm>("message", values.message, notificationForms),
          ),
    );
  }
}

type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>["values"];

function parse(args: readonly string[]): Values {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

interface Writable {
  readonly key: string;
  readonly size: number;
  readonly rows: number;
  readonly etag: string;
  pieces(): Iterable<Uint8Array>;
  events(nulls: "keep" | "omit"): Iterable<Record<string, unknown>>;
}

function objectOf(source: SourceName, values: Values): Writable {
  const given: ObjectOptions = {
    source,
    ...(values.rows === undefined ? {} : { rows: count("rows", values.rows) }),
    ...(values.seed === undefined ? {} : { seed: values.seed }),
    ...(values.from === undefined ? {} : { from: time("from", values.from) }),
    ...(values.to === undefined ? {} : { to: time("to", values.to) }),
    ...(values.account === undefined ? {} : { account: values.account }),
    ...(values.region === undefined ? {} : { region: values.region }),
    ...(values.layout === undefined ? {} : { layout: oneOf<Layout>("layout", values.layout, ["asl", "modern"]) }),
    ...(values.codec === undefined ? {} : { codec: oneOf("codec", values.codec, Object.keys(codecs) as Codec[]) }),
    ...(values["page-version"] === undefined
      ? {}
      : { pageVersion: Number(oneOf("page-version", values["page-version"], ["1", "2"])) as 1 | 2 }),
    ...(values["row-group-rows"] === undefined
      ? {}
      : { rowGroupRows: count("row-group-rows", values["row-group-rows"]) }),
    ...(values["page-bytes"] === undefined ? {} : { pageBytes: size("page-bytes", values["page-bytes"]) }),
  };
  if (values["row-group-bytes"] === undefined) {
    const object = makeObject(given);
    return { ...object, pieces: () => [object.bytes] };
  }
  const { rowGroupRows: _, ...large } = given;
  const rowGroupBytes = values["row-group-bytes"].split(",").map((text) => size("row-group-bytes", text));
  return makeLargeObject({ ...large, rowGroupBytes });
}

function writePieces(path: string, pieces: Iterable<Uint8Array>): void {
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, "w");
  try {
    for (const piece of pieces) writeSync(file, piece);
  } finally {
    closeSync(file);
  }
}

function* lines(events: Iterable<Record<string, unknown>>): Generator<Uint8Array, void> {
  for (const event of events) yield Buffer.from(`${JSON.stringify(event)}\n`);
}

function oneOf<T extends string>(option: string, value: string, among: readonly T[]): T {
  const found = among.find((name) => name === value);
  if (found === undefined) throw new UsageError(`--${option}: ${value} is none of ${among.join(", ")}`);
  return found;
}

function count(option: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new UsageError(`--${option}: ${text} is no whole number`);
  return Number(text);
}

const sizeUnits: Readonly<Record<string, number>> = { "": 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 };

function size(option: string, text: string): number {
  const [, digits, unit] = /^(\d+)(KB|MB|GB|)$/.exec(text) ?? [];
  if (digits === undefined) throw new UsageError(`--${option}: ${text} is no size; write 64KB, 256MB or 1GB`);
  return Number(digits) * (sizeUnits[unit as string] as number);
}

function time(option: string, text: string): number {
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw new UsageError(`--${option}: ${text} is no time; write 2024-06-11T09:00:00Z`);
  return at;
}
