import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cacheFolder, once } from "../src/cache.ts";

describe("the cache", () => {
  let base: string;
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), "cache-test-"));
  });
  afterEach(() => rmSync(base, { recursive: true }));

  it("lies where XDG_CACHE_HOME says, else below ~/.cache", () => {
    expect(cacheFolder({ XDG_CACHE_HOME: "/x" })).toBe("/x/threatlockdown");
    expect(cacheFolder({ XDG_CACHE_HOME: "relative" })).toMatch(/\/\.cache\/threatlockdown$/);
    expect(cacheFolder({})).toMatch(/\/\.cache\/threatlockdown$/);
  });

  it("is filled once", async () => {
    const folder = join(base, "a", "1.0");
    let fills = 0;
    const fill = async (partial: string): Promise<void> => {
      fills += 1;
      await writeFile(join(partial, "file"), "whole");
    };
    expect(await once(folder, fill)).toBe(folder);
    expect(await once(folder, fill)).toBe(folder);
    expect(fills).toBe(1);
    expect(readFileSync(join(folder, "file"), "utf8")).toBe("whole");
  });

  it("shows one whole result where two fill it at the same time", async () => {
    const folder = join(base, "1.0");
    const bothBegan = Promise.withResolvers<void>();
    let began = 0;
    const fill = (text: string) => async (partial: string) => {
      await writeFile(join(partial, "first"), text);
      began += 1;
      if (began === 2) bothBegan.resolve();
      await bothBegan.promise;
      expect(existsSync(folder) && !existsSync(join(folder, "second"))).toBe(false);
      await writeFile(join(partial, "second"), text);
    };
    await Promise.all([once(folder, fill("a")), once(folder, fill("b"))]);
    expect(readFileSync(join(folder, "first"), "utf8")).toBe(readFileSync(join(folder, "second"), "utf8"));
    expect(readdirSync(base)).toEqual(["1.0"]);
  });

  it("shows nothing of what failed", async () => {
    const folder = join(base, "1.0");
    const failing = once(folder, async (partial) => {
      await writeFile(join(partial, "file"), "half");
      throw new Error("no space");
    });
    await expect(failing).rejects.toThrow("no space");
    expect(readdirSync(base)).toEqual([]);
  });

  it("clears what a crash left half done long ago, and nothing younger", async () => {
    const [old, young] = [join(base, "1.0.partial-old"), join(base, "1.0.partial-young")];
    await mkdir(old);
    await mkdir(young);
    utimesSync(old, 1, 1);
    await once(join(base, "1.0"), async () => {});
    expect(readdirSync(base).sort()).toEqual(["1.0", "1.0.partial-young"]);
  });
});
