import { type Client, connect, type TemplateOptions } from "@threatlockdown/indexer-client";
import type { SourceName } from "@threatlockdown/tooling-lake";
import { alertDocuments, requestsOf } from "./alert-documents.ts";
import { type Load, type Loaded, readLoadOptions, sendRequests, timed } from "./bulk-load.ts";
import type { Report } from "./figure.ts";
import { openSearch } from "./open-search.ts";
import { inRounds, medianOf, medianRatio } from "./rounds.ts";

const index = "bench-mapping";
const peer = "default dynamic";
const templates: Readonly<Record<string, TemplateOptions | undefined>> = {
  [peer]: undefined,
  lean: { level: "lean" },
  standard: { level: "standard" },
  full: { level: "full" },
  "standard, best_compression": { codec: "best_compression" },
};
const sources: readonly SourceName[] = ["cloud_trail_mgmt_2_0", "vpc_flow_2_0", "sh_findings_2_0"];

/**
 * Documents a second and bytes a document of the template's levels, against an index that maps what comes and has the
 * template's refresh interval, but else OpenSearch's own settings. Requests of 5 MB rendered before, two in flight, until
 * they are searchable; one shard, no replica. Bytes are measured once, before the rounds, after a merge to one segment;
 * rounds interleaved, medians of the speed; its ratio is the median of the rounds' own.
 */
export async function run(report: Report, args: readonly string[]): Promise<void> {
  const { rows, rounds } = readLoadOptions(args, { rows: 20_000, rounds: 9 });
  await using server = await openSearch(report);
  const client = await connect({ nodes: [server.url] });
  for (const source of sources) {
    const requests = requestsOf(await alertDocuments(source, { count: rows, each: 500, index }), 5_000_000);
    const work = async (): Promise<void> => {
      await sendRequests(client, requests, 2);
      // Much of the work is done only then, and more of it where more is indexed.
      await client.indices.refresh({ index });
    };
    const sizes = new Map<string, number>();
    const loads: Record<string, () => Promise<Loaded>> = {};
    for (const [name, template] of Object.entries(templates)) {
      const load: Load = { index, template, documents: rows };
      const { size } = await timed(client, load, work, async () => ({ size: await mergedSize(client) }));
      report.remark(`${source} ${name}: ${Math.round(size / rows)} B`);
      sizes.set(name, size / rows);
      loads[name] = () => timed(client, load, work);
    }
    const results = await inRounds(rounds, loads, (name, { perSecond }) =>
      report.remark(`${source} ${name}: ${Math.round(perSecond)} docs/s`),
    );
    const speed = ({ perSecond }: Loaded): number => perSecond;
    for (const name of Object.keys(templates).filter((one) => one !== peer)) {
      const figure = { bench: "mapping", case: `${source} ${name}`, peer };
      report.figure({
        ...figure,
        ratio: medianRatio(results, [name, peer], speed),
        ours: medianOf(results, name, speed),
        theirs: medianOf(results, peer, speed),
        unit: "docs/s",
      });
      const [ours, theirs] = [sizes.get(name) as number, sizes.get(peer) as number];
      report.figure({ ...figure, ratio: theirs / ours, ours, theirs, unit: "B/doc" });
    }
  }
  await client.close();
}

/** Bytes of the index once it is merged to one segment. */
async function mergedSize(client: Client): Promise<number> {
  await client.indices.forcemerge({ index, max_num_segments: 1 });
  await client.indices.refresh({ index });
  const { body } = await client.indices.stats({ index });
  return (body._all.primaries as unknown as { store: { size_in_bytes: number } }).store.size_in_bytes;
}
