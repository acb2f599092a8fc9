import { describe, expect, it } from "vitest";
import { createSetting } from "./setting.ts";

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
