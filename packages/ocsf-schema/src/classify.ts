import classes from "./data/classes.json" with { type: "json" };
import { nearestVersion } from "./version.ts";

/** What an event is an event of. */
export interface EventClass {
  /** `class_uid`; undefined where the event has none that is a number. */
  readonly uid: number | undefined;
  /** Of the catalog, such as `dns_activity`; `unknown` where it knows none. */
  readonly name: string;
  /** What `class_name` holds, such as "DNS Activity". */
  readonly caption: string;
  readonly categoryUid: number;
  /** What `category_name` holds, such as "Network Activity". */
  readonly categoryName: string;
  /** The event's own `metadata.version`; undefined where it has none. */
  readonly version: string | undefined;
  /** The version of the catalog that was asked: the event's, or the nearest lower one, or the newest if it has none that is one. */
  readonly catalog: string;
  /** Whether that version knows the class. */
  readonly known: boolean;
}

/** `[place in versions, …]`: what holds from that version on; null in place of names: not in the catalog any more. */
interface Table {
  readonly versions: readonly string[];
  readonly categories: Readonly<Record<string, readonly (readonly [since: number, caption: string | null])[]>>;
  readonly classes: Readonly<
    Record<string, readonly (readonly [since: number, name: string | null, caption?: string, categoryUid?: number])[]>
  >;
}

const table = classes as unknown as Table;

/**
 * Names of an event's class. The same number means different classes in different versions: 3005 is API Activity in
 * 1.0.0-rc.2, which source version 1 of Security Lake writes, and User Access Management since 1.0.0.
 */
export function classify(event: { readonly classUid?: unknown; readonly version?: unknown }): EventClass {
  const uid = wholeNumber(event.classUid);
  const version = typeof event.version === "string" && event.version !== "" ? event.version : undefined;
  const catalog = version === undefined ? (table.versions.at(-1) as string) : nearestVersion(table.versions, version);
  const place = table.versions.indexOf(catalog);
  const [, name = null, caption, categoryOfClass] = uid === undefined ? [] : (at(table.classes[uid], place) ?? []);
  const known = name !== null;
  const categoryUid = known ? (categoryOfClass as number) : categoryByNumber(uid);
  return {
    uid,
    name: known ? name : "unknown",
    caption: known ? (caption as string) : "Unknown",
    categoryUid,
    categoryName: at(table.categories[categoryUid], place)?.[1] ?? "Uncategorized",
    version,
    catalog,
    known,
  };
}

function at<E extends readonly [number, ...unknown[]]>(
  entries: readonly E[] | undefined,
  place: number,
): E | undefined {
  return entries?.findLast(([since]) => since <= place);
}

/** Classes are numbered category * 1000 + n, those of extensions extension * 100000 + category * 1000 + n. */
function categoryByNumber(uid: number | undefined): number {
  return uid === undefined || uid < 0 ? 0 : Math.floor((uid % 100_000) / 1000);
}

function wholeNumber(value: unknown): number | undefined {
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "string" && /^\d{1,9}$/.test(value)) return Number(value);
  return Number.isInteger(value) ? (value as number) : undefined;
}
