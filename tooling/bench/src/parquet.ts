import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { DuckDBInstance } from "@duckdb/node-api";
import { fileSource, open, rows } from "@threatlockdown/parquet-reader";
import { makeObject, type SourceName, sourceNames } from "@threatlockdown/tooling-lake";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import type { Report } from "./figure.ts";
import { median } from "./median.ts";

/** Sources whose objects are timed one by one, and how many objects of how many rows. */
const smallSources: readonly SourceName[] = ["cloud_trail_mgmt_2_0", "vpc_flow_2_0"];
const smallRows = [1, 200];
const peerObjects = 50;

/**
 * CPU time (user and system) of the whole process, rounds interleaved. Large files: both open the file and write NDJSON
 * to one place in memory, best of the rounds of each; DuckDB has one thread. Small objects: from memory, the median.
 */
export async function run(report: Report, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: "string", default: "100000" },
      rounds: { type: "string", default: "3" },
      objects: { type: "string", default: "2000" },
      sources: { type: "string", default: sourceNames.join(",") },
      /** Hyparquet takes a minute or more over all sources. */
      hyparquet: { type: "boolean", default: false },
    },
  });
  const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "bench-parquet-"));
  try {
    const sources = values.sources.split(",") as SourceName[];
    await largeFiles(report, folder, sources, Number(values.rows), Number(values.rounds), values.hyparquet);
    await smallObjects(report, Number(values.objects));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Milliseconds of CPU that the work takes. */
async function cpu(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

async function largeFiles(
  report: Report,
  folder: string,
  sources: readonly SourceName[],
  rowCount: number,
  rounds: number,
  withHyparquet: boolean,
): Promise<void> {
  const database = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await database.connect();
  const ratios: number[] = [];
  for (const source of sources) {
    report.remark(`${source}: making ${rowCount} rows`);
    const path = join(folder, `${source}.parquet`);
    writeFileSync(path, makeObject({ source, rows: rowCount, seed: "bench", to: Date.UTC(2026, 0, 1) }).bytes);
    const target = join(folder, "out.json");
    const duck = `COPY (SELECT * FROM read_parquet('${path}')) TO '${target}' (FORMAT json)`;
    const times = { ours: [] as number[], duckdb: [] as number[], hyparquet: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      times.ours.push(await cpu(() => toFile(path, target)));
      times.duckdb.push(await cpu(() => connection.run(duck)));
      if (withHyparquet && round === 0) times.hyparquet.push(await cpu(() => byHyparquet(path, target)));
    }
    rmSync(path);
    const ours = Math.min(...times.ours);
    const rate = (milliseconds: number): number => (rowCount / milliseconds) * 1000;
    for (const peer of ["duckdb", "hyparquet"] as const) {
      if (times[peer].length === 0) continue;
      const theirs = Math.min(...times[peer]);
      if (peer === "duckdb") ratios.push(theirs / ours);
      report.figure({
        bench: "parquet",
        case: source,
        peer,
        ratio: theirs / ours,
        ours: rate(ours),
        theirs: rate(theirs),
        unit: "rows per CPU second",
      });
    }
  }
  connection.closeSync();
  if (ratios.length === 0) return;
  const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
  report.figure({
    bench: "parquet",
    case: "geometric mean",
    peer: "duckdb",
    ratio: mean,
    ours: mean,
    theirs: 1,
    unit: "times DuckDB's speed",
  });
}

async function toFile(path: string, target: string): Promise<void> {
  const source = await fileSource(path);
  const out = openSync(target, "w");
  for await (const { bytes } of rows(await open(source))) {
    for (let done = 0; done < bytes.length; ) done += writeSync(out, bytes, done);
  }
  closeSync(out);
  await source.close();
}

async function byHyparquet(path: string, target: string): Promise<void> {
  const file = await asyncBufferFromFile(path);
  const out = openSync(target, "w");
  for (const row of await parquetReadObjects({ file, compressors })) writeSync(out, `${JSON.stringify(row, plain)}\n`);
  closeSync(out);
}

/** Hyparquet gives BigInts, which JSON has not. */
function plain(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? Number(value) : value;
}

async function smallObjects(report: Report, count: number): Promise<void> {
  for (const source of smallSources) {
    for (const rowCount of smallRows) {
      const distinct = Array.from(
        { length: 20 },
        (_, i) => makeObject({ source, rows: rowCount, seed: `small ${i}`, to: Date.UTC(2026, 0, 1) }).bytes,
      );
      const ours: number[] = [];
      const theirs: number[] = [];
      for (let i = 0; i < count; i++) {
        const bytes = distinct[i % distinct.length];
        const start = performance.now();
        for await (const _ of rows(await open(bytes)));
        ours.push(performance.now() - start);
        if (i % Math.max(1, Math.floor(count / peerObjects)) !== 0) continue;
        const peerStart = performance.now();
        const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
        for (const row of await parquetReadObjects({ file, compressors })) JSON.stringify(row, plain);
        theirs.push(performance.now() - peerStart);
      }
      report.figure({
        bench: "parquet",
        case: `${source}, object of ${rowCount}`,
        peer: "hyparquet",
        ratio: median(theirs) / median(ours),
        ours: median(ours) * 1000,
        theirs: median(theirs) * 1000,
        unit: "µs an object",
      });
    }
  }
}
