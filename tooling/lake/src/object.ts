import { createHash } from "node:crypto";
import { eventOf, type Nulls } from "./event.ts";
import { objectKey } from "./key.ts";
import { codecs } from "./parquet/codec/codec.ts";
import type { Group } from "./parquet/schema.ts";
import { type WriteOptions, writeParquet } from "./parquet/write.ts";
import { createRandom } from "./random.ts";
import { type SourceName, sourceOf } from "./sources/sources.ts";
import { createWorld, type World } from "./sources/world.ts";
import { avroSchema, type Layout, parquetSchema } from "./table.ts";
import { type FileOptions, rowGroups, writers } from "./writer.ts";

/** Options of the file beside those of the events: as the source's own writer writes where they do not say otherwise. */
export interface ObjectOptions extends FileOptions {
  readonly source: SourceName;
  /** Rows of the object; 100 where not said. */
  readonly rows?: number;
  /** The same seed and options give the same bytes. */
  readonly seed?: string | number;
  /** Window of the events' times, milliseconds since 1970; the hour before `to`, and now, where not said. */
  readonly from?: number;
  readonly to?: number;
  readonly account?: string;
  readonly region?: string;
  readonly layout?: Layout;
}

export interface LakeObject {
  readonly source: SourceName;
  readonly key: string;
  readonly bytes: Uint8Array;
  /** Bytes. */
  readonly size: number;
  /** MD5 of the bytes in hex, without quotes. */
  readonly etag: string;
  readonly rows: number;
  /** The events that a reader must find, in their order; made again at each call. Nulls are kept where not said. */
  events(nulls?: Nulls): Generator<Record<string, unknown>, void>;
}

export function makeObject(options: ObjectOptions): LakeObject {
  const { schema, key, count, rows, events, writeOptions } = planObject(options);
  const groups = rowGroups(rows(), count, options.rowGroupRows ?? count);
  const bytes = Buffer.concat([...writeParquet(schema, groups, writeOptions)]);
  const etag = createHash("md5").update(bytes).digest("hex");
  return { source: options.source, key, bytes, size: bytes.length, etag, rows: count, events };
}

/** Everything of an object but its bytes. */
export interface ObjectPlan {
  readonly schema: Group;
  readonly key: string;
  readonly count: number;
  readonly writeOptions: WriteOptions;
  rows(): Generator<Record<string, unknown>, void>;
  events(nulls?: Nulls): Generator<Record<string, unknown>, void>;
}

const hour = 3_600_000;

export function planObject(options: ObjectOptions): ObjectPlan {
  const { source: name, rows: count = 100, seed = 1, to = Date.now(), from = to - hour, layout, ...rest } = options;
  const { rowGroupRows: _, account: wantedAccount, region: wantedRegion, ...written } = rest;
  const world = worldOf(String(seed));
  const account = wantedAccount ?? (world.accounts[0] as string);
  const region = wantedRegion ?? (world.regions[0] as string);
  const source = sourceOf(name);
  const { table, prefix } = source;
  const chosenLayout = layout ?? source.layout;
  const schema = parquetSchema(table, chosenLayout);
  const keyValues =
    chosenLayout === "asl" ? { "parquet.avro.schema": avroSchema(table), "writer.model.name": "avro" } : {};
  const writeOptions = { ...writers[chosenLayout], keyValues, ...written };

  const id = [seed, name, account, region, count, from, to].join("/");
  const { codec } = writeOptions;
  const file = `${createRandom(`${id}/${chosenLayout}/${codec}`).hex(32)}${codecs[codec].suffix}.parquet`;
  const key = objectKey({
    prefix,
    source: table.source,
    version: table.source_version,
    region,
    account,
    time: from,
    file,
  });

  function* rows(): Generator<Record<string, unknown>, void> {
    const setting = { random: createRandom(id), world, account, region };
    for (const time of times(id, count, from, to)) yield source.row(setting, time);
  }
  function* events(nulls: Nulls = "keep"): Generator<Record<string, unknown>, void> {
    const event = eventOf(schema, nulls);
    for (const row of rows()) yield event(row);
  }
  return { schema, key, count, writeOptions, rows, events };
}

/** Security Lake sorts an object's rows by time. */
function times(id: string, count: number, from: number, to: number): Float64Array {
  const random = createRandom(`${id}/times`);
  return Float64Array.from({ length: count }, () => Math.floor(from + random.unit() * (to - from))).sort();
}

const worlds = new Map<string, World>();

function worldOf(seed: string): World {
  const world = worlds.get(seed) ?? createWorld(seed);
  worlds.set(seed, world);
  return world;
}
