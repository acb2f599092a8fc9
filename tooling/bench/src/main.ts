import { parseArgs } from "node:util";
import { createReport, type Report } from "./figure.ts";

interface Benchmark {
  readonly summary: string;
  /** The module's `run` measures; `--rows`, `--rounds` and the like are its own affair. */
  readonly load: () => Promise<{ run(report: Report, args: readonly string[]): Promise<void> }>;
}

const benchmarks: Readonly<Record<string, Benchmark>> = {
  indexer: {
    summary: "the bulk writer against bodies rendered before and helpers.bulk",
    load: () => import("./indexer.ts"),
  },
  parquet: { summary: "the reader against DuckDB's one thread and hyparquet", load: () => import("./parquet.ts") },
  ingest: {
    summary: "the wodle from queue to OpenSearch against bodies rendered before and against one after the other",
    load: () => import("./ingest.ts"),
  },
  large: {
    summary: "a large object fetched while it is read against one range after the other",
    load: () => import("./large.ts"),
  },
  mapping: { summary: "index template levels against default dynamic mapping", load: () => import("./mapping.ts") },
  queue: {
    summary: "many small objects in flight against one after the other",
    load: () => import("./queue.ts"),
  },
};

const help = `Usage: pnpm bench <name> [--json] [options of the benchmark]

Each compares ours with a peer in the same run; a ratio above 1 means that ours is better.
--json prints one line a figure: {"bench","case","peer","ratio","ours","theirs","unit"}.

${Object.entries(benchmarks)
  .map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`)
  .join("\n")}
`;

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  options: { json: { type: "boolean" }, help: { type: "boolean", short: "h" } },
  allowPositionals: true,
  strict: false,
});
const benchmark = benchmarks[positionals[0] ?? ""];
if (values.help || positionals[0] === undefined) process.stdout.write(help);
else if (benchmark === undefined) {
  process.stderr.write(`There is no benchmark "${positionals[0]}".\n\n${help}`);
  process.exitCode = 2;
} else {
  const report = createReport(
    values.json === true,
    (text) => process.stdout.write(text),
    (text) => process.stderr.write(text),
  );
  const { run } = await benchmark.load();
  const args = process.argv.slice(2).filter((argument) => argument !== "--json" && argument !== positionals[0]);
  await run(report, args);
  report.end();
}
