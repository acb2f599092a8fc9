import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { readModules, suitableJava } from "../src/java.ts";
import { describeJava, releases, takesJava, type Version } from "../src/release.ts";

describe("which Java an OpenSearch takes", () => {
  const table: readonly (readonly [Version, number, boolean])[] = [
    ["2.19.1", 8, false],
    ["2.19.1", 11, true],
    ["2.19.1", 17, true],
    ["2.19.1", 23, true],
    ["2.19.1", 24, false],
    ["2.19.1", 25, false],
    ["3.4.0", 17, false],
    ["3.4.0", 21, true],
    ["3.4.0", 25, true],
  ];
  it.each(table)("%s with Java %i: %s", (version, feature, taken) => {
    expect(takesJava(releases[version].java, feature)).toBe(taken);
  });

  it("is said in words", () => {
    expect(describeJava(releases["2.19.1"].java)).toBe("Java 11 to 23");
    expect(describeJava(releases["3.4.0"].java)).toBe("Java 21 or later");
  });
});

describe("what a Java says of itself", () => {
  it("gives its version and whether it has vectors", () => {
    expect(readModules("/a", "java.base@17.0.15\njava.xml@17.0.15\njdk.incubator.vector@17.0.15\n")).toEqual({
      home: "/a",
      feature: 17,
      vector: true,
    });
    expect(readModules("/a", "java.base@25\n")).toEqual({ home: "/a", feature: 25, vector: false });
  });

  it("is nothing where it knows no modules", () => {
    expect(readModules("/a", "Unrecognized option: --list-modules")).toBeUndefined();
  });
});

describe("a machine without a suitable Java", () => {
  const folder = mkdtempSync(join(tmpdir(), "java-test-"));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("is told in one line what is needed, what there is, and what to do", async () => {
    // Nothing can be fetched without pip on PATH; no Java will ever be of version 1000.
    const nothing = suitableJava({ from: 1000 }, {}, { env: { PATH: folder, XDG_CACHE_HOME: folder } });
    await expect(nothing).rejects.toMatchObject({
      code: "NO_JAVA",
      message: expect.stringMatching(
        /^OpenSearch needs Java 1000 or later; this machine has .*OPENSEARCH_JAVA_HOME.*$/,
      ),
    });
  });
});
