import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createLab, until } from "@threatlockdown/tooling-lab";
import { makeObject } from "@threatlockdown/tooling-lake";
import { expect, it } from "vitest";

it("loses and doubles nothing when it is killed again and again among faults", async () => {
  let ahead = 0;
  await using lab = await createLab({ aws: { now: () => Date.now() + ahead, clockSkew: 86_400_000 } });
  const rows = 3;
  const objects = Array.from({ length: 160 }, (_, seed) =>
    makeObject({ source: "route53_2_0", rows, seed: `k${seed}` }),
  );
  for (const object of objects) lab.put(object);
  const faults = [{ error: "InternalError", status: 500 }, { reset: "before" }, { reset: "after" }] as const;
  for (const [seed, fault] of faults.entries()) lab.aws.faults.add({ probability: 0.02, seed, ...fault });
  lab.aws.faults.add({ service: "s3", truncate: 500, probability: 0.02, seed: 7 });
  const output = join(lab.folder, "out");
  const once = ["once", "--output", `file:${output}`];

  for (const goal of [120, 50]) {
    const slow = lab.aws.faults.add({ service: "s3", latency: 40 });
    const wodle = lab.wodle([...once, "--concurrency", "8"]);
    await until(() => lab.messages() <= goal);
    wodle.kill("SIGKILL");
    expect((await wodle.ended).signal).toBe("SIGKILL");
    slow();
    // The leases of the dead process run out.
    ahead += 400_000;
  }
  for (let round = 0; lab.messages() > 0 && round < 5; round++) {
    expect((await lab.wodle(once).ended).code).toBe(0);
    ahead += 400_000;
  }
  expect(lab.messages()).toBe(0);
  expect(await lab.deadLetters()).toEqual([]);
  // What a process was killed over is a file of another name, which the next one wrote again under its own.
  const places = readdirSync(output)
    .filter((file) => file.endsWith(".ndjson"))
    .flatMap((file) => readFileSync(join(output, file), "utf8").trimEnd().split("\n"))
    .map((line) => JSON.parse(line).security_lake)
    .map(({ key, row }) => `${key} ${row}`);
  const expected = objects.flatMap(({ key }) => Array.from({ length: rows }, (_, row) => `${key} ${row}`));
  expect(places.sort()).toEqual(expected.sort());
}, 120_000);
