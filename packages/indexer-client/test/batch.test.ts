import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it, vi } from "vitest";
import { type Batch, createMemory } from "../src/batch.ts";
import { numbered } from "./load.ts";

function batch(): Batch<undefined> {
  return ["one", "other"].map((index) => ({
    owner: undefined,
    body: numbered(index, 0, 3),
    from: 0,
    to: 3,
    attempts: 0,
    faults: 0,
  }));
}

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}

describe("the memory of requests", () => {
  it("has the lines of all shares, one after the other", () => {
    const shares = batch();
    expect(createMemory().assemble(shares).toString()).toBe(
      shares.map(({ body }) => Buffer.from(body.bytes).toString()).join(""),
    );
  });

  it("that was released is taken for the next one", () => {
    const memory = createMemory();
    const first = memory.assemble(batch());
    memory.release(first);
    expect(memory.assemble(batch()).buffer).toBe(first.buffer);
  });

  it("of requests that failed, which never release it, is held by nobody", async () => {
    const memory = createMemory();
    const failed = Array.from({ length: 20 }, () => new WeakRef(memory.assemble(batch()).buffer));
    await vi.waitUntil(
      () => {
        collectGarbage();
        return failed.every((buffer) => buffer.deref() === undefined);
      },
      { timeout: 10_000 },
    );
    expect(memory.assemble(batch()).length).toBeGreaterThan(0);
  });
});
