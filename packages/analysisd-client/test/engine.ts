import { createServer, type Server } from "node:net";
import { datagramsUnavailable } from "../src/index.ts";

/** The engine's end of its event queue: a real unix datagram socket, bound through libc, read when the test says so. */
export interface Receiver {
  /** All datagrams that are there now. */
  receive(): Buffer[];
  /** Stops listening; the file stays, as after the death of an engine. */
  close(): void;
}

export function createReceiver(path: string): Receiver {
  const ffi = process.getBuiltinModule("node:ffi");
  const { functions } = ffi.dlopen(null, {
    socket: { arguments: ["i32", "i32", "i32"], return: "i32" },
    bind: { arguments: ["i32", "pointer", "u32"], return: "i32" },
    recv: { arguments: ["i32", "pointer", "u64", "i32"], return: "i64" },
    close: { arguments: ["i32"], return: "i32" },
  });
  const descriptor = functions.socket(1, 2 | 0o4000, 0);
  const address = Buffer.alloc(2 + Buffer.byteLength(path) + 1);
  address.writeUInt16LE(1);
  address.write(path, 2);
  if (functions.bind(descriptor, address, address.byteLength) !== 0) throw new Error(`cannot bind ${path}`);
  // As long as what the engine reads: a longer datagram is cut here, too.
  const buffer = Buffer.alloc(65_535);
  return {
    receive() {
      const datagrams: Buffer[] = [];
      for (;;) {
        const length = Number(functions.recv(descriptor, buffer, BigInt(buffer.byteLength), 0));
        if (length < 0) return datagrams;
        datagrams.push(Buffer.from(buffer.subarray(0, length)));
      }
    },
    close: () => void functions.close(descriptor),
  };
}

/** Why these tests cannot run here, or undefined. */
export const unavailable: string | undefined = datagramsUnavailable();

/** The engine's request socket; `answer` gets the request's JSON and gives what is sent back, framing included. */
export async function serveRequests(path: string, answer: (request: string) => Buffer | undefined): Promise<Server> {
  const server = createServer((socket) => {
    let received = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.byteLength < 4 || received.byteLength < 4 + received.readUInt32LE(0)) return;
      const reply = answer(received.subarray(4).toString());
      if (reply === undefined) return;
      // In pieces, as a stream may arrive.
      for (let at = 0; at < reply.byteLength; at += 100) socket.write(reply.subarray(at, at + 100));
      socket.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return server;
}

export function framed(value: unknown): Buffer {
  const body = Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.byteLength);
  return Buffer.concat([length, body]);
}

/** An answer to `getstats` as the engine of Wazuh 4.9 gives it, reduced to what lies around the parts that are read. */
export function statsAnswer(aws: { decoded: number; dropped: number }, usage = { others: 0, processed: 0, alerts: 0 }) {
  const queue = (share: number) => ({ size: 16_384, usage: share });
  return {
    error: 0,
    message: "ok",
    data: {
      timestamp: 1_795_508_634,
      name: "wazuh-analysisd",
      metrics: {
        bytes: { received: 1 },
        events: {
          processed: 7,
          received: 9,
          received_breakdown: {
            decoded_breakdown: { agent: 0, modules_breakdown: { aws: aws.decoded, azure: 3 } },
            dropped_breakdown: { agent: 0, modules_breakdown: { aws: aws.dropped, azure: 4 } },
          },
        },
        queues: {
          alerts: queue(usage.alerts),
          others: queue(usage.others),
          processed: queue(usage.processed),
          syscheck: queue(1),
        },
      },
    },
  };
}
