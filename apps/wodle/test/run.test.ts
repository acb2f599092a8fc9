import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createLab, type Lab, until } from "@threatlockdown/tooling-lab";
import { makeObject } from "@threatlockdown/tooling-lake";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

describe("run", () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await createLab({ schedule: "<interval>1s</interval>" });
  });
  afterEach(() => lab.close());
  const output = () => join(lab.folder, "out");

  it("takes what comes between two runs, says what the stock module says, and ends on SIGTERM", async () => {
    const wodle = lab.wodle(["run", "--output", `file:${output()}`]);
    await wodle.said("INFO: Fetching logs finished.");
    expect(existsSync(output())).toBe(false);
    lab.put(makeObject({ source: "waf_2_0", rows: 5 }));
    await until(() => lab.messages() === 0);
    wodle.kill("SIGTERM");
    expect(await wodle.ended).toEqual({ code: 0, signal: null });
    expect(readdirSync(output())).toHaveLength(1);
    expect(wodle.stdout()).toMatch(/^Queue +AmazonSecurityLake-.*\nEvents +5 of 1 object /);
    for (const line of [
      "Module AWS started",
      "Starting fetching of logs.",
      `Executing Subscriber fetch: (Type and SQS: security_lake ${lab.subscription.queueName})`,
    ]) {
      expect(wodle.stderr()).toContain(`INFO: ${line}`);
    }
  });

  it("goes on after a run that failed, and says why it did", async () => {
    const refuse = lab.aws.faults.add({
      service: "sts",
      operation: "AssumeRole",
      error: "AccessDenied",
      message: "not authorized to perform: sts:AssumeRole",
    });
    const wodle = lab.wodle(["run", "--output", `file:${output()}`]);
    await wodle.said("Returned exit code 3");
    await wodle.said("ERROR: Subscriber: security_lake");
    refuse();
    lab.put(makeObject({ source: "waf_2_0", rows: 5 }));
    await until(() => lab.messages() === 0);
    wodle.kill("SIGTERM");
    expect((await wodle.ended).code).toBe(0);
  });
});
