/**
 * How long it takes to judge 100,000 rows, a source each, in batches of 4,096 rows:
 *
 *     node --conditions=@threatlockdown/source packages/ruleset/bench/evaluate.ts <folder of *.ndjson.gz>
 *
 * Each file's rows are repeated; columns keep their dictionary for the whole file, as a row group's do.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { type Columns, createRuleset } from "../src/index.ts";
import { columnsOf } from "../test/columns.ts";

const rowCount = 100_000;
const batchRows = 4096;
const rounds = 9;

const folder = process.argv[2] ?? join(import.meta.dirname, "../../parquet-reader/test/fixtures/generated");

for (const [source, events] of sources(folder)) {
  const batches = repeated(columnsOf(events));
  const times = Array.from({ length: rounds }, () => {
    const fresh = batches.map(withFreshDictionaries());
    const ruleset = createRuleset();
    const start = performance.now();
    for (const batch of fresh) {
      const judged = ruleset.evaluate(batch);
      for (let row = 0; row < batch.rowCount; row++) judged.rule(row);
    }
    return performance.now() - start;
  });
  const median = times.sort((a, b) => a - b)[rounds >> 1];
  process.stdout.write(
    `${source.padEnd(24)}${median.toFixed(1).padStart(7)} ms  ${Math.round(rowCount / median)} rows/ms\n`,
  );
}

function sources(from: string): Map<string, object[]> {
  const bySource = new Map<string, object[]>();
  for (const file of readdirSync(from).filter((name) => name.endsWith(".ndjson.gz"))) {
    const text = gunzipSync(readFileSync(join(from, file))).toString();
    const events = text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    if (events.length === 0) continue;
    const { product, version } = events[0].metadata;
    const source = `${product.name} ${version}`;
    bySource.set(source, [...(bySource.get(source) ?? []), ...events]);
  }
  return bySource;
}

function repeated({ columns, rowCount: distinct }: Columns): Columns[] {
  return Array.from({ length: Math.ceil(rowCount / batchRows) }, (_, batch) => {
    const first = batch * batchRows;
    const rows = Math.min(batchRows, rowCount - first);
    return {
      rowCount: rows,
      columns: new Map(
        [...columns].map(([path, { ids, dictionary }]) => [
          path,
          { ids: Int32Array.from({ length: rows }, (_, row) => ids[(first + row) % distinct]), dictionary },
        ]),
      ),
    };
  });
}

/** Nothing judged in one round is known in the next. */
function withFreshDictionaries(): (batch: Columns) => Columns {
  const fresh = new Map<object, Columns["columns"] extends ReadonlyMap<string, infer C> ? C : never>();
  return ({ columns, rowCount: rows }) => ({
    rowCount: rows,
    columns: new Map(
      [...columns].map(([path, { ids, dictionary }]) => {
        const copy = fresh.get(dictionary) ?? { ids, dictionary: { ...dictionary } };
        fresh.set(dictionary, copy);
        return [path, { ids, dictionary: copy.dictionary }];
      }),
    ),
  });
}
