import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { buildClasses, classesFile } from "../catalog/build-classes.ts";
import { catalogVersions, classify, loadCatalog } from "../src/index.ts";

describe("classify", () => {
  it("names class and category as the event's own version does", () => {
    expect(classify({ classUid: 4003, version: "1.1.0" })).toEqual({
      uid: 4003,
      name: "dns_activity",
      caption: "DNS Activity",
      categoryUid: 4,
      categoryName: "Network Activity",
      version: "1.1.0",
      catalog: "1.1.0",
      known: true,
    });
  });

  it("tells API Activity of source version 1 from User Access Management, which is 3005 later", () => {
    expect(classify({ classUid: 3005, version: "1.0.0-rc.2" })).toMatchObject({
      caption: "API Activity",
      categoryName: "Audit Activity",
    });
    expect(classify({ classUid: 3005, version: "1.1.0" })).toMatchObject({
      caption: "User Access Management",
      categoryName: "Identity & Access Management",
    });
  });

  it.each([
    ["1.2.0", "1.1.0"],
    ["1.4.0-dev", "1.3.0"],
    ["1.0.0-rc.3", "1.0.0-rc.2"],
    ["1.0.1", "1.0.0"],
    ["1.1", "1.1.0"],
    ["1.10.0", "1.8.0"],
    ["2.0.0", "1.8.0"],
    ["0.9.0", "1.0.0-rc.2"],
    ["latest", "1.8.0"],
  ])("asks, for version %s, the catalog of %s", (version, catalog) => {
    expect(classify({ classUid: 4001, version })).toMatchObject({ version, catalog, known: true });
  });

  it("asks the newest catalog where the event has no version", () => {
    for (const version of [undefined, null, "", 1.1]) {
      expect(classify({ classUid: 8001, version })).toMatchObject({
        version: undefined,
        catalog: "1.8.0",
        known: true,
      });
    }
  });

  it.each([
    ["not defined yet", 2002, "1.0.0", "Findings"],
    ["not defined any more", 1008, "1.1.0", "System Activity"],
    ["nobody's", 6999, "1.1.0", "Application Activity"],
    ["of a category that is nobody's", 9001, "1.1.0", "Uncategorized"],
    ["of an unknown extension", 9_904_001, "1.1.0", "Network Activity"],
  ])("does not know a class that is %s, but its category by its number", (_, classUid, version, categoryName) => {
    expect(classify({ classUid, version })).toMatchObject({
      uid: classUid,
      name: "unknown",
      caption: "Unknown",
      categoryName,
      known: false,
    });
  });

  it("takes numbers however a file has them", () => {
    for (const classUid of [6003, 6003n, "6003"])
      expect(classify({ classUid, version: "1.1.0" })).toMatchObject({ uid: 6003 });
  });

  it("answers for events without a class", () => {
    for (const classUid of [undefined, null, "", "api", 3.5, true, Number.NaN, {}, -1]) {
      expect(classify({ classUid, version: "1.1.0" })).toMatchObject({ categoryUid: 0, known: false });
    }
  });
});

describe("the table of classes", () => {
  it("is what the catalogs say", () => {
    expect(readFileSync(classesFile, "utf8")).toBe(buildClasses());
  });

  it.each(catalogVersions)("gives each class of %s its names", async (version) => {
    const catalog = await loadCatalog(version);
    for (const [uid, { name, caption, category_uid }] of Object.entries(catalog.classes)) {
      const categoryName = catalog.categories[category_uid]?.caption ?? "Uncategorized";
      expect(classify({ classUid: Number(uid), version })).toMatchObject({
        name,
        caption,
        categoryUid: category_uid,
        categoryName,
        known: true,
      });
    }
  });
});
