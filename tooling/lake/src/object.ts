import { createHash } from "node:crypto";
import { eventOf, type Nulls } from "./event.ts";
import { objectKey } from "./key.ts";
import { type Codec, codecs } from "./parquet/codec/codec.ts";
import type { DictionaryPolicy } from "./parquet/dictionary.ts";
import type { ValueEncoding } from "./parquet/encoding/encode.ts";
import type { Column } from "./parquet/shred.ts";
import { type RowGroup, type WriteOptions, writeParquet } from "./parquet/write.ts";
import { createRandom } from "./random.ts";
import { type SourceName, sourceOf } from "./sources/sources.ts";
import { createWorld, type World } from "./sources/world.ts";
import { avroSchema, type Layout, parquetSchema } from "./table.ts";

export interface ObjectOptions {
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
  /** As the source's own writer lays its files out, where not said; so the options below. */
  readonly layout?: Layout;
  readonly codec?: Codec;
  readonly pageVersion?: 1 | 2;
  /** Rows of a row group; all of them where not said. */
  readonly rowGroupRows?: number;
  readonly pageBytes?: number;
  readonly dictionary?: DictionaryPolicy;
  readonly dictionaryBytes?: number;
  readonly encoding?: (column: Column) => ValueEncoding | undefined;
  readonly crc?: boolean;
  readonly statistics?: boolean;
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

const hour = 3_600_000;

export function makeObject(options: ObjectOptions): LakeObject {
  const { source: name, rows: count = 100, to = Date.now(), from = to - hour } = options;
  const seed = String(options.seed ?? 1);
  const world = worldOf(seed);
  const account = options.account ?? (world.accounts[0] as string);
  const region = options.region ?? (world.regions[0] as string);
  const { table, row, prefix, ...usual } = sourceOf(name);
  const layout = options.layout ?? usual.layout;
  const codec = options.codec ?? usual.codec;
  const schema = parquetSchema(table, layout);

  const id = [seed, name, account, region, count, from, to].join("/");
  function* rows(): Generator<Record<string, unknown>, void> {
    const setting = { random: createRandom(id), world, account, region };
    for (const time of times(id, count, from, to)) yield row(setting, time);
  }
  function* events(nulls: Nulls = "keep"): Generator<Record<string, unknown>, void> {
    const event = eventOf(schema, nulls);
    for (const item of rows()) yield event(item);
  }

  const writeOptions = writeOptionsOf(options, layout, codec, avroSchema(table));
  const bytes = Buffer.concat([
    ...writeParquet(schema, rowGroups(rows(), count, options.rowGroupRows ?? count), writeOptions),
  ]);
  const file = `${createRandom(`${id}/${layout}/${codec}`).hex(32)}${codecs[codec].suffix}.parquet`;
  const keyParts = { prefix, source: table.source, version: table.source_version, region, account, time: from, file };
  return {
    source: name,
    key: objectKey(keyParts),
    bytes,
    size: bytes.length,
    etag: createHash("md5").update(bytes).digest("hex"),
    rows: count,
    events,
  };
}

/** Security Lake sorts an object's rows by time. */
function times(id: string, count: number, from: number, to: number): Float64Array {
  const random = createRandom(`${id}/times`);
  return Float64Array.from({ length: count }, () => Math.floor(from + random.unit() * (to - from))).sort();
}

function* rowGroups(rows: Iterator<unknown, void>, count: number, size: number): Generator<RowGroup> {
  for (let start = 0; start < count; start += size) yield { rows: take(rows, Math.min(size, count - start)) };
}

function* take<T>(items: Iterator<T, void>, count: number): Generator<T> {
  for (let at = 0; at < count; at++) {
    const item = items.next();
    if (item.done) return;
    yield item.value;
  }
}

/** What each layout's writer does where the options do not say otherwise. */
export function writeOptionsOf(
  options: Partial<ObjectOptions>,
  layout: Layout,
  codec: Codec,
  avro?: string,
): WriteOptions {
  const asl = layout === "asl";
  return {
    codec,
    pageVersion: options.pageVersion ?? 1,
    pageBytes: options.pageBytes ?? 1 << 20,
    dictionary: options.dictionary ?? "auto",
    dictionaryBytes: options.dictionaryBytes ?? 1 << 20,
    encoding: options.encoding,
    crc: options.crc ?? !asl,
    statistics: options.statistics ?? true,
    dictionaryEncoding: asl ? "PLAIN_DICTIONARY" : "RLE_DICTIONARY",
    dictionaryPageOffset: !asl,
    annotations: asl ? "converted" : "both",
    formatVersion: asl ? 1 : 2,
    createdBy: asl
      ? // biome-ignore lint/suspicious/noTemplateCurlyInString: the real files carry the placeholder.
        "parquet-mr version 1.10.0 (build ${buildNumber})"
      : "threatlockdown-lake version 0.0.0",
    keyValues: asl && avro !== undefined ? { "parquet.avro.schema": avro, "writer.model.name": "avro" } : {},
  };
}

const worlds = new Map<string, World>();

function worldOf(seed: string): World {
  const world = worlds.get(seed) ?? createWorld(seed);
  worlds.set(seed, world);
  return world;
}
