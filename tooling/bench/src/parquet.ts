import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { DuckDBInstance } from "@duckdb/node-api";
import { fileSource, open, rows } from "@threatlockdown/parquet-reader";
import { makeObject, type SourceName, sourceNames } from "@threatlockdown/tooling-lake";
import type { Report } from "./figure.ts";
import { cpu } from "./parquet/cpu.ts";
import { unpacker } from "./parquet/floor.ts";
import { memory } from "./parquet/memory.ts";
import { slowPeers } from "./parquet/peers.ts";
import { smallObjects } from "./parquet/small.ts";
import { workers } from "./parquet/workers.ts";

/**
 * CPU time (user and system) of the whole process, rounds interleaved. Large files: both open the file and write NDJSON
 * to one place in memory, best of the rounds of each; DuckDB has one thread. The floor is the unpacking of the same pages
 * alone, by node:zlib, beside a reading that writes nothing.
 */
export async function run(report: Report, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: "string", default: "100000" },
      rounds: { type: "string", default: "3" },
      objects: { type: "string", default: "2000" },
      sources: { type: "string", default: sourceNames.join(",") },
      /** MiB of the object whose reading's memory is measured; 0 leaves it out. */
      large: { type: "string", default: "0" },
      /** Which parts are measured. */
      parts: { type: "string", default: "files,small,workers" },
      /** Besides DuckDB: any of hyparquet, parquet-wasm (with apache-arrow) and pyarrow, where they are installed. */
      peers: { type: "string", default: "" },
    },
  });
  const parts = new Set(values.parts.split(","));
  const rounds = Number(values.rounds);
  const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "bench-parquet-"));
  try {
    const sources = values.sources.split(",") as SourceName[];
    if (parts.has("files")) {
      await largeFiles(report, folder, sources, Number(values.rows), rounds, values.peers.split(",").filter(Boolean));
    }
    if (parts.has("small")) await smallObjects(report, Number(values.objects));
    if (parts.has("workers")) await workers(report, Number(values.rows), rounds);
  } finally {
    rmSync(folder, { recursive: true });
  }
  if (Number(values.large) > 0) await memory(report, Number(values.large));
}

async function largeFiles(
  report: Report,
  folder: string,
  sources: readonly SourceName[],
  rowCount: number,
  rounds: number,
  peers: readonly string[],
): Promise<void> {
  const database = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await database.connect();
  const ratios: number[] = [];
  for (const source of sources) {
    report.remark(`${source}: making ${rowCount} rows`);
    const path = join(folder, `${source}.parquet`);
    const { bytes } = makeObject({ source, rows: rowCount, seed: "bench", to: Date.UTC(2026, 0, 1) });
    writeFileSync(path, bytes);
    const unpack = await unpacker(bytes);
    const target = join(folder, "out.json");
    const duck = `COPY (SELECT * FROM read_parquet('${path}')) TO '${target}' (FORMAT json)`;
    const times = {
      ours: [] as number[],
      unwritten: [] as number[],
      floor: [] as number[],
      duckdb: [] as number[],
    };
    for (let round = 0; round < rounds; round++) {
      // Each writes a new file: freeing what the one before wrote is not its work.
      rmSync(target, { force: true });
      times.ours.push(await cpu(() => toFile(path, target)));
      rmSync(target);
      times.unwritten.push(await cpu(() => toNowhere(path)));
      if (unpack !== undefined) times.floor.push(await cpu(unpack));
      times.duckdb.push(await cpu(() => connection.run(duck)));
      rmSync(target);
    }
    const others = new Map<string, number>([["duckdb", Math.min(...times.duckdb)]]);
    for (const peer of peers) {
      const time = await slowPeers[peer]?.(path, target);
      if (time === undefined) report.remark(`${peer} is not installed`);
      else others.set(peer, time);
    }
    rmSync(path);
    const ours = Math.min(...times.ours);
    const rate = (milliseconds: number): number => (rowCount / milliseconds) * 1000;
    const [floor, unwritten] = [Math.min(...times.floor), Math.min(...times.unwritten)];
    if (unpack !== undefined)
      report.figure({
        bench: "parquet",
        case: `${source}, not written`,
        peer: "unpacking alone",
        ratio: floor / unwritten,
        ours: rate(unwritten),
        theirs: rate(floor),
        unit: "rows per CPU second",
      });
    for (const [peer, theirs] of others) {
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

async function toNowhere(path: string): Promise<void> {
  const source = await fileSource(path);
  for await (const _ of rows(await open(source)));
  await source.close();
}
