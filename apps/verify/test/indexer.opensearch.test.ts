import { hostname as osHostname } from "node:os";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Result } from "../src/check.ts";
import { checks } from "../src/checks/table.ts";
import { fixPlan } from "../src/report/fix-plan.ts";
import { htmlReport } from "../src/report/html.ts";
import { jsonReport } from "../src/report/json.ts";
import { junitReport } from "../src/report/junit.ts";
import { textReport } from "../src/report/text.ts";
import { run } from "../src/run.ts";
import { verdictOf } from "../src/verdict.ts";
import { indexerFaults } from "./indexer-faults.ts";
import { createPlace, hostname, ofIndexer, type Place, printed, writer } from "./indexer-setting.ts";

let place: Place;
beforeAll(async () => {
  place = await createPlace();
});
let whole = false;
beforeEach(async ({ task, onTestFinished }) => {
  place.reset();
  // A fault that was mended has left nothing that has to be restored.
  if (!whole) await place.restore();
  whole = false;
  onTestFinished(() => {
    whole = task.result?.state === "pass";
  });
});
afterAll(() => place?.close());

/** Each probe makes an index: it is left out where a fault cannot touch it. */
const withoutProbe = ofIndexer.filter((id) => id !== "indexer-probe");

const troubles = (results: readonly Result[]) =>
  results.flatMap(({ check, state, seen }) =>
    state === "failed" || state === "warning" ? [`${check.id}: ${seen}`] : [],
  );

const worst = (results: readonly Result[]) => {
  const wrong = results.filter(({ state }) => state === "failed" || state === "warning");
  return wrong.find(({ state }) => state === "failed") ?? wrong[0];
};

const told = (results: readonly Result[]) => {
  const verdict = verdictOf(results);
  const look = { colours: true };
  const reports = [textReport, jsonReport, htmlReport, junitReport].map((report) => report(verdict, results, look));
  return [...reports, fixPlan(results)].join("\n");
};

async function indices(): Promise<string[]> {
  const found = await place.server.request<{ index: string }[]>(
    "GET",
    "/_cat/indices?format=json&expand_wildcards=all",
  );
  return found.map(({ index }) => index).sort();
}

describe("an indexer that is right", () => {
  it("is well in every respect, and as it was", async () => {
    const before = await indices();
    const results = await place.verify();
    expect(results.filter(({ state }) => state !== "ok").map(({ check, seen }) => `${check.id}: ${seen}`)).toEqual([
      expect.stringMatching(/^indexer-retention: the indexer has no plugin/),
    ]);
    expect(results.find(({ check }) => check.id === "indexer-probe")?.seen).toMatch(
      /written, found by .*, and removed/,
    );
    expect(await indices()).toEqual(before);
    const { count } = await place.server.request<{ count: number }>("GET", "/wazuh-alerts-*/_count");
    expect(count).toBe(1);
  });

  it("is told as far as the subscriber's own user may look, who can tell the rest, and nothing is written", async () => {
    const before = await indices();
    place.users = { own: place.users.own };
    const results = await place.verify();
    expect(troubles(results)).toEqual([]);
    const open = results.filter(({ state }) => state === "could not check").map(({ check }) => check.id);
    expect(open).toEqual(["indexer-health", "indexer-blocks", "indexer-probe", "dashboard-fields", "indexer-lag"]);
    expect(verdictOf(results).line).toMatch(/To check more: Run it with --indexer-admin FILE\.$/);
    expect(await indices()).toEqual(before);
  });

  it("says that the password of --indexer-admin is wrong, and asks nobody for rights", async () => {
    const basic = { username: "admin", password: "wrong" };
    place.users = { own: place.users.own, admin: async () => ({ basic }) };
    const results = await place.verify();
    expect(troubles(results)).toEqual([]);
    const open = results.filter(({ state }) => state === "could not check");
    expect(open.map(({ check }) => check.id)).toContain("indexer-probe");
    expect(new Set(open.map(({ seen, fix }) => `${seen}: ${fix}`))).toEqual(
      new Set([
        "could not check, because the indexer refuses the user of --indexer-admin or the password (401): Correct the file of --indexer-admin",
      ]),
    );
  });

  it("is not judged without a user", async () => {
    place.users = { own: async () => undefined };
    const results = await place.verify();
    expect(troubles(results)).toEqual([]);
    expect(results.find(({ check }) => check.id === "indexer-user")?.fix).toMatch(/INDEXER_USERNAME/);
  });
});

describe("a fault of the indexer is found first, and its fix as printed makes the next run clean", () => {
  it.each(indexerFaults)("$name", async (fault) => {
    await fault.make(place);
    const results = await place.verify({ only: fault.found === "indexer-probe" ? ofIndexer : withoutProbe });
    const found = worst(results);
    expect(found && { id: found.check.id, state: found.state, seen: found.seen }).toEqual({
      id: fault.found,
      state: fault.state ?? "failed",
      seen: expect.stringMatching(fault.seen),
    });
    expect(found?.fix).toBeTypeOf("string");
    expect(told(results)).not.toContain(writer.password);
    if (fault.mend !== undefined) await fault.mend(place);
    else {
      expect(printed(found as Result)).not.toEqual([]);
      for (const command of printed(found as Result)) await place.perform(command);
    }
    // What requests have mended is shown by a document as well.
    expect(troubles(await place.verify({ only: fault.mend ? withoutProbe : ofIndexer }))).toEqual([]);
  });
});

describe("the request that gives events the name by which they are shown", () => {
  it("is for those that are not shown", async () => {
    await place.restore();
    await place.store({ manager: "another.example" });
    const make = indexerFaults.find(({ name }) => name === "events have the name of another manager")?.make;
    await make?.(place);
    const [found] = (await place.verify()).filter(({ state }) => state === "failed");
    const [command = ""] = printed(found as Result);
    expect(command).toMatch(/curl .* --user admin --request POST --url \S+\/_update_by_query\?conflicts=proceed/);
    const { query, script } = JSON.parse(/--data '(.*)'$/.exec(command)?.[1]?.replaceAll("'\\''", "'") ?? "");
    await place.store();
    const { hits } = await place.server.request<{ hits: { hits: { _source: { manager: { name: string } } }[] } }>(
      "POST",
      "/wazuh-alerts-*/_search",
      { query },
    );
    expect(hits.hits.map(({ _source }) => _source.manager.name)).toEqual(["another.example"]);
    expect(script.params).toEqual({ manager: { name: hostname } });
  });
});

describe("with all that AWS has being well", () => {
  it("the first line says what to do about the indexer", async () => {
    place.setting.put();
    const { make } = indexerFaults.find(({ name }) => name === "the disk was full") ?? {};
    await make?.(place);
    const only = checks({ receive: true }).map(({ id }) => id);
    const results = await place.verify({ only });
    expect(verdictOf(results).line).toMatch(
      /^Of \d+ checks: 1 failed \(indexer-blocks\), .*First: Someone who manages the indexer makes room on its disks/,
    );
    expect(results.flatMap(({ check, state }) => (state === "failed" ? check.id : []))).toEqual(["indexer-blocks"]);
  });
});

describe("the command line", () => {
  async function told(...options: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
    const { config, admin } = await place.files();
    const { base, ...surroundings } = place.setting.surroundings;
    let text = "";
    const code = await run(["--config", config, "--indexer-admin", admin, "--no-receive", ...options], {
      environment: { INDEXER_USERNAME: writer.username, INDEXER_PASSWORD: writer.password },
      print: (part) => {
        text += part;
      },
      complain: () => {},
      colours: false,
      wait: async () => {},
      surroundings: { ...surroundings, ...(base !== undefined && { base }) },
      limits: { timeout: 30_000, total: 60_000 },
    });
    return { code, text };
  }
  const only = ["--only", ofIndexer.join(",")];

  it("takes the users from environment and file, as the subscriber does, and shows no password", async () => {
    await place.restore();
    await place.store({ manager: osHostname() });
    const { code, text } = await told(...only);
    expect(text).toMatch(/^(All well|Nothing wrong)/);
    expect(code).toBe(0);
    expect(text).toContain("it is writer, with the roles");
    expect(text).toContain("found by rule.groups: amazon_security_lake, and removed");
    for (const { password } of Object.values(place.server.users)) expect(text).not.toContain(password);
  });

  it("masks the user's name where that is asked for, refused or not", async () => {
    const { text } = await told(...only, "--redact", "--no-probe");
    expect(text).toContain("it is <user-1>, with the roles");
    expect(text).not.toMatch(/\bit is writer\b/);
    expect(text).toContain("nothing was written, as asked for");
  });

  it("cannot run with an administrator's file that cannot be used", async () => {
    await expect(told("--indexer-admin", "/nonexistent/file")).rejects.toThrow(/--indexer-admin: .*ENOENT/);
  });
});
