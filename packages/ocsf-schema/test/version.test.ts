import { describe, expect, it } from "vitest";
import { compareVersions, nearestVersion } from "../src/version.ts";

describe("versions", () => {
  it("are ordered by number, previews before what they preview, and what is none last", () => {
    const ordered = [
      "0.9.0",
      "1.0.0-rc.2",
      "1.0.0-rc.3",
      "1.0.0-rc.10",
      "1.0.0",
      "1.1.0",
      "1.9.0-dev",
      "1.9.0",
      "1.10.0",
      "main",
    ];
    expect([...ordered].reverse().sort(compareVersions)).toEqual(ordered);
  });

  it("are equal however they are written", () => {
    expect(compareVersions("1.1", " 1.1.0 ")).toBe(0);
    expect(compareVersions("1.0.0-rc.2", "1.0.0-rc.2")).toBe(0);
  });

  it("fall back to the nearest lower one, or the oldest", () => {
    expect(nearestVersion(["1.0.0", "1.2.0"], "1.1.9")).toBe("1.0.0");
    expect(nearestVersion(["1.0.0", "1.2.0"], "1.2.0")).toBe("1.2.0");
    expect(nearestVersion(["1.0.0", "1.2.0"], "0.1.0")).toBe("1.0.0");
  });
});
