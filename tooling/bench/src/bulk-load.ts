import { parseArgs } from "node:util";
import { type Client, indexTemplate, type Level } from "@threatlockdown/indexer-client";

/** What the benchmarks that load documents into OpenSearch have in common: options, an index anew for each load, its time. */
export interface LoadOptions {
  /** Documents of each source. */
  readonly rows: number;
  readonly rounds: number;
}

export function readLoadOptions(args: readonly string[], defaults: LoadOptions): LoadOptions {
  const { values } = parseArgs({
    args: [...args],
    options: { rows: { type: "string" }, rounds: { type: "string" } },
  });
  return { rows: Number(values.rows ?? defaults.rows), rounds: Number(values.rounds ?? defaults.rounds) };
}

export interface Loaded {
  readonly perSecond: number;
  /** Of this process, milliseconds for 1,000 documents. */
  readonly cpu: number;
}

/** What an index is made with: OpenSearch's own defaults, which map what comes; or a level of the template, with its codec or another. */
export type Mapping = "default dynamic" | Level | "standard, best_compression";

/** Makes the index, of one shard and without replica; times the work; counts; looks at the index; deletes it. */
export async function timed<Seen>(
  client: Client,
  { index, mapping, documents }: { readonly index: string; readonly mapping: Mapping; readonly documents: number },
  work: () => Promise<void>,
  look: () => Promise<Seen>,
): Promise<Loaded & Seen> {
  await client.indices.create({ index, body: bodyOf(mapping) } as never);
  try {
    const cpu = process.cpuUsage();
    const started = performance.now();
    await work();
    const seconds = (performance.now() - started) / 1_000;
    const { user, system } = process.cpuUsage(cpu);
    await client.indices.refresh({ index });
    const { body } = await client.count({ index });
    if (body.count !== documents) throw new Error(`${body.count} of ${documents} documents are there`);
    return { perSecond: documents / seconds, cpu: (user + system) / documents, ...(await look()) };
  } finally {
    await client.indices.delete({ index });
  }
}

function bodyOf(mapping: Mapping): object {
  const single = { "index.number_of_shards": 1, "index.number_of_replicas": 0 };
  if (mapping === "default dynamic") return { settings: { ...single, "index.mapping.total_fields.limit": 10_000 } };
  const options =
    mapping === "standard, best_compression" ? ({ codec: "best_compression" } as const) : { level: mapping };
  const { settings, mappings } = indexTemplate(options).template as Record<string, object>;
  const { "index.auto_expand_replicas": _, ...own } = settings as Record<string, unknown>;
  return { settings: { ...own, ...single }, mappings };
}

/** Sends requests that are rendered already, so many in flight. */
export async function sendRequests(client: Client, requests: readonly Buffer[], inFlight: number): Promise<void> {
  let next = 0;
  const sender = async (): Promise<void> => {
    while (next < requests.length) {
      const { body } = await client.transport.request({
        method: "POST",
        path: "/_bulk",
        querystring: "filter_path=errors",
        bulkBody: requests[next++] as Buffer,
      });
      const { errors } = (typeof body === "string" ? JSON.parse(body) : body) as { errors: boolean };
      if (errors) throw new Error("a document was refused");
    }
  };
  await Promise.all(Array.from({ length: inFlight }, sender));
}
