import { describe, expect, it } from "vitest";
import {
  type ConsumeOptions,
  type ConsumerEvent,
  consume,
  Fatal,
  type Handle,
  openQueue,
  Poison,
  type Summary,
} from "../src/index.ts";
import { failure, type MemorySqs, memorySqs } from "./memory-sqs.ts";
import { type VirtualClock, virtualClock } from "./virtual-clock.ts";

interface Stage {
  readonly clock: VirtualClock;
  readonly memory: MemorySqs;
  readonly events: ConsumerEvent[];
  readonly quarantined: string[];
  run(handle: Handle, options?: Partial<ConsumeOptions>): Promise<Summary>;
}

function stage(attributes: Record<string, string> = {}): Stage {
  const clock = virtualClock();
  const memory = memorySqs(clock, attributes);
  const events: ConsumerEvent[] = [];
  const quarantined: string[] = [];
  return {
    clock,
    memory,
    events,
    quarantined,
    run: async (handle, options = {}) =>
      consume(await openQueue(memory.sqs, "lake", { clock }), handle, {
        mode: "drain",
        stop: new AbortController().signal,
        quarantine: async (message) => void quarantined.push(message.body),
        on: (event) => events.push(event),
        clock,
        ...options,
      }),
  };
}

const numbered = (count: number) => Array.from({ length: count }, (_, number) => `body ${number}`);
const namesOf = (memory: MemorySqs) => memory.calls.map((call) => call.name);
const nothing = { received: 0, deleted: 0, returned: 0, quarantined: 0, lost: 0, left: 0 };

describe("acknowledgement", () => {
  it("deletes every message whose handler resolves, once it has resolved", async () => {
    const { clock, memory, run } = stage();
    memory.send(...numbered(57));
    const handled: string[] = [];
    const summary = await run(async (message) => {
      await clock.pass(100);
      expect(memory.stored.has(message.id)).toBe(true);
      handled.push(message.body);
    });
    expect(handled.sort()).toEqual(numbered(57).sort());
    expect(memory.stored.size).toBe(0);
    expect(summary).toEqual({ ...nothing, received: 57, deleted: 57 });
  });

  it("deletes in batches that gather while a request is in flight", async () => {
    const { clock, memory, run } = stage();
    memory.before = (name) => (name === "DeleteMessageBatch" ? clock.pass(50) : undefined);
    memory.send(...numbered(100));
    await run(async () => clock.pass(Math.random() * 20), { concurrency: 100 });
    const deletions = memory.calls.filter((call) => call.name === "DeleteMessageBatch");
    expect(deletions.length).toBeLessThanOrEqual(20);
    expect(memory.stored.size).toBe(0);
  });

  it("returns a message whose handler rejects, and takes it again soon", async () => {
    const { clock, memory, events, run } = stage();
    memory.send("flaky", "good");
    const tries: number[] = [];
    const summary = await run(async (message) => {
      if (message.body === "good") return;
      tries.push(clock.now());
      if (message.receiveCount < 3) throw new Error("not yet");
    });
    expect(tries).toHaveLength(3);
    expect(tries[1]! - tries[0]!).toBeLessThanOrEqual(2_000);
    expect(summary).toEqual({ ...nothing, received: 4, deleted: 2, returned: 2 });
    expect(events.filter((event) => event.type === "returned").map((event) => event.seconds)).toEqual([1, 5]);
  });

  it("keeps poison in the quarantine and deletes it only when it is safe there", async () => {
    const { clock, memory, run } = stage();
    memory.send("bad");
    const summary = await run(
      async () => {
        throw new Poison("no notification");
      },
      {
        quarantine: async (message, reason) => {
          expect(reason.message).toBe("no notification");
          await clock.pass(1_000);
          expect(memory.stored.has(message.id)).toBe(true);
        },
      },
    );
    expect(memory.stored.size).toBe(0);
    expect(summary).toEqual({ ...nothing, received: 1, deleted: 1, quarantined: 1 });
  });

  it("deletes nothing that the quarantine could not take", async () => {
    const { memory, events, run } = stage();
    memory.send("bad");
    const summary = await run(
      async () => {
        throw new Poison("no notification");
      },
      { quarantine: () => Promise.reject(new Error("disk full")) },
    );
    expect(memory.stored.size).toBe(1);
    expect(summary.deleted).toBe(0);
    expect(summary.left).toBe(1);
    expect(events.find((event) => event.type === "returned")).toMatchObject({ reason: { message: "disk full" } });
  });

  it("leaves poison to the redrive policy when asked to", async () => {
    const { memory, quarantined, run } = stage({
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: "arn:aws:sqs:eu-west-1:1:dead", maxReceiveCount: 5 }),
    });
    memory.send("bad");
    const summary = await run(
      async () => {
        throw new Poison("no notification");
      },
      { poison: "redrive" },
    );
    expect(quarantined).toEqual([]);
    expect(memory.stored.size).toBe(1);
    expect(summary).toMatchObject({ quarantined: 0, deleted: 0, left: 1 });
  });

  it("uses the quarantine all the same where the queue has no redrive policy", async () => {
    const { memory, quarantined, run } = stage();
    memory.send("bad");
    await run(
      async () => {
        throw new Poison("no notification");
      },
      { poison: "redrive" },
    );
    expect(quarantined).toEqual(["bad"]);
    expect(memory.stored.size).toBe(0);
  });

  it("lets neighbours pass a message that never succeeds", async () => {
    const { memory, run } = stage();
    memory.send("bad", ...numbered(30));
    const summary = await run(
      async (message) => {
        if (message.body === "bad") throw new Error("again");
      },
      { concurrency: 2 },
    );
    expect(summary.deleted).toBe(30);
    expect([...memory.stored.values()].map((message) => message.body)).toEqual(["bad"]);
    expect(summary.left).toBe(1);
  });

  it("tries a deletion again until SQS takes it", async () => {
    const { memory, events, run } = stage();
    memory.send("one");
    let failures = 4;
    memory.before = (name) => {
      if (name === "DeleteMessageBatch" && failures-- > 0) throw failure("InternalError", { $fault: "server" });
    };
    expect((await run(async () => undefined)).deleted).toBe(1);
    expect(events.filter((event) => event.type === "trouble")).toHaveLength(4);
  });

  it("ends the run, after what is under way, when this caller may not delete", async () => {
    const { memory, run } = stage();
    memory.send("one");
    memory.before = (name) => {
      if (name === "DeleteMessageBatch") throw failure("AccessDenied");
    };
    await expect(run(async () => undefined)).rejects.toMatchObject({
      code: "QUEUE_DENIED",
      action: "sqs:DeleteMessage",
    });
    expect(memory.stored.size).toBe(1);
  });
});

describe("receiving", () => {
  it("asks for no more than free workers can take", async () => {
    const { clock, memory, run } = stage();
    memory.send(...numbered(40));
    let running = 0;
    let most = 0;
    await run(
      async () => {
        most = Math.max(most, ++running);
        await clock.pass(1_000);
        running -= 1;
      },
      { concurrency: 7 },
    );
    expect(most).toBe(7);
    const asks = memory.calls.filter((call) => call.name === "ReceiveMessage").map((call) => call.input);
    for (const ask of asks) expect(ask.MaxNumberOfMessages).toBeLessThanOrEqual(7);
  });

  it.each([
    ["as many as are allowed while the process has time to spare", 0.3, 1_500, 100, 100],
    ["no more than to begin with while it has none", 1, 1_500, 32, 32],
  ])("takes %s", async (_what, load, count, least, most) => {
    const { clock, memory, run } = stage();
    memory.send(...numbered(count));
    clock.load(load);
    let running = 0;
    const seen: number[] = [];
    const summary = await run(
      async () => {
        seen.push(++running);
        await clock.pass(1_000);
        running -= 1;
      },
      { concurrency: 100 },
    );
    expect(summary.deleted).toBe(count);
    expect(seen.slice(0, 100).some((at) => at > 48)).toBe(false); // it begins with 32
    const late = Math.max(...seen.slice(-500, -100));
    expect(late).toBeGreaterThanOrEqual(least);
    expect(late).toBeLessThanOrEqual(most);
  });

  it("takes no more than are needed from a queue that is not deep", async () => {
    const { clock, memory, run } = stage();
    memory.send("one");
    let running = 0;
    let most = 0;
    await run(
      async ({ body }) => {
        most = Math.max(most, ++running);
        await clock.pass(500);
        if (Number(body.length) < 40) memory.send(`${body}.`);
        running -= 1;
      },
      { concurrency: 100 },
    );
    expect(most).toBeLessThanOrEqual(2);
  });

  it("opens several polls while the queue is deep, and one when it is not", async () => {
    const { clock, memory, run } = stage();
    memory.send(...numbered(1_500));
    let open = 0;
    let most = 0;
    memory.before = async (name) => {
      if (name !== "ReceiveMessage") return;
      most = Math.max(most, ++open);
      await clock.pass(20);
      open -= 1;
    };
    await run(async () => clock.pass(1), { concurrency: 64 });
    expect(most).toBeGreaterThanOrEqual(4);
    expect(most).toBeLessThanOrEqual(7);
  });

  it("repeats a failed receive with growing pauses", async () => {
    const { memory, events, run } = stage();
    memory.send("one");
    let failures = 3;
    memory.before = (name) => {
      if (name === "ReceiveMessage" && failures-- > 0) throw Object.assign(new Error("reset"), { code: "ECONNRESET" });
    };
    expect((await run(async () => undefined)).deleted).toBe(1);
    expect(events.filter((event) => event.type === "trouble")).toHaveLength(3);
  });

  it("gives a drain up when the queue does not answer for a minute", async () => {
    const { clock, memory, run } = stage();
    memory.before = (name) => {
      if (name === "ReceiveMessage") throw Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" });
    };
    await expect(run(async () => undefined)).rejects.toMatchObject({ code: "QUEUE_UNREACHABLE" });
    expect(clock.now()).toBeGreaterThanOrEqual(60_000);
    expect(clock.now()).toBeLessThan(100_000);
  });

  it("gives a connection up that went silent", async () => {
    const { clock, memory, events, run } = stage();
    memory.send("one");
    let silent = true;
    memory.before = async (name, _input, signal) => {
      if (name !== "ReceiveMessage" || !silent) return;
      silent = false;
      await clock.sleep(Number.POSITIVE_INFINITY, signal);
      throw Object.assign(new Error("aborted"), { name: "AbortError" });
    };
    expect((await run(async () => undefined)).deleted).toBe(1);
    expect(events).toContainEqual(
      expect.objectContaining({ type: "trouble", error: expect.objectContaining({ name: "TimeoutError" }) }),
    );
  });

  it.each(["ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch", "GetQueueAttributes"])(
    "gives up a %s that listens to no signal, as when credentials never come",
    async (silent) => {
      const { clock, memory, run } = stage();
      memory.send("one");
      let calls = 0;
      memory.before = async (name) => {
        // The first GetQueueAttributes is the one of openQueue, which ends with its error.
        if (name === silent && ++calls === (silent === "GetQueueAttributes" ? 2 : 1)) await new Promise(() => {});
      };
      expect(await run(() => clock.pass(40_000))).toMatchObject({ deleted: 1, lost: 0 });
      expect(calls).toBeGreaterThan(0);
      expect(memory.stored.size).toBe(0);
    },
  );

  it("ends at once on stop, whatever a poll waits for", async () => {
    const { clock, memory, run } = stage();
    memory.before = (name) => (name === "ReceiveMessage" ? new Promise(() => {}) : undefined);
    expect(await run(async () => undefined, { mode: "forever", stop: stopAfter(clock, 1_000) })).toEqual(nothing);
    expect(clock.now()).toBe(1_500);
  });

  it("says which permission is missing, after finishing what runs", async () => {
    const { clock, memory, run } = stage();
    memory.send("one");
    let receives = 0;
    memory.before = (name) => {
      if (name === "ReceiveMessage" && ++receives > 1)
        throw Object.assign(failure("AccessDenied"), {
          message: "User: arn:aws:iam::1:user/u is not authorized to perform: sqs:receivemessage",
        });
    };
    await expect(run(() => clock.pass(5_000), { concurrency: 2 })).rejects.toThrow(
      /sqs:ReceiveMessage on queue lake: AccessDenied: User: arn:aws:iam::1:user\/u .*\(allow the action/,
    );
    expect(memory.stored.size).toBe(0);
  });
});

describe("draining", () => {
  it("ends an empty queue after a short poll whose answer the depth confirms", async () => {
    const { clock, memory, run } = stage();
    expect(await run(async () => undefined)).toEqual(nothing);
    expect(clock.now()).toBeLessThanOrEqual(1_000);
    expect(memory.calls.map(({ name }) => name)).toEqual([
      ...["GetQueueUrl", "GetQueueAttributes"],
      ...["ReceiveMessage", "GetQueueAttributes"],
    ]);
  });

  it("polls at full length when the depth may not be read", async () => {
    const { clock, memory, run } = stage();
    memory.before = (name) => {
      if (name === "GetQueueAttributes") throw failure("AccessDenied");
    };
    await run(async () => undefined);
    expect(clock.now()).toBe(21_000);
    const asks = memory.calls.filter((call) => call.name === "ReceiveMessage").map((call) => call.input);
    expect(asks.map((ask) => ask.VisibilityTimeout)).toEqual([300, 300]);
  });

  it("does not wait for messages that others hold", async () => {
    const { clock, memory, run } = stage();
    memory.send("theirs");
    memory.steal("theirs");
    expect((await run(async () => undefined)).received).toBe(0);
    expect(clock.now()).toBeLessThanOrEqual(1_000);
  });

  it("takes what arrives while it works", async () => {
    const { clock, memory, run } = stage();
    memory.send("one");
    const summary = await run(async (message) => {
      if (message.body !== "one") return;
      await clock.pass(500);
      memory.send("two");
      await clock.pass(200);
    });
    expect(summary.deleted).toBe(2);
  });

  it("does not chase a message that fails again and again, and says that it is left", async () => {
    const { clock, memory, run } = stage();
    memory.send("bad");
    const summary = await run(async () => {
      throw new Error("again");
    });
    expect(summary).toEqual({ ...nothing, received: 3, returned: 3, left: 1 });
    expect(clock.now()).toBeLessThan(15_000);
  });
});

describe("leases", () => {
  it("renews every message at a third of the timeout, ten a request, as long as it is in work", async () => {
    const { clock, memory, run } = stage();
    memory.send(...numbered(16));
    const summary = await run(() => clock.pass(300_000), { concurrency: 16 });
    expect(summary).toEqual({ ...nothing, received: 16, deleted: 16 });
    const renewals = memory.calls.filter((call) => call.name === "ChangeMessageVisibilityBatch");
    expect(renewals.length).toBeGreaterThanOrEqual(2 * 29);
    expect(renewals.length).toBeLessThanOrEqual(2 * 31);
  });

  it("survives renewals that fail for a while", async () => {
    const { clock, memory, run } = stage();
    memory.send("one");
    memory.before = (name) => {
      if (name === "ChangeMessageVisibilityBatch" && clock.now() % 30_000 < 15_000)
        throw Object.assign(new Error("reset"), { code: "ECONNRESET" });
    };
    expect(await run(() => clock.pass(120_000))).toMatchObject({ received: 1, deleted: 1, lost: 0 });
  });

  it("gives the work up when another consumer has the message, and does not delete it", async () => {
    const { clock, memory, run } = stage();
    memory.send("one");
    let reason: unknown;
    const summary = await run(async (_message, { signal }) => {
      memory.steal("one");
      await clock.sleep(600_000, signal);
      reason = signal.reason;
      signal.throwIfAborted();
    });
    expect(reason).toMatchObject({ name: "LeaseLost", message: expect.stringContaining("receipt handle") });
    expect(clock.now()).toBeLessThan(60_000);
    expect(memory.stored.size).toBe(1);
    expect(summary).toMatchObject({ received: 1, deleted: 0, lost: 1, left: 1 });
  });

  it("gives the work up after the 12 hours that SQS allows", async () => {
    const { clock, memory, run } = stage();
    memory.send("one");
    const stop = new AbortController();
    const summary = await run(
      async (_message, { signal }) => {
        await clock.sleep(Number.POSITIVE_INFINITY, signal);
        stop.abort();
        throw signal.reason;
      },
      { stop: stop.signal },
    );
    expect(summary).toMatchObject({ received: 1, deleted: 0, lost: 1 });
    expect(clock.now()).toBeGreaterThan(43_100_000);
    expect(clock.now()).toBeLessThanOrEqual(43_200_000);
  });

  it("says once that it may not renew, and goes on", async () => {
    const { clock, memory, events, run } = stage();
    memory.send(...numbered(12));
    memory.before = (name) => {
      if (name === "ChangeMessageVisibilityBatch") throw failure("AccessDenied");
    };
    const summary = await run(() => clock.pass(20_000), { concurrency: 6 });
    expect(summary).toMatchObject({ deleted: 12, lost: 0 });
    expect(events.filter((event) => event.type === "renewal-denied")).toHaveLength(1);
  });

  it("says so too when it may not return a message", async () => {
    const { memory, events, run } = stage();
    memory.send("bad");
    memory.before = (name) => {
      if (name === "ChangeMessageVisibilityBatch") throw failure("AccessDenied");
    };
    const summary = await run(() => Promise.reject(new Error("again")));
    expect(summary).toMatchObject({ returned: 1, left: 1 });
    expect(events.map((event) => event.type)).toEqual(["received", "renewal-denied", "returned"]);
  });

  it("takes fewer messages at a time when they outlast a lease that cannot be renewed", async () => {
    const { clock, memory, run } = stage();
    memory.send(...numbered(40));
    memory.before = (name) => {
      if (name === "ChangeMessageVisibilityBatch") throw failure("AccessDenied");
    };
    let running = 0;
    const most: number[] = [];
    await run(
      async () => {
        running += 1;
        most.push(running);
        await clock.pass(running * 5_000);
        running -= 1;
      },
      { concurrency: 8 },
    );
    expect(Math.max(...most)).toBe(8);
    expect(Math.max(...most.slice(-10))).toBeLessThanOrEqual(4);
    expect(memory.stored.size).toBe(0);
  });

  it("goes on with running work when SQS hands out the same message again", async () => {
    const { clock, memory, run } = stage();
    memory.send("one");
    memory.before = (name) => {
      if (name === "ChangeMessageVisibilityBatch") throw failure("AccessDenied");
    };
    let starts = 0;
    const summary = await run(
      async () => {
        starts += 1;
        await clock.pass(45_000);
      },
      { mode: "forever", stop: stopAfter(clock, 40_000), concurrency: 2 },
    );
    expect(starts).toBe(1);
    expect(summary).toMatchObject({ received: 2, deleted: 1 });
    expect(memory.stored.size).toBe(0);
  });
});

function stopAfter(clock: VirtualClock, ms: number): AbortSignal {
  const stop = new AbortController();
  void clock.pass(ms).then(() => stop.abort());
  return stop.signal;
}

describe("ending", () => {
  it("receives no more after stop, and finishes what runs", async () => {
    const { clock, memory, run } = stage();
    memory.send(...numbered(10));
    const summary = await run(() => clock.pass(5_000), {
      mode: "forever",
      stop: stopAfter(clock, 6_000),
      concurrency: 3,
    });
    expect(summary).toMatchObject({ received: 6, deleted: 6, returned: 0 });
    expect(memory.stored.size).toBe(4);
  });

  it("leaves a long poll soon", async () => {
    const { clock, run } = stage();
    await run(async () => undefined, { mode: "forever", stop: stopAfter(clock, 3_000) });
    expect(clock.now()).toBe(3_500);
  });

  it("gives back at once what polls bring after stop", async () => {
    const { clock, memory, run } = stage();
    memory.send(...numbered(5));
    memory.after = async (name) => {
      if (name === "ReceiveMessage") await clock.pass(200);
    };
    let started = 0;
    const summary = await run(
      async () => {
        started += 1;
      },
      { mode: "forever", stop: stopAfter(clock, 100) },
    );
    expect(started).toBe(0);
    expect(summary).toMatchObject({ received: 5, returned: 5 });
    for (const { visibleAt } of memory.stored.values()) expect(visibleAt).toBe(200);
  });

  it("leaves its other polls when the queue cannot be used", async () => {
    const { clock, memory, run } = stage();
    memory.send(...numbered(30));
    let receives = 0;
    memory.before = (name) => {
      if (name === "ReceiveMessage" && ++receives === 7) throw failure("AccessDenied");
    };
    await expect(run(async () => clock.pass(10), { mode: "forever", concurrency: 40 })).rejects.toMatchObject({
      code: "QUEUE_DENIED",
    });
    expect(clock.now()).toBeLessThanOrEqual(1_000);
  });

  it("does nothing when it is stopped from the start", async () => {
    const { memory, run } = stage();
    memory.send("one");
    expect(await run(async () => undefined, { stop: AbortSignal.abort() })).toEqual(nothing);
    expect(namesOf(memory)).not.toContain("ReceiveMessage");
  });

  it("returns at once what the grace period does not suffice for", async () => {
    const { clock, memory, run } = stage();
    memory.send("slow", "quick");
    const aborted: string[] = [];
    const summary = await run(
      async (message, { signal }) => {
        await clock.sleep(message.body === "slow" ? 600_000 : 4_000, signal);
        if (signal.aborted) aborted.push(message.body);
        signal.throwIfAborted();
      },
      { mode: "forever", stop: stopAfter(clock, 1_000), grace: 10 },
    );
    expect(summary).toMatchObject({ deleted: 1, returned: 1 });
    expect(aborted).toEqual(["slow"]);
    expect(clock.now()).toBe(11_000);
    expect([...memory.stored.values()]).toMatchObject([{ body: "slow", visibleAt: 11_000 }]);
  });

  it("ends now on the second signal, even when a handler does not listen", async () => {
    const { clock, memory, run } = stage();
    memory.send("deaf");
    const summary = await run(() => new Promise(() => undefined), {
      mode: "forever",
      stop: stopAfter(clock, 1_000),
      end: stopAfter(clock, 2_000),
    });
    expect(summary).toMatchObject({ deleted: 0, returned: 1 });
    expect(clock.now()).toBe(2_000);
    expect([...memory.stored.values()]).toMatchObject([{ visibleAt: 2_000 }]);
  });

  it("returns everything and rejects when a handler says that nothing can succeed", async () => {
    const { clock, memory, run } = stage();
    memory.send(...numbered(8));
    const fatal = new Fatal("401 from the indexer");
    const running = run(
      async (message, { signal }) => {
        await clock.sleep(message.body === "body 3" ? 1_000 : 60_000, signal);
        if (message.body === "body 3") throw fatal;
        signal.throwIfAborted();
      },
      { mode: "forever" },
    );
    await expect(running).rejects.toBe(fatal);
    expect(clock.now()).toBe(1_000);
    expect([...memory.stored.values()].map((message) => message.visibleAt)).toEqual(Array(8).fill(1_000));
  });

  it("leaves no timer and no request behind", async () => {
    const { clock, memory, run } = stage();
    memory.send(...numbered(5));
    await run(() => clock.pass(100));
    const calls = memory.calls.length;
    await clock.pass(100_000);
    expect(memory.calls.length).toBe(calls);
  });
});
