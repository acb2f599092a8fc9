import type { LostValues, RowBatch } from "./batch.ts";

/** What batches have lost on their way to JSON, all together. */
export interface Losses {
  /** A column once. */
  readonly lost: readonly LostValues[];
  readonly duplicateKeys: number;
}

/** Sums up over batches in the order of their rows. */
export function sumOfLosses(): { add(batch: Pick<RowBatch, "lost" | "duplicateKeys">): void; sum(): Losses } {
  const byColumn = new Map<string, LostValues>();
  let keys = 0;
  return {
    add({ lost, duplicateKeys }) {
      keys += duplicateKeys;
      for (const { column, count, firstRow } of lost) {
        const before = byColumn.get(column);
        byColumn.set(column, { column, count: count + (before?.count ?? 0), firstRow: before?.firstRow ?? firstRow });
      }
    },
    sum: () => ({ lost: [...byColumn.values()], duplicateKeys: keys }),
  };
}
