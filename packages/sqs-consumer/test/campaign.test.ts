import { describe, expect, it } from "vitest";
import { type ConsumerEvent, consume, openQueue, Poison } from "../src/index.ts";
import { failure, memorySqs } from "./memory-sqs.ts";
import { type VirtualClock, virtualClock } from "./virtual-clock.ts";

/** The same numbers in every run: mulberry32. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Campaign {
  readonly messages: number;
  readonly consumers: number;
  readonly seed: number;
  /** Share of calls that fail, half of them after SQS has done what was asked. */
  readonly faults: number;
}

async function campaign({ messages, consumers, seed, faults }: Campaign) {
  const clock: VirtualClock = virtualClock();
  const memory = memorySqs(clock, { VisibilityTimeout: "60" });
  const queue = await openQueue(memory.sqs, "lake", { clock });
  const random = randomNumbers(seed);
  const problems = [
    () => failure("RequestThrottled"),
    () => failure("InternalError", { $fault: "server", $metadata: { httpStatusCode: 500 } }),
    () => Object.assign(new Error("socket hang up"), { code: "ECONNRESET" }),
    () => new SyntaxError("Unexpected end of JSON input"),
  ];
  const strike = () => {
    if (random() < faults / 2) throw (problems[Math.floor(random() * problems.length)] as () => Error)();
  };
  memory.before = async (name) => {
    if (name !== "ReceiveMessage") await clock.pass(5 + random() * 30);
    strike();
  };
  memory.after = strike;

  const bodies = Array.from({ length: messages }, (_, number) => `body ${number}`);
  memory.send(...bodies);
  const done = new Map<string, number>();
  const kept = new Map<string, number>();
  const deletedEarly: string[] = [];
  const bodyOf = new Map([...memory.stored.values()].map(({ id, body }) => [id, body]));
  const stop = new AbortController();
  memory.afterDelete = (id) => {
    const body = bodyOf.get(id) as string;
    if (!done.has(body) && !kept.has(body)) deletedEarly.push(body);
    if (memory.stored.size === 0) stop.abort();
  };
  const events: ConsumerEvent[] = [];
  const run = () =>
    consume(
      queue,
      async (message, { signal }) => {
        await clock.sleep(random() < 0.01 ? 90_000 : random() * 400, signal);
        signal.throwIfAborted();
        if (message.body.endsWith("77")) throw new Poison("never");
        if (random() < faults) throw new Error("the object store is busy");
        done.set(message.body, (done.get(message.body) ?? 0) + 1);
      },
      {
        mode: "forever",
        stop: stop.signal,
        quarantine: async (message) => void kept.set(message.body, (kept.get(message.body) ?? 0) + 1),
        on: (event) => events.push(event),
        clock,
      },
    );
  const summaries = await Promise.all(Array.from({ length: consumers }, run));
  return { bodies, done, kept, deletedEarly, memory, summaries, events };
}

describe("a campaign of faults at 5 % of all calls", () => {
  it.each([
    { messages: 10_000, consumers: 1, seed: 1, faults: 0.05 },
    { messages: 4_000, consumers: 2, seed: 2, faults: 0.05 },
    { messages: 4_000, consumers: 5, seed: 3, faults: 0.05 },
    { messages: 500, consumers: 3, seed: 4, faults: 0.3 },
  ])("$messages messages, $consumers consumers: all settled, none before its time", async (shape) => {
    const { bodies, done, kept, deletedEarly, memory, summaries } = await campaign(shape);
    expect(memory.stored.size).toBe(0);
    expect(deletedEarly).toEqual([]);
    expect([...done.keys(), ...kept.keys()].sort()).toEqual([...bodies].sort());
    const again = [...done.values(), ...kept.values()].filter((times) => times > 1).length;
    expect(again).toBeLessThan(bodies.length * shape.faults);
    const deleted = summaries.reduce((sum, summary) => sum + summary.deleted, 0);
    expect(deleted).toBeGreaterThanOrEqual(bodies.length * (1 - shape.faults));
  });
});
