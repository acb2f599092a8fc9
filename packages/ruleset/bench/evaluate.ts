/**
 * CPU time of judging 100,000 rows of each source in batches of 4,096 rows, best of 9 rounds:
 *
 *     node --conditions=@threatlockdown/source packages/ruleset/bench/evaluate.ts [--plain] [<folder of *.ndjson.gz>]
 *
 * Each source's rows are repeated; columns keep their dictionary for all of them, as those of a row group do. `--plain`:
 * they have no dictionary, so that each row of a batch has an entry of its own.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";
import { type Columns, createRuleset } from "../src/index.ts";
import { columnsOf } from "../test/columns.ts";

const rowCount = 100_000;
const batchRows = 4096;
const rounds = 9;

const { values, positionals } = parseArgs({ options: { plain: { type: "boolean" } }, allowPositionals: true });
const folder = positionals[0] ?? join(import.meta.dirname, "../../parquet-reader/test/fixtures/generated");

for (const [source, events] of sources(folder)) {
  const batches = repeated(columnsOf(events));
  const times = Array.from({ length: rounds }, () => {
    const fresh = batches.map(values.plain ? withoutDictionaries : withFreshDictionaries());
    const ruleset = createRuleset();
    const before = process.cpuUsage();
    for (const batch of fresh) {
      const judged = ruleset.evaluate(batch);
      for (let row = 0; row < batch.rowCount; row++) judged.rule(row);
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  const best = Math.min(...times);
  process.stdout.write(
    `${source.padEnd(24)}${best.toFixed(1).padStart(7)} ms  ${Math.round(rowCount / best)} rows/ms\n`,
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

function withoutDictionaries({ columns, rowCount: rows }: Columns): Columns {
  return {
    rowCount: rows,
    columns: new Map(
      [...columns].map(([path, { ids, dictionary }]) => {
        const plain = Array.from(ids, (id) => (id < 0 ? null : dictionary.value(id)));
        return [
          path,
          {
            ids: Int32Array.from(plain, (value, row) => (value === null ? -1 : row)),
            dictionary: { length: plain.length, value: (row) => plain[row] },
          },
        ];
      }),
    ),
  };
}
