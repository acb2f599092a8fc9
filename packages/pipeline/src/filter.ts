import type { RowBatch } from "@threatlockdown/parquet-reader";
import { type ObjectKey, parseObjectKey } from "./object-key.ts";

/** Which objects are wanted, by what their keys say. Nothing of the others is downloaded. Absent members want everything. */
export interface ObjectFilter {
  /** `VPC_FLOW`, `CLOUD_TRAIL_MGMT`, … or names of custom sources. Upper and lower case are the same here and below. */
  readonly sources?: readonly string[];
  /** Of the events, not of the lake. */
  readonly accounts?: readonly string[];
  /** Of the events: a roll-up region's bucket holds objects of others. */
  readonly regions?: readonly string[];
  /** `YYYYMMDD`, the first and the last day that are wanted. */
  readonly firstDay?: string;
  readonly lastDay?: string;
}

/**
 * Why an object is not wanted: `not wanted: source`, `… account`, `… region` or `… day`; undefined where it is. What a key
 * does not say excludes nothing: custom sources name their objects as they like.
 */
export function unwanted(key: string, filter: ObjectFilter | undefined): string | undefined {
  if (filter === undefined) return undefined;
  const { source, account, region, eventDay }: ObjectKey = parseObjectKey(key);
  const { firstDay = "", lastDay = "9" } = filter;
  if (!among(filter.sources, source)) return "not wanted: source";
  if (!among(filter.accounts, account)) return "not wanted: account";
  if (!among(filter.regions, region)) return "not wanted: region";
  if (eventDay !== undefined && (eventDay < firstDay || eventDay > lastDay)) return "not wanted: day";
  return undefined;
}

function among(wanted: readonly string[] | undefined, value: string | undefined): boolean {
  if (wanted === undefined || value === undefined) return true;
  return wanted.some((one) => one.toLowerCase() === value.toLowerCase());
}

/** Events whose field matches are not wanted: `<discard_regex field="…">` of ossec.conf. */
export interface Discard {
  /** Path of a column that has one value a row: `activity_name`, `src_endpoint.ip`. */
  readonly field: string;
  readonly pattern: RegExp;
}

/** Which rows of the batch are wanted. Each value of a dictionary is judged once in a batch, however many rows hold it. */
export function wanted(batch: RowBatch, discard: Discard | undefined): (row: number) => boolean {
  const column = discard && batch.columns.get(discard.field);
  if (discard === undefined || column === undefined) return () => true;
  const judged = new Map<number, boolean>();
  return (row) => {
    const id = column.ids[row];
    if (id < 0) return true;
    let keep = judged.get(id);
    if (keep === undefined) {
      keep = String(column.dictionary.value(id)).search(discard.pattern) < 0;
      judged.set(id, keep);
    }
    return keep;
  };
}
