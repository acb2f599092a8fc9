import { describe, expect, it } from "vitest";
import { makeObject, type SourceName } from "../src/index.ts";

const to = Date.UTC(2024, 5, 11, 10);

/** Values of a field, by a path of names, over many events of a source. */
function valuesOf(source: SourceName, path: string): Set<unknown> {
  const names = path.split(".");
  const values = new Set<unknown>();
  for (const event of makeObject({ source, rows: 4000, to }).events("omit"))
    values.add(names.reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], event));
  return values;
}

describe("what rules look for is in the events", () => {
  it.each(["cloud_trail_mgmt_1_0", "cloud_trail_mgmt_2_0"] as const)("of %s", (source) => {
    const operations = valuesOf(source, "api.operation");
    for (const operation of ["AuthorizeSecurityGroupIngress", "CreateRole", "PutEventSelectors", "GetPasswordData"])
      expect(operations).toContain(operation);
    expect(valuesOf(source, "status")).toEqual(new Set(["Success", "Failure"]));
  });

  it("of CloudTrail: console logins that failed, roles that others may assume", () => {
    const events = [...makeObject({ source: "cloud_trail_mgmt_2_0", rows: 4000, to }).events("omit")];
    const text = (event: unknown): string => JSON.stringify(event);
    expect(
      events.some((event) => event.class_uid === 3002 && text(event).includes('{\\"ConsoleLogin\\":\\"Failure\\"}')),
    ).toBe(true);
    expect(events.some((event) => text(event).includes('"CreateRole"') && text(event).includes("sts:AssumeRole"))).toBe(
      true,
    );
    expect(new Set(events.map((event) => event.class_uid))).toEqual(new Set([3001, 3002, 6003]));
  });

  it("of the other sources", () => {
    expect([...valuesOf("vpc_flow_2_0", "dst_endpoint.port")]).toEqual(
      expect.arrayContaining([22, 135, 139, 445, 3389]),
    );
    expect([...valuesOf("vpc_flow_1_0", "src_endpoint.port")]).toEqual(
      expect.arrayContaining([22, 135, 139, 445, 3389]),
    );
    expect(valuesOf("route53_2_0", "rcode")).toContain("NXDomain");
    expect(valuesOf("sh_findings_2_0", "class_uid")).toEqual(new Set([2002, 2003, 2004]));
    expect(valuesOf("sh_findings_1_0", "severity")).toEqual(
      new Set(["Informational", "Low", "Medium", "High", "Critical"]),
    );
    expect(valuesOf("waf_2_0", "action")).toContain("Denied");
    expect(valuesOf("eks_audit_2_0", "api.response.code")).toContain(403);
  });
});
