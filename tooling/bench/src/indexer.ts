import { parseArgs } from "node:util";
import { BulkBodyBuilder, connect, createBulkWriter, indexTemplate } from "@threatlockdown/indexer-client";
import type { SourceName } from "@threatlockdown/tooling-lake";
import { alertDocuments, requestsOf } from "./alert-documents.ts";
import type { Report } from "./figure.ts";
import { median } from "./median.ts";
import { openSearch } from "./open-search.ts";

type Client = ReturnType<typeof connect>;

const index = "bench-indexer";
const sources: readonly SourceName[] = ["cloud_trail_mgmt_2_0", "vpc_flow_2_0"];
const objectsInFlight = 50;
const rowsPerObject = 200;
const inFlight = [1, 2, 4, 8];

interface Source {
  /** The documents' own bytes, by object. */
  readonly objects: readonly (readonly Uint8Array[])[];
  readonly requests: readonly Buffer[];
  readonly documents: number;
}

interface Load {
  readonly perSecond: number;
  /** CPU of this process, milliseconds for 1,000 documents. */
  readonly cpu: number;
  /** The most bytes that buffers held beyond those of the documents themselves. */
  readonly memory: number;
}

/**
 * The writer, with documents that arrive from 50 objects at a time, against requests of 5 MB that were rendered before
 * (`ceiling`: the best of 1, 2, 4 and 8 in flight) and against `helpers.bulk` of opensearch-js. All into an index of the
 * template's standard level, one shard, no replica. Rounds interleaved; median of each, and of the ceiling's the best.
 */
export async function run(report: Report, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { rows: { type: "string", default: "20000" }, rounds: { type: "string", default: "3" } },
  });
  await using server = await openSearch(report);
  const client = connect({ nodes: [server.url] });
  for (const name of sources) {
    const source = sourceOf(name, Number(values.rows));
    const loads: Record<string, () => Promise<void>> = {
      ours: () => writeObjects(client, source),
      "helpers.bulk": () => writeByHelper(client, source),
      ...Object.fromEntries(inFlight.map((count) => [`ceiling ${count}`, () => sendRequests(client, source, count)])),
    };
    const results = new Map<string, Load[]>(Object.keys(loads).map((load) => [load, []]));
    await measure(client, source, () => sendRequests(client, source, 2));
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const [load, work] of Object.entries(loads)) {
        const result = await measure(client, source, work);
        (results.get(load) as Load[]).push(result);
        report.remark(
          `${name} ${load}: ${Math.round(result.perSecond)} docs/s, ${result.cpu.toFixed(1)} ms CPU for 1,000 documents, ${(result.memory / 1e6).toFixed(0)} MB of buffers`,
        );
      }
    }
    const of = (load: string, value: keyof Load): number =>
      median((results.get(load) as Load[]).map((one) => one[value]));
    const ceiling = inFlight
      .map((count) => `ceiling ${count}`)
      .reduce((best, one) => (of(one, "perSecond") > of(best, "perSecond") ? one : best));
    const figure = (peer: string, value: keyof Load, unit: string, larger: boolean): void => {
      const [ours, theirs] = [of("ours", value), of(peer, value)];
      report.figure({
        bench: "indexer",
        case: name,
        peer: peer.split(" ")[0] as string,
        ratio: larger ? ours / theirs : theirs / ours,
        ours,
        theirs,
        unit,
      });
    };
    figure(ceiling, "perSecond", "docs/s", true);
    figure("helpers.bulk", "perSecond", "docs/s", true);
    figure("helpers.bulk", "cpu", "ms CPU / 1,000 docs", false);
    figure("helpers.bulk", "memory", "B of buffers", false);
  }
  await client.close();
}

function sourceOf(name: SourceName, rows: number): Source {
  const bodies = alertDocuments(name, rows, rowsPerObject, index);
  const objects = bodies.map(({ bytes, offsets, count }) =>
    Array.from({ length: count }, (_, i) => bytes.subarray(bytes.indexOf(10, offsets[i]) + 1, offsets[i + 1] - 1)),
  );
  return { objects, requests: requestsOf(bodies, 5_000_000), documents: rows };
}

async function measure(client: Client, source: Source, work: () => Promise<void>): Promise<Load> {
  const { settings, mappings } = indexTemplate().template as Record<string, object>;
  const { "index.auto_expand_replicas": _, ...rest } = settings as Record<string, unknown>;
  await client.indices.create({
    index,
    body: { settings: { ...rest, "index.number_of_replicas": 0 }, mappings },
  } as never);
  const before = process.memoryUsage().arrayBuffers;
  let most = before;
  const sampling = setInterval(() => {
    most = Math.max(most, process.memoryUsage().arrayBuffers);
  }, 20);
  try {
    const cpu = process.cpuUsage();
    const started = performance.now();
    await work();
    const seconds = (performance.now() - started) / 1_000;
    const { user, system } = process.cpuUsage(cpu);
    await client.indices.refresh({ index });
    const { body } = await client.count({ index });
    if (body.count !== source.documents) throw new Error(`${body.count} of ${source.documents} documents are there`);
    return { perSecond: source.documents / seconds, cpu: (user + system) / source.documents, memory: most - before };
  } finally {
    clearInterval(sampling);
    await client.indices.delete({ index });
  }
}

async function writeObjects(client: Client, { objects }: Source): Promise<void> {
  const writer = createBulkWriter(client, {
    keep: () => Promise.reject(new Error("a document was refused")),
    close: async () => {},
  });
  let next = 0;
  const builder = new BulkBodyBuilder();
  const worker = async (): Promise<void> => {
    while (next < objects.length) {
      const number = next++;
      (objects[number] as readonly Uint8Array[]).forEach((document, row) => {
        builder.begin(index, `q8Wm3cQyT0uYh5pXvR7kAg${number}-${row}`);
        builder.append(document);
        builder.end();
      });
      const body = builder.take();
      await writer.write(body);
      builder.recycle(body);
    }
  };
  await Promise.all(Array.from({ length: objectsInFlight }, worker));
  await writer.close();
}

async function writeByHelper(client: Client, { objects }: Source): Promise<void> {
  const decoder = new TextDecoder();
  let number = 0;
  async function* documents(): AsyncGenerator<string> {
    for (const object of objects) for (const document of object) yield decoder.decode(document);
  }
  await client.helpers.bulk({
    datasource: documents() as never,
    flushBytes: 5_000_000,
    concurrency: 4,
    onDocument: () => ({ create: { _index: index, _id: `q8Wm3cQyT0uYh5pXvR7kAg-${number++}` } }),
    onDrop: () => {
      throw new Error("a document was refused");
    },
  });
}

/** Sends requests that are rendered already, so many in flight. */
export async function sendRequests(
  client: Client,
  { requests }: Pick<Source, "requests">,
  count: number,
): Promise<void> {
  let next = 0;
  const sender = async (): Promise<void> => {
    while (next < requests.length) {
      const { body } = await client.transport.request({
        method: "POST",
        path: "/_bulk",
        querystring: "filter_path=errors",
        bulkBody: requests[next++] as Buffer,
      });
      if (body.errors) throw new Error("a document was refused");
    }
  };
  await Promise.all(Array.from({ length: count }, sender));
}
