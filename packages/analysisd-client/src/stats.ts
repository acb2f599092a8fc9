import { connect } from "node:net";
import { AnalysisdError } from "./errors.ts";

/** How full the engine is, and what became of the events of the AWS module since it started. */
export interface Stats {
  /** Taken out of the input queue. */
  readonly decoded: number;
  /** Thrown away because the input queue was full. */
  readonly dropped: number;
  /** The queues that such an event goes through, in this order. */
  readonly queues: readonly { readonly name: string; readonly size: number; readonly used: number }[];
}

const queueNames = ["others", "processed", "alerts"] as const;
const timeoutMilliseconds = 5_000;
const maxAnswerBytes = 1024 * 1024;

/**
 * Asks the engine by `getstats` on its request socket (`queue/sockets/analysis` under the manager's folder). A connection
 * serves one request; both ways a message is its length in four bytes, little-endian, and JSON.
 *
 * @throws {AnalysisdError} `STATS_UNAVAILABLE`
 */
export async function getStats(path: string): Promise<Stats> {
  try {
    return readStats(JSON.parse((await request(path, '{"command":"getstats"}')).toString("utf8")));
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
    throw new AnalysisdError(
      "STATS_UNAVAILABLE",
      `the engine does not say at ${path} how full it is (${why}): check that wazuh-analysisd 4.4 or later runs and that this user may connect`,
      { cause },
    );
  }
}

function request(path: string, text: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const socket = connect(path);
    const end = (settle: () => void): void => {
      socket.destroy();
      settle();
    };
    socket.setTimeout(timeoutMilliseconds, () =>
      end(() => reject(new Error(`no answer in ${timeoutMilliseconds} ms`))),
    );
    socket.on("connect", () => socket.write(withLength(text)));
    socket.on("error", (error) => end(() => reject(error)));
    socket.on("end", () => end(() => reject(new Error(`the answer broke off after ${received.byteLength} bytes`))));
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.byteLength < 4) return;
      const length = received.readUInt32LE(0);
      if (length > maxAnswerBytes) return end(() => reject(new Error(`an answer of ${length} bytes`)));
      if (received.byteLength >= 4 + length) end(() => resolve(received.subarray(4, 4 + length)));
    });
  });
}

function withLength(text: string): Buffer {
  const body = Buffer.from(text);
  const message = Buffer.alloc(4 + body.byteLength);
  message.writeUInt32LE(body.byteLength);
  body.copy(message, 4);
  return message;
}

interface Answer {
  readonly error?: unknown;
  readonly message?: unknown;
  readonly data?: {
    readonly metrics?: {
      readonly events?: {
        readonly received_breakdown?: {
          readonly decoded_breakdown?: Breakdown;
          readonly dropped_breakdown?: Breakdown;
        };
      };
      readonly queues?: Readonly<Record<string, { readonly size?: unknown; readonly usage?: unknown }>>;
    };
  };
}
interface Breakdown {
  readonly modules_breakdown?: { readonly aws?: unknown };
}

function readStats({ error, message, data }: Answer): Stats {
  if (error !== 0) throw new Error(`error ${String(error)}: ${String(message)}`);
  const { events, queues = {} } = data?.metrics ?? {};
  const { decoded_breakdown: decoded, dropped_breakdown: dropped } = events?.received_breakdown ?? {};
  return {
    decoded: count(decoded?.modules_breakdown?.aws, "decoded events"),
    dropped: count(dropped?.modules_breakdown?.aws, "dropped events"),
    queues: queueNames.map((name) => {
      const size = count(queues[name]?.size, `size of the queue ${name}`);
      return { name, size, used: Math.ceil(size * count(queues[name]?.usage, `usage of the queue ${name}`)) };
    }),
  };
}

function count(value: unknown, what: string): number {
  if (typeof value === "number" && value >= 0) return value;
  throw new Error(`the answer has no ${what}`);
}
