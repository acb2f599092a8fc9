import { execFile } from "node:child_process";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { makeLargeObject } from "@threatlockdown/tooling-lake";
import { startLocalAws } from "@threatlockdown/tooling-local-aws";
import type { Report } from "./figure.ts";
import type { Order, Outcome } from "./large-reader.ts";
import { inRounds, medianOf, medianRatio } from "./rounds.ts";

const start = promisify(execFile);
const reader = join(import.meta.dirname, "large-reader.ts");
const MIB = 2 ** 20;

/**
 * One large object from S3 to a sink that accepts at once, 20 ms on every call: ours, which fetches what comes next while
 * it reads, against the same without. By size of the row groups: those of a megabyte come several at a time, those of 64
 * by windows of their columns. The stand-in of AWS runs in this process, what is measured in one of its own.
 */
export async function run(report: Report, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      mebibytes: { type: "string", default: "100" },
      "row-groups": { type: "string", default: "1,8,64" },
      latency: { type: "string", default: "20" },
      rounds: { type: "string", default: "3" },
    },
  });
  for (const group of values["row-groups"].split(",").map(Number)) {
    await using aws = await startLocalAws();
    aws.createBucket({ name: "lake" });
    const large = makeLargeObject({
      source: "cloud_trail_mgmt_2_0",
      seed: "large",
      to: Date.UTC(2026, 0, 1),
      rowGroupBytes: Array.from({ length: Math.ceil(Number(values.mebibytes) / group) }, () => group * MIB),
    });
    const { size, etag, key, rows } = large;
    aws.putObject({ bucket: "lake", key, body: Buffer.concat([...large.pieces()]) });
    aws.faults.add({ latency: Number(values.latency) });
    const measure = (readAhead: number | undefined) => async (): Promise<Outcome> => {
      const { url, region, credentials } = aws;
      const order: Order = { url, region, credentials, object: { bucket: "lake", key, size, etag }, readAhead };
      const { stdout } = await start(process.execPath, [...process.execArgv, reader, JSON.stringify(order)]);
      const outcome = JSON.parse(stdout) as Outcome;
      if (outcome.rows !== rows) throw new Error(`${outcome.rows} rows came of ${rows}`);
      return outcome;
    };
    const loads = { ours: measure(undefined), without: measure(0) };
    const results = await inRounds(Number(values.rounds), loads, (load, { seconds, peakMemory }) =>
      report.remark(`${load}: ${seconds.toFixed(2)} s, ${Math.round(peakMemory / MIB)} MiB`),
    );
    const shape = `${Math.round(size / MIB)} MiB, row groups of ${group} MiB, ${values.latency} ms`;
    report.figure({
      bench: "large",
      case: shape,
      peer: "no read-ahead",
      ratio: medianRatio(results, ["without", "ours"], ({ seconds }) => seconds),
      ours: medianOf(results, "ours", ({ seconds }) => seconds),
      theirs: medianOf(results, "without", ({ seconds }) => seconds),
      unit: "s",
    });
    const [ours, theirs] = ["ours", "without"].map((load) => medianOf(results, load, (one) => one.peakMemory) / MIB);
    report.figure({
      ...{ bench: "large", case: shape, peer: "no read-ahead", unit: "MiB at the most" },
      ...{ ratio: (theirs as number) / (ours as number), ours: ours as number, theirs: theirs as number },
    });
  }
}
