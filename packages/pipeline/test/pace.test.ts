import { describe, expect, it } from "vitest";
import { createPace } from "../src/pace.ts";

const never = undefined;

describe("the pace of a prefix", () => {
  it("does not hold up a prefix that was never refused", async () => {
    const pace = createPace(60_000);
    pace.answered("a/", true);
    await pace.wait("b/", never);
  });

  it("rests after a refusal, twice as long after the next, and recovers by answers", async () => {
    const pace = createPace(20);
    const rest = async () => {
      const begun = performance.now();
      pace.answered("a/", true);
      await pace.wait("a/", never);
      return performance.now() - begun;
    };
    expect(await rest()).toBeGreaterThan(15);
    expect(await rest()).toBeGreaterThan(35);
    pace.answered("a/", false);
    pace.answered("a/", false);
    await pace.wait("a/", AbortSignal.abort()); // rejects where there is a rest
  });

  it("counts the refusals of requests that were on their way as one", async () => {
    const pace = createPace(20);
    for (let request = 0; request < 30; request++) pace.answered("a/", true);
    const begun = performance.now();
    await pace.wait("a/", never);
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  it("ends with the signal", async () => {
    const pace = createPace(60_000);
    pace.answered("a/", true);
    await expect(pace.wait("a/", AbortSignal.abort(new Error("lease lost")))).rejects.toThrow();
  });
});
