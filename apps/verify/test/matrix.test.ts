import { describe, expect, it } from "vitest";
import type { Result } from "../src/check.ts";
import { fixPlan } from "../src/report/fix-plan.ts";
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

/** All commands of a plan, as it is printed. */
const commandsIn = (plan: string) => plan.split("\n").filter((line) => line !== "" && !line.startsWith("#"));

async function mend(setting: Setting, { mend: byHand }: Fault, result: Result): Promise<void> {
  if (byHand !== undefined) return byHand(setting);
  const commands = commandsIn(fixPlan([result]));
  expect(commands).not.toEqual([]);
  for (const command of commands) await setting.aws_cli(command);
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

/** Faults that can be made together: in one and the same set-up, each of another check, and none that moves the clock. */
function together(seed: number, count: number): Fault[] {
  const chosen: Fault[] = [];
  for (let state = seed; chosen.length < count; ) {
    // Numerical Recipes' generator.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const fault = faults[state % faults.length] as Fault;
    const alone = fault.options !== undefined || /clock|SESSION|session/.test(fault.name);
    if (!alone && !chosen.some(({ found }) => found === fault.found)) chosen.push(fault);
  }
  return chosen;
}

const several = [
  ...Array.from({ length: 8 }, (_, seed) => together(seed + 1, 2)),
  ...Array.from({ length: 8 }, (_, seed) => together(seed + 101, 3)),
].map((chosen) => [chosen.map(({ name }) => name).join(" + "), chosen] as const);

describe("several faults at once", () => {
  it.concurrent.each(several)("are all found, and the plans as printed lead to a clean run: %s", async (_, chosen) => {
    await using setting = await createSetting();
    for (const fault of chosen) await fault.make(setting);
    const left = new Set(chosen.map(({ found }) => found));
    // One can stand before another: then that is said, and the next run finds it.
    for (let round = 0; round < chosen.length; round++) {
      const results = await setting.verify();
      const wrong = troubles(results).map(({ id }) => id);
      const open = results.flatMap(({ check, state }) => (state === "could not check" ? [check.id] : []));
      if (round === 0) expect([...wrong, ...open]).toEqual(expect.arrayContaining([...left]));
      for (const id of wrong) left.delete(id);
      for (const { mend: byHand, found } of chosen) if (wrong.includes(found)) await byHand?.(setting);
      for (const command of commandsIn(fixPlan(results))) await setting.aws_cli(command);
    }
    expect([...left]).toEqual([]);
    expect(troubles(await setting.verify())).toEqual([]);
  });
});
