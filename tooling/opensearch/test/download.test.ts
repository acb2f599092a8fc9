import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { mirrorOfCentral, verified } from "../src/download.ts";

describe("a download", () => {
  const bytes = Buffer.from("what the repository serves");

  it("is passed on where it is what was pinned", () => {
    expect(verified("g:a:1", bytes, createHash("sha512").update(bytes).digest("hex"))).toBe(bytes);
  });

  it("is refused where one bit differs", () => {
    const pinned = createHash("sha512").update("what the repository serveS").digest("hex");
    expect(() => verified("g:a:1", bytes, pinned)).toThrow(
      expect.objectContaining({ code: "CHECKSUM_MISMATCH", message: expect.stringContaining("g:a:1 is refused") }),
    );
  });
});

describe("the mirror in Maven's settings", () => {
  const mirror = (of: string): string =>
    `<settings><mirrors><mirror><id>m</id><url>https://mirror.invalid/maven</url><mirrorOf>${of}</mirrorOf></mirror></mirrors></settings>`;

  it.each(["central", "*", "external:*", "other, central"])("covers the central repository by %s", (of) => {
    expect(mirrorOfCentral(mirror(of))).toBe("https://mirror.invalid/maven/");
  });

  it.each(["other", "*,!central"])("does not by %s", (of) => {
    expect(mirrorOfCentral(mirror(of))).toBeUndefined();
  });

  it("is not read from a comment", () => {
    expect(mirrorOfCentral(`<!-- ${mirror("*")} -->`)).toBeUndefined();
    expect(mirrorOfCentral("")).toBeUndefined();
  });
});
