import { describe, expect, it } from "vitest";
import { withDataUnindexed } from "../src/unindexed.ts";

const rewritten = (source: string, reason = "why"): string | undefined => {
  const bytes = withDataUnindexed(Buffer.from(source), reason);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
};

describe("withDataUnindexed", () => {
  it("keeps everything but data byte for byte", () => {
    expect(
      rewritten(
        '{"timestamp":"t", "n" : 12345678901234567890.10 ,"data":{"a":[1,{"b":"}\\""}]},"security_lake":{"row": 7},"last":null}',
      ),
    ).toBe(
      `{"timestamp":"t","n" : 12345678901234567890.10,"last":null,"data_unindexed":${JSON.stringify('{"a":[1,{"b":"}\\""}]}')},"security_lake":{"row": 7,"rejected":"why"}}`.replace(
        "10,",
        "10 ,",
      ),
    );
  });

  it.each([
    ['{"data":1}', '{"data_unindexed":"1","security_lake":{"rejected":"why"}}'],
    ['{"data":"text"}', '{"data_unindexed":"\\"text\\"","security_lake":{"rejected":"why"}}'],
    ['{"data":[]}', '{"data_unindexed":"[]","security_lake":{"rejected":"why"}}'],
    ['{"data":{},"security_lake":{}}', '{"data_unindexed":"{}","security_lake":{"rejected":"why"}}'],
    ['{"security_lake":{"rejected":"old"},"data":{}}', '{"data_unindexed":"{}","security_lake":{"rejected":"why"}}'],
    ['{"d\\u0061ta":{}}', '{"data_unindexed":"{}","security_lake":{"rejected":"why"}}'],
    [' { "data" : -1.5e3 } ', '{"data_unindexed":"-1.5e3 ","security_lake":{"rejected":"why"}}'],
  ])("of %s is %s", (source, expected) => {
    expect(rewritten(source)).toBe(expected);
  });

  it("takes data of any depth, and keys twice", () => {
    const deep = `${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`;
    expect(JSON.parse(rewritten(`{"data":${deep}}`) as string).data_unindexed).toBe(deep);
    expect(JSON.parse(rewritten('{"data":{"a":1,"a":2}}') as string).data_unindexed).toBe('{"a":1,"a":2}');
  });

  it("cuts a reason that would be too long for the index", () => {
    const { security_lake } = JSON.parse(rewritten('{"data":{}}', "x".repeat(100_000)) as string);
    expect(security_lake.rejected.length).toBe(1_000);
  });

  it.each([
    "",
    "[]",
    "1",
    '{"data":',
    '{"data":{',
    '{"data":"x',
    '{"data"',
    '{"a":1}',
    '{"a" 1,"data":{}}',
    '{"data":{} "b":1}',
    '{"data":{}',
    "{data:1}",
  ])("of %s is nothing, since there is no data to move", (source) => {
    expect(rewritten(source)).toBeUndefined();
  });
});
