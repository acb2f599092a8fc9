import { chmodSync, mkdtempSync, rmSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { getStats, openQueue, type Pace, pacedBy, type Queue } from "../src/index.ts";
import { createReceiver, framed, type Receiver, serveRequests, statsAnswer, unavailable } from "./engine.ts";

const freely: Pace = { credit: async () => Number.POSITIVE_INFINITY, sent() {}, begin: () => async () => {} };
const event = (number: number) => Buffer.from(`{"number":${number}}`);
const events = (count: number, from = 0) => Array.from({ length: count }, (_, i) => event(from + i));
const numbers = (datagrams: readonly Buffer[]) =>
  datagrams.map((datagram) => Number(/^1:Wazuh-AWS:\{"number":(\d+)\}$/.exec(datagram.toString())?.[1]));

let folder: string;
let path: string;
let queue: Queue | undefined;
let receiver: Receiver | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "analysisd-"));
  path = join(folder, "queue");
});
afterEach(() => {
  queue?.close();
  receiver?.close();
  [queue, receiver] = [undefined, undefined];
  rmSync(folder, { recursive: true });
});

/** Lets the engine read until the promise settles. */
async function whileReading(read: () => void, settled: Promise<unknown>): Promise<void> {
  let done = false;
  const end = settled.finally(() => {
    done = true;
  });
  end.catch(() => {});
  while (!done) {
    read();
    await nextTurn();
  }
  await end;
  read();
}

async function pump(from: Receiver, settled: Promise<unknown>): Promise<Buffer[]> {
  const datagrams: Buffer[] = [];
  await whileReading(() => datagrams.push(...from.receive()), settled);
  return datagrams;
}

describe.skipIf(unavailable !== undefined)(
  `the event queue${unavailable === undefined ? "" : ` (skipped: ${unavailable})`}`,
  () => {
    it("gets each event behind the prefix of the module, in order", async () => {
      receiver = createReceiver(path);
      queue = openQueue({ path, pace: freely });
      await queue.send(events(3));
      expect(receiver.receive().map(String)).toEqual([
        '1:Wazuh-AWS:{"number":0}',
        '1:Wazuh-AWS:{"number":1}',
        '1:Wazuh-AWS:{"number":2}',
      ]);
    });

    it("gets the longest event whole, and no longer one", async () => {
      receiver = createReceiver(path);
      queue = openQueue({ path, pace: freely });
      const longest = Buffer.alloc(65_523, "x");
      await queue.send([longest]);
      expect(receiver.receive()).toEqual([Buffer.concat([Buffer.from("1:Wazuh-AWS:"), longest])]);
      await expect(queue.send([Buffer.alloc(65_524)])).rejects.toMatchObject({
        code: "EVENT_TOO_LARGE",
        message: expect.stringContaining("65524"),
      });
    });

    it("gets all of many thousand events, those of one call together, while the process does other work", async () => {
      receiver = createReceiver(path);
      queue = openQueue({ path, pace: freely });
      const sending = Promise.all([queue.send(events(10_000)), queue.send(events(10_000, 10_000))]);
      let turns = 0;
      const counting = setInterval(() => turns++, 1);
      const received = await pump(receiver, sending);
      clearInterval(counting);
      expect(numbers(received)).toEqual(Array.from({ length: 20_000 }, (_, i) => i));
      expect(turns).toBeGreaterThan(3);
    });

    it("is waited for while the engine does not read, without blocking the process", async () => {
      receiver = createReceiver(path);
      queue = openQueue({ path, pace: freely });
      let sent = false;
      const sending = queue.send(events(2_000)).then(() => {
        sent = true;
      });
      let longest = 0;
      for (let last = performance.now(), until = last + 150; last < until; ) {
        await nextTurn();
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
      }
      expect(sent).toBe(false);
      expect(longest).toBeLessThan(100);
      expect(numbers(await pump(receiver, sending))).toHaveLength(2_000);
    });

    it("is given up as full when the engine does not read for too long", async () => {
      receiver = createReceiver(path);
      queue = openQueue({ path, pace: freely, patience: 100 });
      await expect(queue.send(events(2_000))).rejects.toMatchObject({
        code: "QUEUE_FULL",
        message: expect.stringContaining(path),
      });
    });

    it("is named as missing, and found when the engine comes within the patience", async () => {
      queue = openQueue({ path, pace: freely, patience: 50 });
      await expect(queue.send(events(1))).rejects.toMatchObject({
        code: "QUEUE_MISSING",
        message: expect.stringMatching(/ENOENT.*start the manager/),
      });
      const patient = openQueue({ path, pace: freely });
      const sending = patient.send(events(2));
      await nextTurn();
      receiver = createReceiver(path);
      expect(numbers(await pump(receiver, sending))).toEqual([0, 1]);
      patient.close();
    });

    it("is named as refused when nobody listens behind it, and found again when the engine is started anew", async () => {
      createReceiver(path).close();
      queue = openQueue({ path, pace: freely, patience: 50 });
      await expect(queue.send(events(1))).rejects.toMatchObject({ code: "QUEUE_REFUSED" });
      unlinkSync(path);
      receiver = createReceiver(path);
      await queue.send(events(1, 5));
      expect(numbers(receiver.receive())).toEqual([5]);
    });

    it.skipIf(process.getuid?.() === 0)("is named as denied when this user may not write", async () => {
      receiver = createReceiver(path);
      chmodSync(path, 0o400);
      queue = openQueue({ path, pace: freely });
      await expect(queue.send(events(1))).rejects.toMatchObject({ code: "QUEUE_DENIED" });
    });

    it("goes on with the next call after one has failed", async () => {
      receiver = createReceiver(path);
      queue = openQueue({ path, pace: freely });
      const failing = queue.send([event(1), Buffer.alloc(70_000), event(2)]);
      const sound = queue.send([event(3)]);
      await expect(failing).rejects.toMatchObject({ code: "EVENT_TOO_LARGE" });
      await sound;
      expect(numbers(receiver.receive())).toEqual([1, 3]);
    });

    it("is left when the caller gives up", async () => {
      receiver = createReceiver(path);
      queue = openQueue({ path, pace: freely });
      const stop = new AbortController();
      const sending = queue.send(events(2_000), stop.signal);
      await nextTurn();
      stop.abort(new Error("enough"));
      await expect(sending).rejects.toThrow();
    });

    it("has a path that fits into an address", () => {
      expect(() => openQueue({ path: `/${"x".repeat(107)}`, pace: freely })).toThrow(/108 bytes/);
    });

    it("is asked for its fill level, and never holds more than it can: none of 40,000 is lost", async () => {
      // An engine that handles 4,000 events each time it is asked and throws away what does not fit.
      receiver = createReceiver(path);
      const [engine, size] = [receiver, 16_384];
      let [decoded, dropped, most] = [0, 0, 0];
      const input: number[] = [];
      const handled: number[] = [];
      const take = () => {
        for (const number of numbers(engine.receive())) {
          if (input.length < size) input.push(number);
          else dropped++;
        }
        most = Math.max(most, input.length);
      };
      const requests = await serveRequests(join(folder, "analysis"), () => {
        take();
        handled.push(...input.splice(0, 4_000));
        decoded = handled.length;
        return framed(statsAnswer({ decoded, dropped }, { others: input.length / size, processed: 0, alerts: 0 }));
      });
      queue = openQueue({ path, pace: pacedBy(() => getStats(join(folder, "analysis"))) });
      const sending = Promise.all([queue.send(events(30_000)), queue.send(events(10_000, 30_000))]);
      await whileReading(take, sending);
      await new Promise((resolve) => requests.close(resolve));
      expect({ dropped, handled: handled.length }).toEqual({ dropped: 0, handled: 40_000 });
      expect(handled).toEqual(Array.from({ length: 40_000 }, (_, i) => i));
      expect(most).toBeGreaterThan(4_000);
    });
  },
);
