import { open, rows } from "@threatlockdown/parquet-reader";
import { makeObject, type SourceName } from "@threatlockdown/tooling-lake";
import { parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import type { Report } from "../figure.ts";
import { median } from "../median.ts";
import { cpu } from "./cpu.ts";
import { plain } from "./peers.ts";

/** Sources whose objects are timed, and of how many rows. */
const sources: readonly SourceName[] = ["cloud_trail_mgmt_2_0", "vpc_flow_2_0"];
const rowCounts = [1, 200];
/** Objects timed together: the clock of CPU time is too coarse for one. */
const BATCH = 20;
const PEER_BATCHES = 5;
/** Length of the footer and magic, at a file's end. */
const TAIL_BYTES = 8;

/**
 * CPU microseconds an object, from memory: the median of batches of 20 objects, each with other content. Cold: the schema of
 * each object was never seen before, so that its plan is made anew; the process is warm in both.
 */
export async function smallObjects(report: Report, count: number): Promise<void> {
  for (const source of sources) {
    for (const rowCount of rowCounts) {
      const objects = Array.from(
        { length: BATCH },
        (_, i) => makeObject({ source, rows: rowCount, seed: `small ${i}`, to: Date.UTC(2026, 0, 1) }).bytes,
      );
      const renamers = await Promise.all(objects.map(schemaRenamer));
      const batches = Math.ceil(count / BATCH);
      const cached: number[] = [];
      const cold: number[] = [];
      const theirs: number[] = [];
      for (let i = 0; i < batches; i++) {
        cached.push(await cpu(() => readAll(objects)));
        const unseen = renamers.map((renamed, j) => renamed(`${i * BATCH + j}`));
        cold.push(await cpu(() => readAll(unseen)));
        if (i < PEER_BATCHES) theirs.push(await cpu(() => byHyparquet(objects)));
      }
      const micros = (batch: number): number => (batch * 1000) / BATCH;
      for (const [name, ours] of [
        ["plan cached", median(cached)],
        ["plan made anew", median(cold)],
      ] as const) {
        report.figure({
          bench: "parquet",
          case: `${source}, object of ${rowCount}, ${name}`,
          peer: "hyparquet",
          ratio: median(theirs) / ours,
          ours: micros(ours),
          theirs: micros(median(theirs)),
          unit: "CPU µs an object",
        });
      }
    }
  }
}

async function readAll(objects: readonly Uint8Array[]): Promise<void> {
  for (const bytes of objects) for await (const _ of rows(await open(bytes)));
}

async function byHyparquet(objects: readonly Uint8Array[]): Promise<void> {
  for (const { buffer, byteOffset, byteLength } of objects) {
    const file = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
    for (const row of await parquetReadObjects({ file, compressors })) JSON.stringify(row, plain);
  }
}

/** Copies of an object, each with another name of the same length for its schema's root, so that none has a plan yet. */
async function schemaRenamer(bytes: Uint8Array): Promise<(name: string) => Uint8Array> {
  const { name } = (await open(bytes)).schema;
  const footerBytes = Buffer.from(bytes).readUInt32LE(bytes.length - TAIL_BYTES);
  const at = Buffer.from(bytes).indexOf(name, bytes.length - TAIL_BYTES - footerBytes); // the schema comes first in a footer
  const renamed = (other: string): Uint8Array => {
    const copy = Buffer.from(bytes);
    copy.write(other.padStart(name.length, "_"), at);
    return copy;
  };
  // The key-value pairs may hold the name as well: a plan from the cache would pass for one made anew.
  if ((await open(renamed("probe"))).schema.name === name) throw new Error(`the schema of ${name} was not renamed`);
  return renamed;
}
