import { parseArgs } from "node:util";
import { apart, mutant, survive } from "./mutants.ts";

const { values, positionals } = parseArgs({
  options: {
    runs: { type: "string", default: "20000" },
    seed: { type: "string", default: "1" },
    help: { type: "boolean", short: "h", default: false },
  },
  allowPositionals: true,
});
if (values.help || positionals[0] !== "parquet") {
  process[values.help ? "stdout" : "stderr"].write("Usage: pnpm fuzz parquet [--runs N] [--seed S]\n");
  process.exit(values.help ? 0 : 2);
}
const runs = Number(values.runs);
const SLOW_MS = 5000;
const EVERY = 10_000;
const outcomes = { read: 0, refused: 0, failed: 0 };
for (let run = 0; run < runs; run++) {
  const one = mutant(values.seed, run);
  const candidate = run % 2 === 0 ? one : apart(one);
  const start = performance.now();
  try {
    outcomes[await survive(candidate)]++;
    if (performance.now() - start > SLOW_MS) throw new Error(`took ${Math.round(performance.now() - start)} ms`);
  } catch (error) {
    outcomes.failed++;
    process.stdout.write(`seed ${values.seed} run ${run} (${candidate.what}): ${(error as Error).stack}\n`);
  }
  if ((run + 1) % EVERY === 0) process.stderr.write(`${run + 1} of ${runs}, ${outcomes.failed} failed\n`);
}
process.stdout.write(
  `${runs} mutants: ${outcomes.read} read, ${outcomes.refused} refused, ${outcomes.failed} failed\n`,
);
process.exitCode = outcomes.failed === 0 ? 0 : 1;
