import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { BulkBodyBuilder, type Client, connect, createBulkWriter } from "@threatlockdown/indexer-client";
import type { SourceName } from "@threatlockdown/tooling-lake";
import { alertDocuments, documentsOf, requestsOf } from "./alert-documents.ts";
import { type Loaded, readLoadOptions, sendRequests, timed } from "./bulk-load.ts";
import type { Report } from "./figure.ts";
import { openSearch } from "./open-search.ts";
import { inRounds, medianOf, medianRatio } from "./rounds.ts";

const index = "bench-indexer";
const sources: readonly SourceName[] = ["cloud_trail_mgmt_2_0", "vpc_flow_2_0"];
const objectsInFlight = 50;
const rowsPerObject = 200;
const inFlight = [1, 2, 4, 8];
const ceiling = (count: number): string => `ceiling, ${count} in flight`;

type Identified = readonly [id: string, document: Uint8Array];

interface Source {
  /** The documents and their ids, by object. */
  readonly objects: readonly (readonly Identified[])[];
  readonly requests: readonly Buffer[];
}

interface Measured extends Loaded {
  /** The most bytes, of buffers and of the heap, that the process took beyond those it had before. */
  readonly memory: number;
}

/**
 * The writer, with documents that arrive from 50 objects at a time, against requests of 5 MB that were rendered before
 * (`ceiling`: the best of 1, 2, 4 and 8 in flight) and against `helpers.bulk` of opensearch-js. All into an index of the
 * template's standard level, one shard, no replica. Rounds interleaved, medians; a ratio is the median of the rounds' own.
 */
export async function run(report: Report, args: readonly string[]): Promise<void> {
  const { rows, rounds } = readLoadOptions(args, { rows: 40_000, rounds: 5 });
  await using server = await openSearch(report);
  const client = await connect({ nodes: [server.url] });
  for (const name of sources) {
    const source = await sourceOf(name, rows);
    // The writer keeps memory from round to round, which counts as taken by it.
    const withoutWriter = memoryHeld();
    const writing = writingOf(client);
    const measure = (work: () => Promise<void>, before?: number) => async (): Promise<Measured> => {
      const held = memoryHeld();
      const memory = watchMemory(before ?? held);
      try {
        return await timed(client, { index, template: {}, documents: rows }, work, async () => ({
          memory: memory.most(),
        }));
      } finally {
        memory.end();
      }
    };
    const loads = {
      ours: measure(() => writing.write(source), withoutWriter),
      "helpers.bulk": measure(() => writeByHelper(client, source)),
      ...Object.fromEntries(
        inFlight.map((count) => [ceiling(count), measure(() => sendRequests(client, source.requests, count))]),
      ),
    };
    const results = await inRounds(rounds, loads, (load, { perSecond, cpu, memory }) =>
      report.remark(
        `${name} ${load}: ${Math.round(perSecond)} docs/s, ${cpu.toFixed(1)} ms CPU for 1,000 documents, ${(memory / 1e6).toFixed(0)} MB`,
      ),
    );
    await writing.close();
    const speed = ({ perSecond }: Measured): number => perSecond;
    const best = inFlight
      .map(ceiling)
      .reduce((a, b) => (medianOf(results, b, speed) > medianOf(results, a, speed) ? b : a));
    const figure = (load: string, value: (one: Measured) => number, unit: string, larger: boolean): void => {
      report.figure({
        bench: "indexer",
        case: name,
        peer: load === best ? "ceiling" : load,
        ratio: medianRatio(results, larger ? ["ours", load] : [load, "ours"], value),
        ours: medianOf(results, "ours", value),
        theirs: medianOf(results, load, value),
        unit,
      });
    };
    figure(best, speed, "docs/s", true);
    figure("helpers.bulk", speed, "docs/s", true);
    figure("helpers.bulk", ({ cpu }) => cpu, "ms CPU / 1,000 docs", false);
    figure("helpers.bulk", ({ memory }) => memory / 2 ** 20, "MiB", false);
  }
  await client.close();
}

async function sourceOf(name: SourceName, rows: number): Promise<Source> {
  const bodies = await alertDocuments(name, { count: rows, each: rowsPerObject, index });
  const objects = bodies.map((body) => [...documentsOf(body)]);
  return { objects, requests: requestsOf(bodies, 5_000_000) };
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

function memoryTaken(): number {
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
}

function memoryHeld(): number {
  collectGarbage();
  return memoryTaken();
}

/** What the process takes beyond what it had `before` is looked at every 20 ms, from now on. */
function watchMemory(before: number): { most(): number; end(): void } {
  let most = before;
  const sampling = setInterval(() => {
    most = Math.max(most, memoryTaken());
  }, 20);
  return { most: () => most - before, end: () => clearInterval(sampling) };
}

interface Writing {
  write(source: Source): Promise<void>;
  close(): Promise<void>;
}

/** One writer, and one builder of bodies, for all rounds: as the subscriber has them for all of its objects. */
function writingOf(client: Client): Writing {
  const writer = createBulkWriter(client, {
    keep: () => Promise.reject(new Error("a document was refused")),
    close: async () => {},
  });
  const builder = new BulkBodyBuilder();

  async function writeObject(documents: readonly Identified[]): Promise<void> {
    builder.start(documents.reduce((sum, [, { length }]) => sum + length + bytesOfAction, 0));
    for (const [id, document] of documents) {
      builder.begin(index, id);
      builder.append(document);
      builder.end();
    }
    const body = builder.take();
    await writer.write(body);
    builder.recycle(body);
  }

  return {
    async write({ objects }) {
      let next = 0;
      const worker = async (): Promise<void> => {
        while (next < objects.length) await writeObject(objects[next++] as readonly Identified[]);
      };
      await Promise.all(Array.from({ length: objectsInFlight }, worker));
    },
    close: writer.close,
  };
}

/** The line before each document, and line breaks. */
const bytesOfAction = 120;

async function writeByHelper(client: Client, { objects }: Source): Promise<void> {
  const decoder = new TextDecoder();
  const ids = objects.flatMap((object) => object.map(([id]) => id));
  let next = 0;
  async function* documents(): AsyncGenerator<string> {
    for (const object of objects) for (const [, document] of object) yield decoder.decode(document);
  }
  await client.helpers.bulk({
    datasource: documents() as never,
    flushBytes: 5_000_000,
    concurrency: 4,
    onDocument: () => ({ create: { _index: index, _id: ids[next++] as string } }),
    onDrop: () => {
      throw new Error("a document was refused");
    },
  });
}
