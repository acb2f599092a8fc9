import { Worker } from "node:worker_threads";
import { open, rows } from "@threatlockdown/parquet-reader";
import { makeObject, type SourceName } from "@threatlockdown/tooling-lake";
import type { Report } from "../figure.ts";
import type { Delivery, Order } from "./reading-thread.ts";

const sources: readonly SourceName[] = ["cloud_trail_mgmt_2_0", "vpc_flow_2_0"];
/** Objects that the rows are spread over, so that two threads can share them. */
const OBJECTS = 8;
const ways = ["main thread", "1 worker, bytes stay", "1 worker", "2 workers"] as const;
type Way = (typeof ways)[number];

interface Spent {
  readonly cpu: number;
  readonly wall: number;
}

/**
 * The same rows read in the main thread and in 1 and 2 workers that hand each batch over in a recycled buffer: events a
 * second of wall clock, and the CPU time of all threads, whose growth is what handing over costs. Best of the rounds.
 */
export async function workers(report: Report, rowCount: number, rounds: number): Promise<void> {
  const threads = [newThread(), newThread()];
  try {
    for (const source of sources) {
      const each = Math.ceil(rowCount / OBJECTS);
      const objects = Array.from({ length: OBJECTS }, (_, i) => shared(source, each, i));
      const best = new Map<Way, Spent>();
      for (let round = 0; round <= rounds; round++) {
        for (const way of ways) {
          const spent = await measure(() => readBy(way, objects, threads));
          const before = best.get(way) ?? spent;
          // The first round warms the threads.
          if (round > 0)
            best.set(way, { cpu: Math.min(spent.cpu, before.cpu), wall: Math.min(spent.wall, before.wall) });
        }
      }
      const events = each * OBJECTS;
      const main = best.get("main thread") as Spent;
      for (const way of ways.slice(1)) {
        const { cpu, wall } = best.get(way) as Spent;
        const figure = { bench: "parquet", peer: "main thread" };
        report.figure({
          ...figure,
          case: `${source}, ${way}`,
          ratio: main.wall / wall,
          ours: (events / wall) * 1000,
          theirs: (events / main.wall) * 1000,
          unit: "events/s",
        });
        report.figure({
          ...figure,
          case: `${source}, ${way}`,
          ratio: main.cpu / cpu,
          ours: (events / cpu) * 1000,
          theirs: (events / main.cpu) * 1000,
          unit: "events per CPU second",
        });
      }
    }
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
}

const newThread = (): Worker => new Worker(new URL("./reading-thread.ts", import.meta.url));

/** An object in memory that all threads see. */
function shared(source: SourceName, rowCount: number, number: number): Uint8Array {
  const { bytes } = makeObject({ source, rows: rowCount, seed: `workers ${number}`, to: Date.UTC(2026, 0, 1) });
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

async function measure(work: () => Promise<void>): Promise<Spent> {
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  await work();
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { cpu: (user + system) / 1000, wall };
}

async function readBy(way: Way, objects: readonly Uint8Array[], threads: readonly Worker[]): Promise<void> {
  if (way === "main thread") {
    for (const object of objects) for await (const _ of rows(await open(object)));
    return;
  }
  const queue = [...objects];
  const handOver = way !== "1 worker, bytes stay";
  const busy = way === "2 workers" ? threads : threads.slice(0, 1);
  await Promise.all(
    busy.map(async (thread) => {
      for (let object = queue.shift(); object !== undefined; object = queue.shift())
        await readIn(thread, object, handOver);
    }),
  );
}

/** Sends the object to the thread and its buffers back, until the object is done. */
function readIn(thread: Worker, object: Uint8Array, handOver: boolean): Promise<void> {
  const order = (what: Order, transfer: ArrayBuffer[] = []): void => thread.postMessage(what, transfer);
  return new Promise((resolve, reject) => {
    const take = (delivery: Delivery): void => {
      if ("rows" in delivery) {
        thread.off("message", take);
        thread.off("error", reject);
        resolve();
        return;
      }
      order({ recycled: delivery.buffer }, [delivery.buffer.buffer]);
    };
    thread.on("message", take);
    thread.on("error", reject);
    order({ object, handOver });
  });
}
