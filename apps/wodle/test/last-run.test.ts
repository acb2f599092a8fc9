import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createLab, type Lab } from "@threatlockdown/tooling-lab";
import { makeObject } from "@threatlockdown/tooling-lake";
import { afterEach, beforeEach, expect, it } from "vitest";

let lab: Lab;
beforeEach(async () => {
  lab = await createLab();
});
afterEach(() => lab.close());
const file = () => join(lab.folder, "security-lake", "last-run.json");
const runs = async () => JSON.parse(await readFile(file(), "utf8")).queues[lab.subscription.queueName];

it("leaves when a run succeeded, what it came to, and why a later one failed, until one succeeds again", async () => {
  const output = ["--output", `file:${join(lab.folder, "out")}`];
  const before = Date.now();
  lab.put(makeObject({ source: "waf_2_0", rows: 5 }));
  expect((await lab.once(...output)).code).toBe(0);
  const { succeeded, failed } = await runs();
  expect(failed).toBeUndefined();
  expect(succeeded).toMatchObject({ events: 5, stored: 5, received: 1, deleted: 1, left: 0 });
  expect(Date.parse(succeeded.at)).toBeGreaterThanOrEqual(before);
  expect((await stat(file())).mode & 0o777).toBe(0o600);

  const refuse = lab.aws.faults.add({ service: "sts", operation: "AssumeRole", error: "AccessDenied", message: "no" });
  expect((await lab.once(...output)).code).toBe(3);
  expect(await runs()).toMatchObject({
    succeeded,
    failed: { exitCode: 3, reason: expect.stringMatching(/AccessDenied/) },
  });
  expect(await readFile(file(), "utf8")).not.toContain(lab.subscription.externalId);

  refuse();
  await writeFile(file(), "torn {");
  expect((await lab.once(...output)).code).toBe(0);
  expect(await runs()).toEqual({ succeeded: expect.objectContaining({ events: 0 }) });
});

it("leaves for every queue that the indexer could not be used", async () => {
  expect((await lab.once()).code).toBe(12);
  expect(await runs()).toEqual({
    failed: { at: expect.any(String), exitCode: 12, reason: expect.stringContaining("<indexer> is disabled") },
  });
});

it("says where it cannot be left, and ends as it would", async () => {
  await writeFile(join(lab.folder, "security-lake"), "no folder");
  const run = await lab.once("--output", `file:${join(lab.folder, "out")}`);
  expect(run.code).toBe(0);
  expect(run.stderr()).toMatch(/WARNING: .*last-run\.json cannot be written \(E/);
});
