import { parseArgs } from "node:util";
import { connect, indexTemplate, type Level } from "@threatlockdown/indexer-client";
import type { SourceName } from "@threatlockdown/tooling-lake";
import { alertDocuments, requestsOf } from "./alert-documents.ts";
import type { Report } from "./figure.ts";
import { median } from "./median.ts";
import { openSearch } from "./open-search.ts";

const peer = "default dynamic";
const levels: readonly Level[] = ["lean", "standard", "full"];
const sources: readonly SourceName[] = ["cloud_trail_mgmt_2_0", "vpc_flow_2_0", "sh_findings_2_0"] as never;

type Client = ReturnType<typeof connect>;

interface Loaded {
  readonly perSecond: number;
  readonly bytesPerDocument: number;
}

/**
 * Documents a second and bytes a document of the template's levels, against an index that maps what comes. Requests of
 * 5 MB rendered before, two in flight, one shard, no replica; bytes after a merge to one segment. Rounds interleaved,
 * median of each.
 */
export async function run(report: Report, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { rows: { type: "string", default: "20000" }, rounds: { type: "string", default: "3" } },
  });
  await using server = await openSearch(report);
  const client = connect({ nodes: [server.url] });
  for (const source of sources) {
    const requests = requestsOf(alertDocuments(source, Number(values.rows), 500, "bench-mapping"), 5_000_000);
    const rounds = new Map<string, Loaded[]>([peer, ...levels].map((name) => [name, []]));
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const [name, loads] of rounds) {
        const loaded = await load(client, requests, name === peer ? undefined : (name as Level));
        loads.push(loaded);
        report.remark(
          `${source} ${name}: ${Math.round(loaded.perSecond)} docs/s, ${Math.round(loaded.bytesPerDocument)} B`,
        );
      }
    }
    const of = (name: string, value: keyof Loaded): number =>
      median((rounds.get(name) as Loaded[]).map((one) => one[value]));
    for (const level of levels) {
      const [ours, theirs] = [of(level, "perSecond"), of(peer, "perSecond")];
      report.figure({
        bench: "mapping",
        case: `${source} ${level}`,
        peer,
        ratio: ours / theirs,
        ours,
        theirs,
        unit: "docs/s",
      });
      const [small, large] = [of(level, "bytesPerDocument"), of(peer, "bytesPerDocument")];
      report.figure({
        bench: "mapping",
        case: `${source} ${level}`,
        peer,
        ratio: large / small,
        ours: small,
        theirs: large,
        unit: "B/doc",
      });
    }
  }
  await client.close();
}

async function load(client: Client, requests: readonly Buffer[], level: Level | undefined): Promise<Loaded> {
  const index = "bench-mapping";
  const own = { "index.number_of_shards": 1, "index.number_of_replicas": 0, "index.refresh_interval": "5s" };
  const { settings, mappings } = indexTemplate({ level: level ?? "lean" }).template as Record<string, object>;
  const { "index.auto_expand_replicas": _, ...levelSettings } = settings as Record<string, unknown>;
  const body =
    level === undefined
      ? { settings: { ...own, "index.mapping.total_fields.limit": 10_000 } }
      : { settings: { ...levelSettings, ...own }, mappings };
  await client.indices.create({ index, body } as never);
  try {
    const queue = [...requests];
    const send = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const { body: answer } = await client.transport.request({
          method: "POST",
          path: "/_bulk",
          querystring: "filter_path=errors,items.*.error.reason",
          bulkBody: next,
        });
        if (answer.errors) throw new Error(`documents were refused: ${JSON.stringify(answer).slice(0, 300)}`);
      }
    };
    const started = performance.now();
    await Promise.all([send(), send()]);
    const seconds = (performance.now() - started) / 1_000;
    await client.indices.forcemerge({ index, max_num_segments: 1 });
    await client.indices.refresh({ index });
    const { body: stats } = await client.indices.stats({ index });
    const { docs, store } = stats._all.primaries as unknown as {
      docs: { count: number };
      store: { size_in_bytes: number };
    };
    return { perSecond: docs.count / seconds, bytesPerDocument: store.size_in_bytes / docs.count };
  } finally {
    await client.indices.delete({ index });
  }
}
