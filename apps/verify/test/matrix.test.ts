import { describe, expect, it } from "vitest";
import type { Result } from "../src/check.ts";
import { written } from "../src/command.ts";
import { verdictOf } from "../src/verdict.ts";
import { type Fault, faults } from "./faults.ts";
import { createSetting, laterObject, type Setting } from "./setting.ts";

const troubles = (results: readonly Result[]) =>
  results.flatMap(({ check, state, seen, fix }) =>
    state === "failed" || state === "warning" ? [{ id: check.id, state, seen, fix }] : [],
  );

/** The worst comes first, as in the verdict. */
const first = (results: readonly Result[]) => {
  const wrong = results.filter(({ state }) => state === "failed" || state === "warning");
  return wrong.find(({ state }) => state === "failed") ?? wrong[0];
};

async function mend(setting: Setting, { mend: byHand }: Fault, { commands = [] }: Result): Promise<void> {
  if (byHand !== undefined) return byHand(setting);
  expect(commands).not.toEqual([]);
  for (const command of commands) await setting.aws_cli(written(command));
}

describe("a fault is found first, and its fix as printed makes the next run clean", () => {
  it("of sixty kinds at least", () => {
    expect(new Set(faults.map(({ name }) => name)).size).toBeGreaterThanOrEqual(60);
  });

  it.concurrent.each(faults)("$name", async (fault) => {
    await using setting = await createSetting(fault.options);
    await fault.make(setting);
    const found = first(await setting.verify());
    expect(found && { id: found.check.id, state: found.state, seen: found.seen }).toEqual({
      id: fault.found,
      state: fault.state ?? "failed",
      seen: expect.stringMatching(fault.seen),
    });
    expect(found?.fix).toBeTypeOf("string");
    await mend(setting, fault, found as Result);
    const before = setting.aws.messages(setting.lake.queueUrl).length;
    setting.put(laterObject);
    expect(setting.aws.messages(setting.lake.queueUrl).length).toBe(before + 1);
    expect(troubles(await setting.verify())).toEqual([]);
  });
});

describe("several faults at once", () => {
  it("are all found, and all fixes together make the next run clean", async () => {
    const names = [
      "trust policy asks for no external ID",
      "role lacks sqs:DeleteMessage",
      "rule is disabled",
      "messages are kept for an hour",
    ];
    await using setting = await createSetting();
    const chosen = faults.filter(({ name }) => names.includes(name));
    for (const fault of chosen) await fault.make(setting);
    const results = await setting.verify();
    const found = troubles(results).map(({ id }) => id);
    expect(found).toEqual(expect.arrayContaining(chosen.map((fault) => fault.found)));
    expect(verdictOf(results).exitCode).toBe(1);
    for (const { commands = [] } of results) for (const command of commands) await setting.aws_cli(written(command));
    expect(troubles(await setting.verify())).toEqual([]);
  });
});
