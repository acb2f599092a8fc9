import { fileSource, open, rows } from "@threatlockdown/parquet-reader";

/** Resident memory after so much of the file, and its peak so far. */
export interface Sample {
  readonly percent: number;
  readonly residentMiB: number;
  readonly peakMiB: number;
}

const SAMPLES = 20;
const MIB = 1024 * 1024;

const source = await fileSource(process.argv[2] ?? "");
const file = await open(source);
let next = 0;
for await (const { firstRow, rowCount } of rows(file)) {
  const percent = (100 * (firstRow + rowCount)) / file.rowCount;
  if (percent < next) continue;
  next += 100 / SAMPLES;
  const sample: Sample = {
    percent: Math.round(percent),
    residentMiB: Math.round(process.memoryUsage.rss() / MIB),
    peakMiB: Math.round(process.resourceUsage().maxRSS / 1024),
  };
  process.stdout.write(`${JSON.stringify(sample)}\n`);
}
await source.close();
