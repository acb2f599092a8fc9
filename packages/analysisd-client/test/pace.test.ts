import { describe, expect, it } from "vitest";
import { pacedBy, type Stats, steadyPace } from "../src/index.ts";

function stats(decoded: number, dropped = 0, used: readonly [number, number, number] = [0, 0, 0]): Stats {
  const names = ["others", "processed", "alerts"];
  return { decoded, dropped, queues: names.map((name, i) => ({ name, size: 16_384, used: used[i] as number })) };
}

/** Gives one answer after the other, the last one for ever. */
function answers(...list: Stats[]) {
  let asked = 0;
  const next = async (): Promise<Stats> => list[Math.min(asked++, list.length - 1)] as Stats;
  return Object.assign(next, { asked: () => asked });
}

describe("credit", () => {
  it("leaves a quarter of the smallest queue to others", async () => {
    expect(await pacedBy(answers(stats(0))).credit()).toBe(12_288);
  });

  it("is less by all that the queues hold together", async () => {
    expect(await pacedBy(answers(stats(0, 0, [2_000, 3_000, 288]))).credit()).toBe(7_000);
  });

  it("is waited for while there is no room", async () => {
    const source = answers(stats(0, 0, [16_384, 0, 0]), stats(5, 0, [12_288, 0, 0]), stats(9, 0, [12_287, 0, 0]));
    expect(await pacedBy(source).credit()).toBe(1);
    expect(source.asked()).toBe(3);
  });

  it("is given up when the engine stands still", async () => {
    const pace = pacedBy(answers(stats(0, 0, [16_384, 0, 0])), { patience: 50 });
    await expect(pace.credit()).rejects.toMatchObject({ code: "QUEUE_FULL" });
  });

  it("is no longer waited for when the caller gives up", async () => {
    const stop = new AbortController();
    const waiting = pacedBy(answers(stats(0, 0, [16_384, 0, 0]))).credit(stop.signal);
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("events", () => {
  async function send(pace: ReturnType<typeof pacedBy>, count: number) {
    const taken = pace.begin();
    await pace.credit();
    for (let i = 0; i < count; i++) pace.sent();
    return taken;
  }

  it("are taken when the engine has handled as many as were sent since the first", async () => {
    const source = answers(stats(500), stats(500), stats(502), stats(503));
    const taken = await send(pacedBy(source), 3);
    await taken();
    expect(source.asked()).toBe(4);
  });

  it("that were sent later are not waited for", async () => {
    const source = answers(stats(0), stats(0), stats(3));
    const pace = pacedBy(source);
    const first = await send(pace, 3);
    const waiting = first();
    for (let i = 0; i < 100; i++) pace.sent();
    await waiting;
    expect(source.asked()).toBe(3);
  });

  it("that were dropped are reported to all whose events were on the way", async () => {
    const pace = pacedBy(answers(stats(0), stats(0), stats(4, 2)));
    const [first, second] = [await send(pace, 3), await send(pace, 3)];
    const dropped = { code: "EVENTS_DROPPED", message: expect.stringContaining("dropped 2") };
    await expect(first()).rejects.toMatchObject(dropped);
    await expect(second()).rejects.toMatchObject(dropped);
  });

  it("that are sent after a loss are not reported with it", async () => {
    const pace = pacedBy(answers(stats(0), stats(1, 2), stats(1, 2), stats(4, 2)));
    await expect((await send(pace, 3))()).rejects.toMatchObject({ code: "EVENTS_DROPPED" });
    await (await send(pace, 3))();
  });

  it("of an engine that was started anew are lost, and counted afresh", async () => {
    const source = answers(stats(900), stats(1), stats(1), stats(3), stats(4));
    const pace = pacedBy(source);
    await expect((await send(pace, 3))()).rejects.toMatchObject({
      code: "EVENTS_DROPPED",
      message: expect.stringContaining("started anew"),
    });
    await (await send(pace, 3))();
    expect(source.asked()).toBe(5);
  });

  it("that an engine never takes are given up", async () => {
    const pace = pacedBy(answers(stats(0), stats(0)), { patience: 50 });
    await expect((await send(pace, 1))()).rejects.toMatchObject({ code: "QUEUE_FULL" });
  });
});

it("a steady pace gives tenths of a second's worth at a time", async () => {
  const pace = steadyPace(1_000);
  const started = performance.now();
  let credit = 0;
  while (credit < 400) credit += await pace.credit();
  expect(credit).toBe(400);
  expect(performance.now() - started).toBeGreaterThanOrEqual(295);
});
