import { createHash } from "node:crypto";
import { type BulkBody, BulkBodyBuilder } from "@threatlockdown/indexer-client";
import { classify } from "@threatlockdown/ocsf-schema";
import type { ColumnValues, RowBatch } from "@threatlockdown/parquet-reader";
import { type Rule, type Ruleset, ruleColumns } from "@threatlockdown/ruleset";
import { type Discard, wanted } from "./filter.ts";
import type { LakeObject } from "./s3-object.ts";

/** Who writes the alerts. The dashboard shows documents of its own manager, or of its own cluster, only. */
export interface Manager {
  readonly name: string;
  readonly cluster?: { readonly name: string; readonly node: string };
}

/** The columns of an event that decide on its document beside its bytes. */
export const documentColumns: readonly string[] = [
  ...new Set(["time", "class_uid", "metadata.version", ...ruleColumns]),
];

export interface Documents {
  /** The documents of a batch. Its bytes are copied, so it may be reused as soon as this returns. */
  render(batch: RowBatch, object: LakeObject): BulkBody;
  /** When all of them are accepted: the memory of the body is taken for later ones. */
  recycle(body: BulkBody): void;
}

const millisecondsPerDay = 86_400_000;
const indexPrefix = "wazuh-alerts-4.x-security-lake-";
/** What a document has beside its event, at first; then what it had most so far: room is made at once, not by growing. */
const bytesAround = 1024;
const utf8 = new TextEncoder();

/**
 * The alert document of each event: rule and envelope around the event's own bytes.
 *
 *     {"timestamp":…,"@timestamp":…,"rule":{…},"agent":{…},"manager":{…},"id":…,"decoder":…,"input":…,
 *      "location":"Wazuh-AWS","data":{the event},"security_lake":{where it came from}}
 *
 * `_id` is a function of bucket, key, ETag and row; the index is a function of the event's own day, or of the object's
 * where the event's is absent, unreadable, or more than 7 days away from it. So a replay writes the same ids to the same
 * indices, and a garbage clock creates no hundreds of them.
 */
export function createDocuments(manager: Manager, ruleset: Ruleset, discard?: Discard): Documents {
  const envelope = utf8.encode(envelopeOf(manager));
  const ruleBytes = new WeakMap<Rule, Uint8Array>();
  const renderRule = (rule: Rule): Uint8Array => {
    let bytes = ruleBytes.get(rule);
    if (bytes === undefined) {
      bytes = utf8.encode(ruleMember(rule));
      ruleBytes.set(rule, bytes);
    }
    return bytes;
  };

  const builder = new BulkBodyBuilder();
  let around = bytesAround;
  const render: Documents["render"] = (batch, object) => {
    builder.start(batch.bytes.length + batch.rowCount * around);
    const rules = ruleset.evaluate(batch);
    const times = batch.columns.get("time");
    const origin = originOf(object);
    const classes = classesOf(batch);
    const clock = createClock(object);
    const isWanted = wanted(batch, discard);
    for (let row = 0; row < batch.rowCount; row++) {
      if (!isWanted(row)) continue;
      const number = String(batch.firstRow + row);
      const id = origin.idPrefix + number;
      const time = clock(valueAt(times, row));
      builder.begin(time.index, id);
      builder.appendText(time.members);
      builder.append(renderRule(rules.rule(row)));
      builder.append(envelope);
      builder.appendText(`"id":"${id}","data":`);
      builder.append(batch.bytes, batch.offsets[row], batch.offsets[row + 1] - 1);
      builder.append(origin.member);
      builder.append(classes(row));
      builder.appendText(`"row":${number}}}`);
      builder.end();
    }
    const body = builder.take();
    if (body.count === batch.rowCount) {
      around = Math.max(around, Math.ceil((body.bytes.length - batch.bytes.length) / Math.max(1, body.count)));
    }
    return body;
  };
  return { render, recycle: (body) => builder.recycle(body) };
}

function envelopeOf({ name, cluster }: Manager): string {
  const members = {
    agent: { id: "000", name },
    manager: { name },
    ...(cluster && { cluster }),
    decoder: { name: "json" },
    input: { type: "log" },
    location: "Wazuh-AWS",
  };
  return `${JSON.stringify(members).slice(1, -1)},`;
}

function ruleMember({ level, description, id, mitre, groups, ...compliance }: Rule): string {
  const rule = {
    level,
    description,
    id,
    ...(mitre && { mitre }),
    firedtimes: 1,
    mail: level >= 12,
    groups,
    ...compliance,
  };
  return `"rule":${JSON.stringify(rule)},`;
}

/** 128 bits of hash for the object, then the row's number. */
function originOf(object: LakeObject): { readonly idPrefix: string; readonly member: Uint8Array } {
  const identity = [object.bucket, object.key, object.etag].join("\0");
  const hash = createHash("sha256").update(identity).digest().subarray(0, 16).toString("base64url");
  const { source, sourceVersion, region, account } = object.origin;
  const member = {
    bucket: object.bucket,
    key: object.key,
    etag: object.etag,
    source,
    source_version: sourceVersion,
    region,
    account,
    event_day: new Date(objectDay(object) * millisecondsPerDay).toISOString().slice(0, 10),
  };
  return { idPrefix: `${hash}-`, member: utf8.encode(`,"security_lake":${JSON.stringify(member).slice(0, -1)},`) };
}

const eventDayPattern = /^(19[7-9]\d|[2-9]\d{3})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$/;

/** Days since 1970 of the partition that the object belongs to; of its writing where the key tells no day. */
function objectDay({ origin, lastModified }: LakeObject): number {
  const [, year, month, day] = eventDayPattern.exec(origin.eventDay ?? "") ?? [];
  const partition = Date.UTC(Number(year), Number(month) - 1, Number(day));
  return Math.floor((Number.isNaN(partition) ? lastModified.getTime() : partition) / millisecondsPerDay);
}

/** Class and version of a row, so that they can be searched even where the event itself could not be indexed. */
function classesOf(batch: RowBatch): (row: number) => Uint8Array {
  const uids = batch.columns.get("class_uid");
  const versions = batch.columns.get("metadata.version");
  const none = -1;
  const rendered = new Map<number, Uint8Array>();
  return (row) => {
    const uid = uids?.ids[row] ?? none;
    const version = versions?.ids[row] ?? none;
    const pair = (uid + 1) * ((versions?.dictionary.length ?? 0) + 1) + version + 1;
    let bytes = rendered.get(pair);
    if (bytes === undefined) {
      const event = classify({ classUid: valueAt(uids, row), version: valueAt(versions, row) });
      const members = { class_uid: event.uid, class_name: event.caption, ocsf_version: event.version };
      bytes = utf8.encode(`${JSON.stringify(members).slice(1, -1)},`);
      rendered.set(pair, bytes);
    }
    return bytes;
  };
}

interface EventTime {
  readonly index: string;
  readonly members: string;
}

/** From the event's `time` (epoch milliseconds in OCSF) to its index and its timestamps. */
function createClock(object: LakeObject): (time: unknown) => EventTime {
  const home = objectDay(object);
  let date = dateOf(home);
  return (value) => {
    const own = milliseconds(value);
    const ownDay = Math.floor(own / millisecondsPerDay);
    const plausible = Math.abs(ownDay - home) <= 7;
    const day = plausible ? ownDay : home;
    if (date.day !== day) date = dateOf(day);
    const moment = date.text + timeOfDay(plausible ? own - day * millisecondsPerDay : 0);
    return { index: date.index, members: `{"timestamp":"${moment}+0000","@timestamp":"${moment}Z",` };
  };
}

/** A day since 1970, as its index and its timestamps name it. */
function dateOf(day: number): { readonly day: number; readonly index: string; readonly text: string } {
  const [date] = new Date(day * millisecondsPerDay).toISOString().split("T");
  return { day, index: indexPrefix + date.replaceAll("-", "."), text: `${date}T` };
}

const twoDigits = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, "0"));
const threeDigits = Array.from({ length: 1000 }, (_, number) => String(number).padStart(3, "0"));

/** `08:23:54.162`: several times as fast as a Date, of which each event would need one. */
function timeOfDay(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const hour = twoDigits[Math.floor(seconds / 3600)];
  const minute = twoDigits[Math.floor(seconds / 60) % 60];
  return `${hour}:${minute}:${twoDigits[seconds % 60]}.${threeDigits[Math.floor(milliseconds) % 1000]}`;
}

/** NaN where the value is no time. */
function milliseconds(value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  return typeof value === "string" ? momentOf(value) : Number.NaN;
}

const isoPattern = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?)?$/;

/**
 * Custom sources write `time` as a timestamp, which arrives as ISO 8601, or as a string of their own. Where it names no
 * offset it is in UTC: to the machine's time zone, and so to another index on another machine, it would never be bound.
 */
function momentOf(text: string): number {
  if (/^\d{1,16}$/.test(text)) return Number(text);
  const [, date, time = "00:00", offset = "Z"] = isoPattern.exec(text) ?? [];
  return Date.parse(`${date}T${time}${offset}`);
}

function valueAt(column: ColumnValues | undefined, row: number): unknown {
  const id = column?.ids[row] ?? -1;
  return column === undefined || id < 0 ? null : column.dictionary.value(id);
}
