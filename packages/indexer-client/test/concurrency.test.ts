import { describe, expect, it } from "vitest";
import { backoff, createConcurrency } from "../src/concurrency.ts";

/** An indexer that works on `parallel` requests at a time; what is in flight beyond them waits. */
function limitAfter(answers: number, parallel: number, cap: number, bytes = (_: number) => 5_000_000): number {
  const concurrency = createConcurrency(cap);
  for (let i = 0; i < answers; i++) {
    const size = bytes(i);
    const milliseconds = ((size + 256 * 1024) / 20_000) * Math.max(1, concurrency.limit / parallel);
    concurrency.succeeded({ bytes: size, milliseconds, full: true });
  }
  return concurrency.limit;
}

describe("the limit of requests in flight", () => {
  it("grows to the cap where the indexer has room", () => {
    expect(limitAfter(50, 16, 8)).toBe(8);
  });

  it.each([1, 2, 4, 8])("settles a little above the %i requests that the indexer works on in parallel", (parallel) => {
    const limit = limitAfter(2_150, parallel, 64);
    expect(limit).toBeGreaterThanOrEqual(parallel);
    expect(limit).toBeLessThanOrEqual(parallel + 4);
  });

  it("does not take small requests for fast ones", () => {
    const limit = limitAfter(2_150, 4, 64, (i) => (i % 3 === 0 ? 5_000_000 : 20_000));
    expect(limit).toBeGreaterThanOrEqual(4);
    expect(limit).toBeLessThanOrEqual(8);
  });

  it("finds its way when the indexer becomes slower", () => {
    const concurrency = createConcurrency(64);
    for (let i = 0; i < 1_050; i++) {
      const slow = i < 300 ? 1 : 10;
      const milliseconds = slow * 250 * Math.max(1, concurrency.limit / 8);
      concurrency.succeeded({ bytes: 5_000_000, milliseconds, full: true });
    }
    expect(concurrency.limit).toBeGreaterThanOrEqual(8);
    expect(concurrency.limit).toBeLessThanOrEqual(12);
  });

  it("does not grow while it is not used", () => {
    const concurrency = createConcurrency(8);
    for (let i = 0; i < 100; i++) concurrency.succeeded({ bytes: 1_000, milliseconds: 1, full: false });
    expect(concurrency.limit).toBe(2);
  });

  it("is halved when the indexer is full, down to one, and grows again", () => {
    const concurrency = createConcurrency(8);
    for (let i = 0; i < 60; i++) concurrency.succeeded({ bytes: 1_000, milliseconds: 1, full: true });
    expect(concurrency.limit).toBe(8);
    concurrency.overloaded();
    expect(concurrency.limit).toBe(4);
    for (let i = 0; i < 10; i++) concurrency.overloaded();
    expect(concurrency.limit).toBe(1);
    for (let i = 0; i < 60; i++) concurrency.succeeded({ bytes: 1_000, milliseconds: 1, full: true });
    expect(concurrency.limit).toBe(8);
  });

  it("never exceeds a cap of one", () => {
    expect(limitAfter(100, 16, 1)).toBe(1);
  });
});

describe("the backoff", () => {
  it("doubles up to ten seconds, and spreads", () => {
    for (let attempt = 1; attempt < 2_000; attempt++) {
      const full = Math.min(10_000, 100 * 2 ** (attempt - 1));
      const wait = backoff(attempt);
      expect(wait).toBeGreaterThanOrEqual(full / 2);
      expect(wait).toBeLessThanOrEqual(full);
    }
    expect(new Set(Array.from({ length: 10 }, () => backoff(5))).size).toBeGreaterThan(5);
  });
});
