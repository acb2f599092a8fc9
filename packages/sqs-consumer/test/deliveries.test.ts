import { describe, expect, it } from "vitest";
import { deliveries, openQueue, Poison } from "../src/index.ts";
import { memorySqs } from "./memory-sqs.ts";
import { virtualClock } from "./virtual-clock.ts";

async function stage() {
  const clock = virtualClock();
  const memory = memorySqs(clock);
  const quarantined: string[] = [];
  const options = {
    mode: "drain",
    stop: new AbortController().signal,
    quarantine: async (message: { body: string }) => void quarantined.push(message.body),
    clock,
  } as const;
  return { clock, memory, quarantined, options, queue: await openQueue(memory.sqs, "lake", { clock }) };
}

describe("deliveries", () => {
  it("hands out every message and deletes those that are accepted", async () => {
    const { memory, quarantined, queue, options } = await stage();
    memory.send("a", "bad", "b", "flaky");
    const seen: string[] = [];
    for await (const { message, accept, reject } of deliveries(queue, options)) {
      seen.push(message.body);
      if (message.body === "bad") reject(new Poison("never"));
      else if (message.body === "flaky" && message.receiveCount === 1) reject(new Error("again"));
      else accept();
    }
    expect(seen).toEqual(["a", "bad", "b", "flaky", "flaky"]);
    expect(quarantined).toEqual(["bad"]);
    expect(memory.stored.size).toBe(0);
  });

  it("keeps the leases of deliveries that wait", async () => {
    const { clock, memory, queue, options } = await stage();
    memory.send("a", "b", "c");
    let count = 0;
    for await (const { accept } of deliveries(queue, options)) {
      await clock.pass(100_000);
      accept();
      count += 1;
    }
    expect(count).toBe(3);
    expect(memory.stored.size).toBe(0);
  });

  it("gives back at once what was not accepted when the loop is left", async () => {
    const { clock, memory, queue, options } = await stage();
    memory.send("a", "b", "c");
    for await (const { message, accept } of deliveries(queue, options)) {
      if (message.body === "b") break;
      accept();
      await clock.pass(10);
    }
    expect([...memory.stored.values()].map(({ body }) => body)).toEqual(["b", "c"]);
    for (const { visibleAt } of memory.stored.values()) expect(visibleAt).toBeLessThanOrEqual(clock.now());
  });

  it("fails with the error of the queue", async () => {
    const { memory, queue, options } = await stage();
    memory.before = (name) => {
      if (name === "ReceiveMessage") throw Object.assign(new Error("gone"), { name: "QueueDoesNotExist" });
    };
    const loop = async () => {
      for await (const { accept } of deliveries(queue, options)) accept();
    };
    await expect(loop()).rejects.toMatchObject({ code: "QUEUE_MISSING" });
  });
});
