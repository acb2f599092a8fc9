import { describe, expect, it } from "vitest";
import { readLakeOptions } from "../src/lake-options.ts";

describe("the options of the lake", () => {
  it("are a filter of objects, the owner of the buckets and who pays", () => {
    expect(
      readLakeOptions({
        sources: "VPC_FLOW, waf",
        "aws-account-id": "111122223333,444455556666",
        regions: "eu-west-1",
        "only-logs-after": "2024-jun-01",
        "only-logs-before": "2024-06-30",
        "bucket-owner": "777788889999",
        "requester-pays": true,
      }),
    ).toEqual({
      only: {
        sources: ["VPC_FLOW", "waf"],
        accounts: ["111122223333", "444455556666"],
        regions: ["eu-west-1"],
        firstDay: "20240601",
        lastDay: "20240630",
      },
      owner: "777788889999",
      requesterPays: true,
    });
    expect(readLakeOptions({})).toEqual({});
  });

  it.each([
    [{ sources: "VPC_FLOW,,WAF" }, '--sources "VPC_FLOW,,WAF" has an empty part; write it as ONE,TWO.'],
    [{ "aws-account-id": "1234" }, "--aws-account-id 1234 is no account of AWS: it has 12 digits."],
    [{ "bucket-owner": "lake" }, "--bucket-owner lake is no account of AWS: it has 12 digits."],
    [
      { "only-logs-after": "yesterday" },
      "--only-logs-after yesterday is no day; write it as 2024-06-11 or 2024-JUN-11.",
    ],
    [
      { "only-logs-before": "2023-02-29" },
      "--only-logs-before 2023-02-29 is no day; write it as 2024-06-11 or 2024-JUN-11.",
    ],
    [
      { "only-logs-after": "2024-ABC-01" },
      "--only-logs-after 2024-ABC-01 is no day; write it as 2024-06-11 or 2024-JUN-11.",
    ],
    [
      { "only-logs-after": "2024-06-11", "only-logs-before": "2024-06-10" },
      "--only-logs-after 2024-06-11 is later than --only-logs-before: no event is wanted.",
    ],
  ])("refuse %o", (values, problem) => {
    expect(() => readLakeOptions(values)).toThrow(expect.objectContaining({ message: problem, exitCode: 2 }));
  });
});
