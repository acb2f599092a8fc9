import { parentPort } from "node:worker_threads";
import { open, rows } from "@threatlockdown/parquet-reader";

/** What the main thread sends: an object to read, or a buffer it has done with. */
export type Order =
  | { readonly object: Uint8Array; readonly handOver: boolean }
  | { readonly recycled: Uint8Array<ArrayBuffer> };
/** What the thread sends: the bytes of a batch in a buffer to be sent back, or the end of an object. */
export type Delivery =
  | { readonly buffer: Uint8Array<ArrayBuffer>; readonly length: number }
  | { readonly rows: number };

const IN_FLIGHT = 6;
const BUFFER_BYTES = 2 * 1024 * 1024 + 256 * 1024;

const free: Uint8Array<ArrayBuffer>[] = Array.from({ length: IN_FLIGHT }, () => new Uint8Array(BUFFER_BYTES));
let waiting: (() => void) | undefined;

parentPort?.on("message", (order: Order) => {
  if ("recycled" in order) {
    free.push(order.recycled);
    waiting?.();
  } else void read(order.object, order.handOver);
});

async function read(object: Uint8Array, handOver: boolean): Promise<void> {
  let count = 0;
  for await (const { bytes, rowCount } of rows(await open(object))) {
    count += rowCount;
    if (!handOver) continue;
    while (free.length === 0) await new Promise<void>((resolve) => (waiting = resolve));
    const recycled = free.pop() as Uint8Array<ArrayBuffer>;
    const buffer = recycled.length < bytes.length ? new Uint8Array(bytes.length) : recycled;
    buffer.set(bytes);
    deliver({ buffer, length: bytes.length }, [buffer.buffer]);
  }
  deliver({ rows: count }, []);
}

function deliver(delivery: Delivery, transfer: ArrayBuffer[]): void {
  parentPort?.postMessage(delivery, transfer);
}
