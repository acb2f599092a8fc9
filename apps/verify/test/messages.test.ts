import { describe, expect, it } from "vitest";
import { messages } from "../src/checks/messages.ts";
import { createSetting, type Setting } from "./setting.ts";

const look = async (setting: Setting) =>
  (await setting.verify({ admin: false })).find(({ check }) => check.id === "messages");

describe("messages, without an administrator", () => {
  it("that are in the queue may be old ones", async () => {
    await using setting = await createSetting({ empty: true });
    setting.ahead = -3 * 86_400_000;
    setting.put();
    setting.ahead = 0;
    expect(await look(setting)).toMatchObject({
      state: "could not check",
      seen: expect.stringMatching(
        /since when the 1 message in the queue is there is not told to the role, and none came/,
      ),
      obstacle: { rights: ["cloudwatch:GetMetricData"] },
    });
  });

  it("that come while the queue is watched are new", async () => {
    const depths = ["1", "2"];
    const sqs = { send: async () => ({ Attributes: { ApproximateNumberOfMessages: depths.shift() } }) };
    const lake = {
      queue: async () => ({ sqs, url: "https://sqs.example/lake", name: "lake" }),
      queueArn: async () => "arn:aws:sqs:us-east-1:123456789012:lake",
      watchFor: 1,
    };
    const found = await messages.run(lake as never, new AbortController().signal, () => {});
    expect(found).toMatchObject({ state: "ok", seen: "came within 0.001 s: 1; there: 2" });
  });
});
