import { parseArgs } from "node:util";
import { type Client, connect, setup } from "@threatlockdown/indexer-client";
import { createLab, type Lab } from "@threatlockdown/tooling-lab";
import { type LakeObject, makeObject, type SourceName } from "@threatlockdown/tooling-lake";
import { createRenderer, render, requestsOf } from "./alert-documents.ts";
import { sendRequests } from "./bulk-load.ts";
import type { Report } from "./figure.ts";
import { median } from "./median.ts";
import { openSearch } from "./open-search.ts";

const indices = "wazuh-alerts-4.x-security-lake-*";
const sources: readonly SourceName[] = ["vpc_flow_2_0", "cloud_trail_mgmt_2_0", "route53_2_0", "eks_audit_2_0"];
const bytesPerRequest = 5_000_000;
const inFlight = [1, 2, 4, 8];
/** MiB that the wodle may take at most. */
const allowedMemory = 256;

interface Measured {
  readonly perSecond: number;
  /** Bytes of the wodle. */
  readonly peakMemory?: number;
}

/**
 * The whole way, from queue to OpenSearch, with 20 ms on every call to AWS: the wodle as a process of its own. `ceiling`
 * are the same documents, rendered before into requests of 5 MB and sent with 1, 2, 4 and 8 in flight, the best of them;
 * `serial` is the wodle with one message at a time, on a tenth of the objects, since its rate does not depend on how many.
 * The wodle's time is that of its summary: from the first message to the last deletion. Indices are made anew for each;
 * rounds interleaved, median of each.
 */
export async function run(report: Report, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      objects: { type: "string", default: "400" },
      rows: { type: "string", default: "200" },
      latency: { type: "string", default: "20" },
      concurrency: { type: "string", default: "32" },
      rounds: { type: "string", default: "3" },
    },
  });
  const [count, rowsEach] = [Number(values.objects), Number(values.rows)];
  const objects = Array.from({ length: count }, (_, seed) => objectOf(seed, rowsEach));
  await using server = await openSearch(report);
  await using lab = await createLab({ indexer: { url: server.url } });
  lab.aws.faults.add({ latency: Number(values.latency) });
  const client = await connect({ nodes: [server.url] });
  await setup(client);
  const requests = await renderAll(lab, objects);

  const wodle = (some: readonly LakeObject[], concurrency: string) => () => runWodle(lab, some, concurrency);
  const work: Readonly<Record<string, { readonly events: number; run(): Promise<Measured> }>> = {
    ours: { events: count * rowsEach, run: wodle(objects, values.concurrency) },
    serial: { events: tenth(objects).length * rowsEach, run: wodle(tenth(objects), "1") },
    ...Object.fromEntries(
      inFlight.map((many) => [
        ceiling(many),
        { events: count * rowsEach, run: () => send(client, requests, many, count * rowsEach) },
      ]),
    ),
  };
  const results = new Map<string, Measured[]>(Object.keys(work).map((name) => [name, []]));
  await sendRequests(client, requests, 2); // A new server is slow at first.
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, { events, run: measure }] of Object.entries(work)) {
      await client.indices.delete({ index: indices });
      const result = await measure();
      await expectEvents(client, events);
      results.get(name)?.push(result);
      report.remark(`round ${round + 1}, ${name}: ${Math.round(result.perSecond)} events/s${memory(result)}`);
    }
  }
  await client.close();

  const of = (name: string, value: keyof Measured) => median((results.get(name) ?? []).map((one) => one[value] ?? 0));
  const best = inFlight.map(ceiling).reduce((a, b) => (of(b, "perSecond") > of(a, "perSecond") ? b : a));
  const shape = `${count} objects of ${rowsEach} rows, ${values.latency} ms`;
  for (const [peer, name] of [
    ["ceiling", best],
    ["serial", "serial"],
  ] as const) {
    const [ours, theirs] = [of("ours", "perSecond"), of(name, "perSecond")];
    report.figure({ bench: "ingest", case: shape, peer, ratio: ours / theirs, ours, theirs, unit: "events/s" });
  }
  const ours = of("ours", "peakMemory") / 2 ** 20;
  const ratio = allowedMemory / ours;
  report.figure({ bench: "ingest", case: shape, peer: "allowed", ratio, ours, theirs: allowedMemory, unit: "MiB" });
}

const ceiling = (many: number): string => `ceiling, ${many} in flight`;
const memory = ({ peakMemory }: Measured): string =>
  peakMemory === undefined ? "" : `, ${Math.round(peakMemory / 2 ** 20)} MiB at the most`;

function tenth(objects: readonly LakeObject[]): readonly LakeObject[] {
  return objects.slice(0, Math.max(10, Math.round(objects.length / 10)));
}

/** Each object under a key of its own. */
function objectOf(seed: number, rowsEach: number): LakeObject {
  return makeObject({ source: sources[seed % sources.length] as SourceName, rows: rowsEach, seed });
}

async function runWodle(lab: Lab, objects: readonly LakeObject[], concurrency: string): Promise<Measured> {
  for (const object of objects) lab.put(object);
  const wodle = await lab.once("--json", "--quiet", "--concurrency", concurrency);
  if (wodle.code !== 0 || lab.messages() > 0) throw new Error(`the wodle did not finish: ${wodle.stderr()}`);
  const { events, seconds, peakMemory } = JSON.parse(wodle.stdout()) as {
    readonly events: number;
    readonly seconds: number;
    readonly peakMemory: number;
  };
  return { perSecond: events / seconds, peakMemory };
}

async function send(client: Client, requests: readonly Buffer[], many: number, events: number): Promise<Measured> {
  const started = performance.now();
  await sendRequests(client, requests, many);
  const seconds = (performance.now() - started) / 1_000;
  return { perSecond: events / seconds };
}

/** The documents that the wodle makes of the objects, in requests. */
async function renderAll(lab: Lab, objects: readonly LakeObject[]): Promise<Buffer[]> {
  const renderer = createRenderer();
  const bodies = [];
  for (const object of objects) bodies.push(...(await render(renderer, lab.subscription.bucket, object)));
  return requestsOf(bodies, bytesPerRequest);
}

async function expectEvents(client: Client, events: number): Promise<void> {
  await client.indices.refresh({ index: indices });
  const { body } = await client.count({ index: indices });
  if (body.count !== events) throw new Error(`${body.count} of ${events} events are there`);
}
