import { type Client, connect, type Level } from "@threatlockdown/indexer-client";
import type { SourceName } from "@threatlockdown/tooling-lake";
import { alertDocuments, requestsOf } from "./alert-documents.ts";
import { type Loaded, readLoadOptions, sendRequests, timed } from "./bulk-load.ts";
import type { Report } from "./figure.ts";
import { openSearch } from "./open-search.ts";
import { inRounds, medianOf, medianRatio } from "./rounds.ts";

const index = "bench-mapping";
const peer = "default dynamic";
const levels: readonly Level[] = ["lean", "standard", "full"];
const sources: readonly SourceName[] = ["cloud_trail_mgmt_2_0", "vpc_flow_2_0", "sh_findings_2_0"] as never;

interface Measured extends Loaded {
  readonly bytes: number;
}

/**
 * Documents a second and bytes a document of the template's levels, against an index that maps what comes. Requests of
 * 5 MB rendered before, two in flight, until they are searchable; one shard, no replica; bytes after a merge to one segment. Rounds interleaved,
 * medians; a ratio is the median of the rounds' own.
 */
export async function run(report: Report, args: readonly string[]): Promise<void> {
  const { rows, rounds } = readLoadOptions(args, { rows: 20_000, rounds: 5 });
  await using server = await openSearch(report);
  const client = await connect({ nodes: [server.url] });
  for (const source of sources) {
    const requests = requestsOf(alertDocuments(source, rows, 500, index), 5_000_000);
    const load = (level: Level | undefined) => () =>
      timed<{ readonly bytes: number }>(
        client,
        { index, level, documents: rows },
        async () => {
          await sendRequests(client, requests, 2);
          // Much of the work is done only then, and more of it where more is indexed.
          await client.indices.refresh({ index });
        },
        async () => ({ bytes: (await mergedSize(client)) / rows }),
      );
    const loads = { [peer]: load(undefined), ...Object.fromEntries(levels.map((level) => [level, load(level)])) };
    const results = await inRounds<Measured>(rounds, loads, (name, { perSecond, bytes }) =>
      report.remark(`${source} ${name}: ${Math.round(perSecond)} docs/s, ${Math.round(bytes)} B`),
    );
    const speed = ({ perSecond }: Measured): number => perSecond;
    const size = ({ bytes }: Measured): number => bytes;
    for (const level of levels) {
      report.figure({
        bench: "mapping",
        case: `${source} ${level}`,
        peer,
        ratio: medianRatio(results, [level, peer], speed),
        ours: medianOf(results, level, speed),
        theirs: medianOf(results, peer, speed),
        unit: "docs/s",
      });
      report.figure({
        bench: "mapping",
        case: `${source} ${level}`,
        peer,
        ratio: medianRatio(results, [peer, level], size),
        ours: medianOf(results, level, size),
        theirs: medianOf(results, peer, size),
        unit: "B/doc",
      });
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
