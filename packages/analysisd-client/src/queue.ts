import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import { createFrame } from "./datagram.ts";
import { AnalysisdError, type AnalysisdErrorCode } from "./errors.ts";
import type { Pace } from "./pace.ts";
import { openSocket } from "./socket.ts";

export interface Queue {
  /**
   * Sends events, each as JSON of at most `maxEventBytes`, in their order and not mixed with those of another call.
   * Resolves when the engine has taken them all, as far as the pace can know; after a rejection some may have arrived.
   *
   * @throws {AnalysisdError} `QUEUE_MISSING`, `QUEUE_REFUSED`, `QUEUE_FULL`, `QUEUE_DENIED`, `QUEUE_FAILED`,
   *   `EVENT_TOO_LARGE`, `EVENTS_DROPPED`, `STATS_UNAVAILABLE`
   */
  send(events: Iterable<Uint8Array>, signal?: AbortSignal): Promise<void>;
  close(): void;
}

export interface QueueOptions {
  /** `queue/sockets/queue` under the manager's folder. */
  readonly path: string;
  readonly pace: Pace;
  /** Milliseconds for which an engine that takes nothing, or is being started anew, is waited for. Default 30,000. */
  readonly patience?: number;
}

/** Datagrams sent before other work of the process gets its turn; about a millisecond's worth. */
const atOnce = 128;
/** A busy engine has room again within microseconds; a sleep takes a millisecond at least. */
const turnsBeforeSleep = 50;

/**
 * The manager's event queue, `1:Wazuh-AWS:` before each event.
 *
 * @throws {AnalysisdError} `NO_DATAGRAMS`
 */
export function openQueue({ path, pace, patience = 30_000 }: QueueOptions): Queue {
  const socket = openSocket(path);
  const frame = createFrame();
  let credit = 0;
  let last: Promise<unknown> = Promise.resolve();

  const sendOne = async (event: Uint8Array, signal: AbortSignal | undefined): Promise<void> => {
    const started = performance.now();
    for (let tried = 1; ; tried++) {
      // The frame's buffer is shared; it is filled anew for each try, since other work ran in between.
      const problem = socket.send(frame(event));
      if (problem === undefined) return;
      const { code, passing, fix } = problems[problem] ?? other;
      if (!passing || performance.now() - started >= patience) {
        throw new AnalysisdError(code, `${path} (${problem}): ${fix}`);
      }
      if (problem === "EAGAIN" && tried <= turnsBeforeSleep) await nextTurn(undefined, signal && { signal });
      else await delay(Math.min(2 ** (tried % 32), 100), undefined, signal && { signal });
    }
  };

  const sendAll = async (events: Iterable<Uint8Array>, signal: AbortSignal | undefined): Promise<Taken> => {
    const taken = pace.begin();
    let sent = 0;
    for (const event of events) {
      signal?.throwIfAborted();
      if (credit < 1) credit = await pace.credit(signal);
      await sendOne(event, signal);
      credit--;
      pace.sent();
      if (++sent % atOnce === 0) await nextTurn(undefined, signal && { signal });
    }
    return taken;
  };

  return {
    async send(events, signal) {
      const turn = last.then(() => sendAll(events, signal));
      last = turn.catch(() => {});
      const taken = await turn;
      await taken(signal);
    },
    close: () => socket.close(),
  };
}

type Taken = ReturnType<Pace["begin"]>;

interface Trouble {
  readonly code: AnalysisdErrorCode;
  /** Goes away by itself when the engine reads on, or is started anew. */
  readonly passing: boolean;
  readonly fix: string;
}

const other: Trouble = { code: "QUEUE_FAILED", passing: false, fix: "the system does not take the event" };
const full: Trouble = { code: "QUEUE_FULL", passing: true, fix: "the engine takes no events: check wazuh-analysisd" };

const problems: Readonly<Record<string, Trouble>> = {
  EAGAIN: full,
  ENOBUFS: full,
  EINTR: { ...other, passing: true },
  ENOENT: { code: "QUEUE_MISSING", passing: true, fix: "there is no queue: start the manager, or correct the path" },
  ECONNREFUSED: { code: "QUEUE_REFUSED", passing: true, fix: "nobody listens: start the manager" },
  EACCES: {
    code: "QUEUE_DENIED",
    passing: false,
    fix: "this user may not write to it: run as root or in the group wazuh",
  },
  EPERM: {
    code: "QUEUE_DENIED",
    passing: false,
    fix: "this user may not write to it: run as root or in the group wazuh",
  },
};
