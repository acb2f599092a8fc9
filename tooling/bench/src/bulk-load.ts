import { parseArgs } from "node:util";
import { type Client, indexTemplate, type TemplateOptions } from "@threatlockdown/indexer-client";

/** Of the benchmarks that load documents into OpenSearch. */
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

export interface Load {
  readonly index: string;
  /** Options of the template that the index is made by; undefined: it maps what comes. */
  readonly template: TemplateOptions | undefined;
  readonly documents: number;
}

/** Makes the index, of one shard and without replica; times the work; counts; looks at the index; deletes it. */
export async function timed<Seen extends object = object>(
  client: Client,
  { index, template, documents }: Load,
  work: () => Promise<void>,
  look: () => Promise<Seen> = async () => ({}) as Seen,
): Promise<Loaded & Seen> {
  await client.indices.create({ index, body: bodyOf(template) } as never);
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

function bodyOf(template: TemplateOptions | undefined): object {
  const { settings, mappings } = indexTemplate(template).template as Record<string, object>;
  const { "index.auto_expand_replicas": _, ...own } = settings as Record<string, unknown>;
  const alike = {
    "index.number_of_shards": 1,
    "index.number_of_replicas": 0,
    "index.refresh_interval": own["index.refresh_interval"],
  };
  if (template === undefined) return { settings: { ...alike, "index.mapping.total_fields.limit": 10_000 } };
  return { settings: { ...own, ...alike }, mappings };
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
