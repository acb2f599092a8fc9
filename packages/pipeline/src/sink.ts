import type { RowBatch } from "@threatlockdown/parquet-reader";
import type { LakeObject } from "./s3-object.ts";

/** How many events were accepted, and in which way. */
export interface Accepted {
  readonly stored: number;
  readonly alreadyStored: number;
  readonly deadLettered: number;
}

/**
 * Where events end. `write` resolves when each wanted event of the batch is accepted: stored, already stored, or kept as a dead
 * letter with its reason. It copies what it needs of the batch before it first waits. It rejects with the signal's reason
 * when that gives up; the events may be stored all the same, and writing them again is harmless.
 */
export interface Sink {
  write(batch: RowBatch, object: LakeObject, signal: AbortSignal): Promise<Accepted>;
}
