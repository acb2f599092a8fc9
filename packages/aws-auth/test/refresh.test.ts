import type { AwsCredentialIdentity } from "@smithy/types";
import { describe, expect, it } from "vitest";
import { isPassing, refreshing } from "../src/index.ts";

const minute = 60_000;

/** Credentials that are numbered, live for `lifetime` and can be made to fail; on a clock that is set by hand. */
function source(lifetime: number | undefined) {
  const time = { now: 1_700_000_000_000 };
  const state = { fetches: 0, failing: false, failures: [] as number[] };
  const fetch = async (): Promise<AwsCredentialIdentity> => {
    await Promise.resolve();
    if (state.failing) throw new Error("STS is away");
    state.fetches += 1;
    return {
      accessKeyId: `key-${state.fetches}`,
      secretAccessKey: "secret",
      ...(lifetime === undefined ? {} : { expiration: new Date(time.now + lifetime) }),
    };
  };
  const provider = refreshing(fetch, {
    now: () => time.now,
    onFailure: (_error, validForMs) => state.failures.push(validForMs),
  });
  const key = async () => (await provider()).accessKeyId;
  /** Background work of a fetch that settles at once. */
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return { time, state, key, settled };
}

describe("refreshing", () => {
  it("fetches once for all who ask at the same time", async () => {
    const { state, key } = source(60 * minute);
    expect(new Set(await Promise.all(Array.from({ length: 50 }, key)))).toEqual(new Set(["key-1"]));
    expect(state.fetches).toBe(1);
  });

  it("keeps credentials that do not expire", async () => {
    const { time, state, key } = source(undefined);
    await key();
    time.now += 1_000_000 * minute;
    expect(await key()).toBe("key-1");
    expect(state.fetches).toBe(1);
  });

  it.each([
    [60 * minute, 45 * minute],
    [12 * 60 * minute, (12 * 60 - 15) * minute],
    [15 * minute, 11.25 * minute],
    [minute, 0.75 * minute],
  ])("with a life of %i ms, fetches from %i ms on, beside the work", async (lifetime, from) => {
    const { time, state, key, settled } = source(lifetime);
    await key();
    time.now += from - 1;
    await key();
    expect(state.fetches).toBe(1);
    time.now += 1;
    expect(await Promise.all([key(), key(), key()])).toEqual(["key-1", "key-1", "key-1"]);
    await settled();
    expect(state.fetches).toBe(2);
    expect(await key()).toBe("key-2");
  });

  it("waits for new ones shortly before the end", async () => {
    const { time, key } = source(60 * minute);
    await key();
    time.now += 59.5 * minute;
    expect(await key()).toBe("key-2");
  });

  it("goes on with valid ones while the refresh fails, and tries again every half minute", async () => {
    const { time, state, key, settled } = source(60 * minute);
    await key();
    state.failing = true;
    for (let passed = 0; passed < 59.9 * minute; passed += 1_000) {
      time.now += 1_000;
      expect(await key()).toBe("key-1");
      await settled();
    }
    expect(state.failures.length).toBeGreaterThanOrEqual(25);
    expect(state.failures.length).toBeLessThanOrEqual(40);
    state.failing = false;
    time.now += 30_000;
    expect(await key()).toBe("key-2");
  });

  it("fails when the old ones have run out, and recovers", async () => {
    const { time, state, key } = source(60 * minute);
    await key();
    state.failing = true;
    time.now += 61 * minute;
    await expect(key()).rejects.toThrow("STS is away");
    state.failing = false;
    expect(await key()).toBe("key-2");
  });

  it("does not ask at every use a source that gives the same ones again", async () => {
    const time = { now: 0 };
    let fetches = 0;
    const expiration = new Date(60 * minute);
    const provider = refreshing(
      async () => {
        fetches += 1;
        return { accessKeyId: "same", secretAccessKey: "secret", expiration };
      },
      { now: () => time.now },
    );
    await provider();
    time.now = 50 * minute;
    for (let use = 0; use < 100; use++) {
      await provider();
      await Promise.resolve();
    }
    expect(fetches).toBe(2);
  });

  it("does not wait for ever for a source that hangs, and asks it again", async () => {
    let asked = 0;
    const provider = refreshing(
      () => (++asked === 1 ? new Promise(() => {}) : Promise.resolve({ accessKeyId: "k", secretAccessKey: "s" })),
      { patience: 20 },
    );
    const first = await Promise.allSettled([provider(), provider()]);
    for (const { status, reason } of first as PromiseRejectedResult[]) {
      expect(status).toBe("rejected");
      expect(reason).toMatchObject({
        name: "TimeoutError",
        message: "the source of the AWS credentials did not answer within 0.02 s",
      });
      expect(isPassing(reason)).toBe(true);
    }
    expect((await provider()).accessKeyId).toBe("k");
  });
});
