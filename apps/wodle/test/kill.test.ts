import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createLab, type Lab, until, type Wodle } from "@threatlockdown/tooling-lab";
import { createRandom, type LakeObject, makeObject } from "@threatlockdown/tooling-lake";
import { expect, it } from "vitest";
import { startStoringIndexer } from "./storing-indexer.ts";

const rows = 3;

/** Not what a start needs: it gives up after three tries, and three calls in a row do fail now and then. */
function strike({ aws }: Lab): void {
  const faults = [{ error: "InternalError", status: 500 }, { reset: "before" }, { reset: "after" }] as const;
  const operation = /Object|Message/;
  for (const [seed, fault] of faults.entries()) aws.faults.add({ operation, probability: 0.02, seed, ...fault });
  aws.faults.add({ service: "s3", truncate: 500, probability: 0.02, seed: 7 });
}

const placesOf = (keys: readonly string[]) =>
  keys.flatMap((key) => Array.from({ length: rows }, (_, row) => `${key} ${row}`));

it("loses and doubles nothing in files when it is killed again and again among faults", async () => {
  let ahead = 0;
  await using lab = await createLab({ aws: { now: () => Date.now() + ahead, clockSkew: 86_400_000 } });
  const objects = Array.from({ length: 80 }, (_, seed) =>
    makeObject({ source: "route53_2_0", rows, seed: `k${seed}` }),
  );
  for (const object of objects) lab.put(object);
  strike(lab);
  const output = join(lab.folder, "out");
  const once = ["once", "--output", `file:${output}`];

  for (const goal of [60, 25]) {
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
  expect(places.sort()).toEqual(placesOf(objects.map(({ key }) => key)).sort());
}, 300_000);

/** What dead letters hold, by place; a line that a kill has torn holds nothing. */
function deadLetters(lab: Lab): Set<string> {
  const path = join(lab.folder, "security-lake", "dead-letter.ndjson");
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  const places = text.split("\n").flatMap((line) => {
    try {
      const { kind, document, objects } = JSON.parse(line);
      if (kind === "message") return placesOf(objects.map(({ key }: { key: string }) => key));
      const { key, row } = JSON.parse(document).security_lake;
      return [`${key} ${row}`];
    } catch {
      return [];
    }
  });
  return new Set(places);
}

it("keeps each event of a thousand objects in one place or another, killed at any of its calls", async () => {
  const [moments, random] = [createRandom("moments"), createRandom("indexer")];
  let ahead = 0;
  /** Calls of the running process to AWS and the indexer; it is killed at one of them, before it has the answer. */
  let calls = 0;
  let fatal = Number.POSITIVE_INFINITY;
  let wodle: Wodle | undefined;
  const called = () => void (++calls === fatal && wodle?.kill("SIGKILL"));

  const refusedRow = (key: string, row: number) => row === 1 && key.includes("/1-");
  await using indexer = await startStoringIndexer(
    {
      request: () => (random.chance(0.05) ? 503 : undefined),
      document({ key, row }) {
        if (refusedRow(key, row)) return [400, "mapper_parsing_exception"];
        return random.chance(0.02) ? [429, "rejected_execution_exception"] : undefined;
      },
    },
    called,
  );
  await using lab = await createLab({
    indexer: { url: indexer.url },
    aws: { now: () => Date.now() + ahead, clockSkew: 86_400_000, onRequest: called },
  });
  const variants = Array.from({ length: 20 }, (_, variant) =>
    makeObject({ source: "route53_2_0", rows, seed: `v${variant}` }),
  );
  const broken = Buffer.from("this is no Parquet file");
  const keys = Array.from({ length: 1_000 }, (_, number) => {
    const { key, bytes } = variants[number % variants.length] as LakeObject;
    const named = key.replace(/[^/]*$/, `${number % 100}-${number}.parquet`);
    lab.put({ key: named, bytes: number % 100 === 2 ? broken : bytes });
    return named;
  });
  strike(lab);
  const announced = new Map(
    lab.aws.messages(lab.subscription.queueUrl).map(({ id, body }) => [id, keys.find((key) => body.includes(key))]),
  );
  expect(new Set(announced.values()).size).toBe(1_000);

  /** Events that are neither stored, nor kept as dead letters, nor announced by a message. */
  const lost = () => {
    const stored = [...indexer.stored.values()].map(({ key, row }) => `${key} ${row}`);
    const waiting = lab.aws.messages(lab.subscription.queueUrl).map(({ id }) => announced.get(id) as string);
    const there = new Set([...stored, ...deadLetters(lab), ...placesOf(waiting)]);
    return placesOf(keys).filter((place) => !there.has(place));
  };
  for (let life = 0; life < 4; life++) {
    [calls, fatal] = [0, moments.between(40, 220)];
    wodle = lab.wodle(["once"]);
    expect((await wodle.ended).signal).toBe("SIGKILL");
    expect(lost()).toEqual([]);
    ahead += 400_000;
  }
  fatal = Number.POSITIVE_INFINITY;
  for (let round = 0; lab.messages() > 0 && round < 5; round++) {
    expect((await lab.wodle(["once"]).ended).code).toBe(0);
    ahead += 400_000;
  }
  expect(lab.messages()).toBe(0);
  expect(lost()).toEqual([]);
  const stored = [...indexer.stored.values()].map(({ key, row }) => `${key} ${row}`);
  const isDead = (place: string) => {
    const [key, row] = place.split(" ") as [string, string];
    return key.includes("/2-") || refusedRow(key, Number(row));
  };
  expect(stored.sort()).toEqual(
    placesOf(keys)
      .filter((place) => !isDead(place))
      .sort(),
  );
  expect([...deadLetters(lab)].sort()).toEqual(placesOf(keys).filter(isDead).sort());
}, 300_000);
