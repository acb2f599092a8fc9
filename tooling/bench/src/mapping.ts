import { type Client, connect } from "@threatlockdown/indexer-client";
import type { SourceName } from "@threatlockdown/tooling-lake";
import { alertDocuments, requestsOf } from "./alert-documents.ts";
import { type Loaded, type Mapping, readLoadOptions, sendRequests, timed } from "./bulk-load.ts";
import type { Report } from "./figure.ts";
import { openSearch } from "./open-search.ts";
import { inRounds, medianOf, medianRatio } from "./rounds.ts";

const index = "bench-mapping";
const peer: Mapping = "default dynamic";
const levels: readonly Mapping[] = ["lean", "standard", "full", "standard, best_compression"];
const sources: readonly SourceName[] = ["cloud_trail_mgmt_2_0", "vpc_flow_2_0", "sh_findings_2_0"];

/**
 * Documents a second and bytes a document of the template's levels, against an index of OpenSearch's own settings that
 * maps what comes. Requests of 5 MB rendered before, two in flight, until they are searchable; one shard, no replica; bytes
 * after a merge to one segment.
 * Rounds interleaved, medians; a ratio is the median of the rounds' own.
 */
export async function run(report: Report, args: readonly string[]): Promise<void> {
  const { rows, rounds } = readLoadOptions(args, { rows: 20_000, rounds: 9 });
  await using server = await openSearch(report);
  const client = await connect({ nodes: [server.url] });
  for (const source of sources) {
    const requests = requestsOf(await alertDocuments(source, { documents: rows, each: 500, index }), 5_000_000);
    const load = async <Seen>(mapping: Mapping, look: () => Promise<Seen>) =>
      await timed(
        client,
        { index, mapping, documents: rows },
        async () => {
          await sendRequests(client, requests, 2);
          // Much of the work is done only then, and more of it where more is indexed.
          await client.indices.refresh({ index });
        },
        look,
      );
    const sizes = new Map<Mapping, number>();
    for (const mapping of [peer, ...levels]) {
      const { size } = await load(mapping, async () => ({ size: await mergedSize(client) }));
      sizes.set(mapping, size / rows);
      report.remark(`${source} ${mapping}: ${Math.round(size / rows)} B`);
    }
    const loads = Object.fromEntries(
      [peer, ...levels].map((mapping) => [mapping, () => load(mapping, async () => ({}))]),
    );
    const results = await inRounds<Loaded>(rounds, loads, (name, { perSecond }) =>
      report.remark(`${source} ${name}: ${Math.round(perSecond)} docs/s`),
    );
    const speed = ({ perSecond }: Loaded): number => perSecond;
    for (const level of levels) {
      const figure = { bench: "mapping", case: `${source} ${level}`, peer };
      report.figure({
        ...figure,
        ratio: medianRatio(results, [level, peer], speed),
        ours: medianOf(results, level, speed),
        theirs: medianOf(results, peer, speed),
        unit: "docs/s",
      });
      const [ours, theirs] = [sizes.get(level) as number, sizes.get(peer) as number];
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
