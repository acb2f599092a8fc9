import { describe, expect, it } from "vitest";
import { loadCatalog, type ValidateOptions, validate, validateAgainst } from "../src/index.ts";

/** A valid event: the least that DNS Activity of 1.1.0 asks for. */
const dns = {
  metadata: { version: "1.1.0", product: { name: "Route 53", vendor_name: "AWS" }, profiles: ["cloud"] },
  time: 1_718_094_754_425,
  class_uid: 4003,
  class_name: "DNS Activity",
  category_uid: 4,
  activity_id: 1,
  type_uid: 400_301,
  severity_id: 1,
  cloud: { provider: "AWS" },
  query: { hostname: "example.com" },
  src_endpoint: { ip: "192.0.2.1", port: 53_000 },
};

async function issuesOf(event: object, options?: ValidateOptions): Promise<string[]> {
  const { issues } = await validate(event, options);
  return issues.map(({ level, code, path }) => `${level} ${code} ${path}`.trim());
}

describe("validate", () => {
  it("finds nothing in a valid event", async () => {
    expect(await validate(dns)).toEqual({ catalog: "1.1.0", valid: true, issues: [] });
  });

  it("changes nothing in the event", async () => {
    const frozen = Object.freeze({ ...dns, nobody: Object.freeze({ a: null }), observables: Object.freeze([{}]) });
    await validate(frozen);
    expect(frozen.query).toEqual({ hostname: "example.com" });
  });

  it.each<[string, object, string[]]>([
    ["a required attribute is missing", { time: null }, ["error attribute_required_missing time"]],
    [
      "a required attribute of an object is missing",
      { query: { type: "A" } },
      ["error attribute_required_missing query.hostname"],
    ],
    ["a text stands for a number", { time: "now" }, ["error attribute_wrong_type time"]],
    ["a fraction stands for a whole number", { severity_id: 1.5 }, ["error attribute_wrong_type severity_id"]],
    ["a value stands for an object", { query: "example.com" }, ["error attribute_wrong_type query"]],
    ["a value stands for a list", { answers: { rdata: "192.0.2.1" } }, ["error attribute_wrong_type answers"]],
    [
      "an element of a list is of the wrong type",
      { answers: [{ rdata: "192.0.2.1" }, { rdata: 7 }] },
      ["error attribute_wrong_type answers[1].rdata"],
    ],
    ["an attribute is not of the class", { nobody: 1 }, ["error attribute_unknown nobody"]],
    [
      "an attribute is not of the object",
      { query: { hostname: "example.com", port: 53 } },
      ["error attribute_unknown query.port"],
    ],
    [
      "an attribute is of a profile that the event is not in",
      { disposition_id: 1 },
      ["error attribute_unknown disposition_id"],
    ],
    ["a value is none of those defined", { severity_id: 42 }, ["error attribute_enum_value_unknown severity_id"]],
    [
      "a number is out of range",
      { src_endpoint: { ip: "192.0.2.1", port: 70_000 } },
      ["error attribute_value_exceeds_range src_endpoint.port"],
    ],
    [
      "a text is too long",
      { src_endpoint: { mac: "0".repeat(33), ip: "192.0.2.1" } },
      ["error attribute_value_exceeds_max_len src_endpoint.mac"],
    ],
    ["a constraint fails", { src_endpoint: { port: 53 } }, ["error constraint_failed src_endpoint"]],
    ["type and activity disagree", { type_uid: 400_302 }, ["error type_uid_incorrect type_uid"]],
  ])("says as an error that %s", async (_, change, expected) => {
    expect(await issuesOf({ ...dns, ...change })).toEqual(expected);
    expect((await validate({ ...dns, ...change })).valid).toBe(false);
  });

  it.each<[string, object, string[]]>([
    [
      "a text does not look like its type",
      { query: { hostname: "example.com." } },
      ["warning attribute_value_regex_not_matched query.hostname"],
    ],
    [
      "a caption is not that of its value",
      { class_name: "DNS" },
      ["warning attribute_enum_sibling_incorrect class_name"],
    ],
    [
      "Other is called Other",
      { severity_id: 99, severity: "Other" },
      ["warning attribute_enum_sibling_suspicious_other severity"],
    ],
  ])("says as a warning that %s", async (_, change, expected) => {
    expect(await issuesOf({ ...dns, ...change })).toEqual(expected);
    expect((await validate({ ...dns, ...change })).valid).toBe(true);
  });

  it("lets Other be called what the source calls it", async () => {
    expect(await issuesOf({ ...dns, severity_id: 99, severity: "Severe" })).toEqual([]);
  });

  it("says that recommended attributes are missing only when asked to", async () => {
    expect(await issuesOf(dns)).toEqual([]);
    expect(await issuesOf(dns, { recommended: true })).toContain("warning attribute_recommended_missing status_id");
  });

  it("lets an event be in the profiles that it names", async () => {
    const profiles = ["cloud", "security_control"];
    const controlled = { ...dns, metadata: { ...dns.metadata, profiles }, action_id: 1, disposition_id: 1 };
    expect(await issuesOf(controlled)).toEqual([]);
    expect(await issuesOf({ ...controlled, action_id: null })).toEqual(["error attribute_required_missing action_id"]);
  });

  it("knows the profiles of its version only", async () => {
    const unknown = { ...dns, metadata: { ...dns.metadata, profiles: ["cloud", "linux"] } };
    expect(await issuesOf(unknown)).toEqual(["error profile_unknown metadata.profiles[1]"]);
  });

  it("takes an object that holds nothing but nulls for a missing one", async () => {
    const empty = { ip: null, location: { city: null, country: null } };
    expect(await issuesOf({ ...dns, dst_endpoint: empty, nobody: { a: null } })).toEqual([]);
  });

  it("takes a required one for an empty one", async () => {
    expect(await issuesOf({ ...dns, src_endpoint: { ip: null, port: null } })).toEqual([
      "error constraint_failed src_endpoint",
    ]);
  });

  it("lets unmapped hold anything", async () => {
    expect(await issuesOf({ ...dns, unmapped: { "a.b[]": [1, { c: null }], d: {} } })).toEqual([]);
  });

  it("takes 64-bit numbers", async () => {
    expect(await issuesOf({ ...dns, time: 1_718_094_754_425n, class_uid: 4003n, type_uid: 400_301n })).toEqual([]);
  });

  it("takes a whole number for a float, since JSON does not tell 7 from 7.0", async () => {
    const catalog = await loadCatalog("1.1.0");
    const cvss = { version: "3.1", base_score: 7 };
    const finding = {
      class_uid: 2002,
      metadata: dns.metadata,
      vulnerabilities: [{ cve: { uid: "CVE-1", cvss: [cvss] } }],
    };
    const codes = validateAgainst(catalog, finding).issues.map(({ code }) => code);
    expect(codes).not.toContain("attribute_wrong_type");
  });

  it.each<[string, unknown, string]>([
    ["no class", null, "error attribute_required_missing class_uid"],
    ["a class that is no number", "4003", "error attribute_wrong_type class_uid"],
    ["an unknown class", 4999, "error class_uid_unknown class_uid"],
  ])("goes no further with %s", async (_, classUid, expected) => {
    expect(await issuesOf({ ...dns, class_uid: classUid, nobody: 1 })).toEqual([expected]);
  });

  it("holds an event against the nearest lower version, and says so", async () => {
    const event = { ...dns, metadata: { ...dns.metadata, version: "1.2.0" } };
    expect(await validate(event)).toMatchObject({ catalog: "1.1.0", valid: true });
    expect(await issuesOf(event)).toEqual(["warning version_incorrect metadata.version"]);
  });

  it.each(["0.1.0", "7.5.0"])("does not take version %s for one of OCSF that it knows", async (version) => {
    const event = { ...dns, metadata: { ...dns.metadata, version } };
    expect(await issuesOf(event)).toContain("error version_incompatible metadata.version");
  });

  it("warns of deprecated classes and attributes", async () => {
    const issues = await issuesOf({
      ...dns,
      metadata: { ...dns.metadata, extension: { name: "x", uid: "1", version: "1" } },
    });
    expect(issues).toEqual(["warning attribute_deprecated metadata.extension"]);
    const finding = { class_uid: 2001, metadata: { ...dns.metadata, version: "1.3.0" } };
    expect(await issuesOf(finding)).toContain("warning class_deprecated class_uid");
  });

  it("never throws for what an event holds", async () => {
    const odd = {
      ...dns,
      metadata: { version: 7, profiles: "cloud", product: [] },
      answers: [null, [], "x"],
      query: [],
    };
    await expect(validate(odd)).resolves.toMatchObject({ valid: false });
    await expect(validate({})).resolves.toMatchObject({ valid: false });
    await expect(validate({ class_uid: 4003, metadata: null })).resolves.toMatchObject({ valid: false });
  });

  it("says nothing of the values, which may be secret", async () => {
    const { issues } = await validate({
      ...dns,
      severity: "hunter2",
      severity_id: 77,
      time: "hunter2",
      query: "hunter2",
    });
    expect(issues.length).toBeGreaterThan(2);
    expect(JSON.stringify(issues)).not.toContain("hunter2");
  });
});
