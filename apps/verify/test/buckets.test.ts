import { describe, expect, it } from "vitest";
import { verdictOf } from "../src/verdict.ts";
import { createSetting, object, type Setting } from "./setting.ts";

describe("an account of the organization that sends nothing", () => {
  it.each(["SUSPENDED", "PENDING_CLOSURE", "CLOSED", "PENDING_ACTIVATION"])(
    "is not missed where it is %s",
    async (state) => {
      const member = (id: string, more: object = {}) => ({ id, organization: "o-example", ...more });
      const accounts = [member("111122223333"), member("210987654321", { state })];
      await using setting = await createSetting({ aws: { accounts } });
      const found = (await setting.verify()).find(({ check }) => check.id === "arriving");
      expect(found).toMatchObject({ state: "ok", seen: expect.stringContaining("1 account expected") });
    },
  );
});

describe("a bucket of another Region", () => {
  const name = "aws-security-data-lake-eu-west-1-abcdefghijklmnopqrstuvwxyz0123";
  const there = { ...object, key: object.key.replace("us-east-1", "eu-west-1") };
  async function look(make: (setting: Setting) => void = () => {}) {
    await using setting = await createSetting();
    setting.aws.createBucket({ name, region: "eu-west-1" });
    setting.aws.putObject({ bucket: name, key: there.key, body: there.bytes });
    make(setting);
    return (await setting.verify()).find(({ check }) => check.id === "buckets");
  }

  it("whose events are not rolled up is told", async () => {
    expect(await look()).toMatchObject({
      state: "warning",
      seen: expect.stringMatching(/; in other Regions: .*; events of eu-west-1 are there, and none of them here/),
      fix: expect.stringMatching(/^Add eu-west-1 to the contributing Regions of us-east-1 in Security Lake, or make/),
    });
  });

  it.each<[string, (setting: Setting) => void]>([
    ["its events are here, too", (setting) => setting.put(there)],
    [
      "another subscriber of the manager is there",
      (setting) => {
        const queue = setting.lake.queueArn.replace("us-east-1", "eu-west-1");
        const module = { enabled: true, subscribers: [{ line: 2, queue }] };
        setting.manager = { settings: { modules: [module] } as never };
      },
    ],
    [
      "the bucket of the queue's Region was named alone",
      (setting) => {
        setting.surroundings = { ...setting.surroundings, buckets: [setting.lake.bucket] };
      },
    ],
    [
      "it may not be looked at",
      ({ aws }) => aws.faults.add({ service: "s3", operation: "ListObjectsV2", bucket: name, error: "AccessDenied" }),
    ],
  ])("is as it should be where %s", async (_, make) => {
    expect(await look(make)).toMatchObject({ state: "ok" });
  });
});

describe("a bucket that is named and is not there", () => {
  it("is what is to be corrected first, and nothing goes by it", async () => {
    await using setting = await createSetting();
    const named = ["aws-security-data-lake-us-east-1-mistyped", setting.lake.bucket];
    setting.surroundings = { ...setting.surroundings, buckets: named };
    const results = await setting.verify();
    expect(results.filter(({ state }) => state === "failed" || state === "warning")).toMatchObject([
      { check: { id: "buckets" }, state: "failed", seen: `there is no bucket ${named[0]}` },
    ]);
    expect(verdictOf(results)).toMatchObject({ exitCode: 1, line: expect.stringContaining("First: Correct --bucket") });
    setting.surroundings = { ...setting.surroundings, buckets: named.slice(1) };
    expect(verdictOf(await setting.verify())).toMatchObject({ exitCode: 0, line: expect.stringMatching(/^All well/) });
  });
});
