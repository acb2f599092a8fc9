import { describe, expect, it } from "vitest";
import { unwanted } from "../src/filter.ts";

const key = "aws/VPC_FLOW/2.0/region=us-west-2/accountId=111122223333/eventDay=20240611/a.gz.parquet";

describe("a filter of objects", () => {
  it.each([
    [{}, undefined],
    [{ sources: ["WAF", "vpc_flow"] }, undefined],
    [{ sources: ["WAF"] }, "not wanted: source"],
    [{ sources: [] }, "not wanted: source"],
    [{ accounts: ["111122223333"] }, undefined],
    [{ accounts: ["999999999999"] }, "not wanted: account"],
    [{ regions: ["us-west-2"] }, undefined],
    [{ regions: ["us-east-1"] }, "not wanted: region"],
    [{ firstDay: "20240611", lastDay: "20240611" }, undefined],
    [{ firstDay: "20240612" }, "not wanted: day"],
    [{ lastDay: "20240610" }, "not wanted: day"],
  ])("%o", (filter, reason) => expect(unwanted(key, filter)).toBe(reason));

  it("excludes nothing by what the key does not say", () => {
    const filter = { accounts: ["1"], regions: ["r"], firstDay: "20240612" };
    expect(unwanted("ext/okta/part-1.parquet", { ...filter, sources: ["okta"] })).toBeUndefined();
    expect(unwanted("odd/name", { ...filter, sources: ["okta"] })).toBeUndefined();
    expect(unwanted("ext/other/part-1.parquet", { ...filter, sources: ["okta"] })).toBe("not wanted: source");
  });

  it("knows the day of the preview's keys by their hour", () => {
    const preview = "aws/VPC_FLOW/region=us-east-1/accountId=1/eventHour=2023011913/a.gz.parquet";
    expect(unwanted(preview, { firstDay: "20230120" })).toBe("not wanted: day");
  });
});
