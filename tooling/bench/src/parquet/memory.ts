import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { makeLargeObject } from "@threatlockdown/tooling-lake";
import type { Report } from "../figure.ts";
import type { Sample } from "./memory-child.ts";

const MIB = 1024 * 1024;
const FIRST_GROUP = 256;
const OTHER_GROUPS = 128;
const LIMIT = 512;

/**
 * A CloudTrail object of about so many MiB compressed, its first row group of 256 MiB, read through ranges of a file in a
 * process of its own: the curve of its resident memory and the peak, beside 512 MiB.
 */
export async function memory(report: Report, mebibytes: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "bench-parquet-"));
  try {
    const path = join(folder, "large.parquet");
    const size = writeLarge(path, mebibytes);
    report.remark(`object of ${Math.round(size / MIB)} MiB, read through ranges`);
    const child = spawn(process.execPath, [...process.execArgv, join(import.meta.dirname, "memory-child.ts"), path], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = once(child, "exit");
    let last: Sample | undefined;
    for await (const line of createInterface({ input: child.stdout })) {
      last = JSON.parse(line) as Sample;
      report.remark(`${String(last.percent).padStart(4)} % of the rows: ${last.residentMiB} MiB resident`);
    }
    const [code] = await ended;
    if (code !== 0 || last === undefined) throw new Error(`the reading process ended with ${code}`);
    report.figure({
      bench: "parquet",
      case: `object of ${Math.round(size / MIB)} MiB`,
      peer: "limit",
      ratio: LIMIT / last.peakMiB,
      ours: last.peakMiB,
      theirs: LIMIT,
      unit: "MiB resident at the peak",
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function writeLarge(path: string, mebibytes: number): number {
  const groups = [Math.min(FIRST_GROUP, mebibytes)];
  for (let left = mebibytes - groups[0]; left > 0; left -= OTHER_GROUPS) groups.push(Math.min(OTHER_GROUPS, left));
  const large = makeLargeObject({
    source: "cloud_trail_mgmt_2_0",
    seed: "large",
    to: Date.UTC(2026, 0, 1),
    rowGroupBytes: groups.map((group) => group * MIB),
  });
  const out = openSync(path, "w");
  for (const piece of large.pieces()) for (let done = 0; done < piece.length; ) done += writeSync(out, piece, done);
  closeSync(out);
  return large.size;
}
