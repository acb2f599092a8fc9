import type { RowBatch } from "@threatlockdown/parquet-reader";

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
