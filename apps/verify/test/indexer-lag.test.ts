import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runChecks } from "../src/check.ts";
import { indexerLag } from "../src/checks/indexer-lag.ts";
import { openIndexer } from "../src/indexer.ts";
import { createLake } from "../src/lake.ts";
import { lastRunFile } from "../src/last-run.ts";
import { patientLimits } from "./patience.ts";
import { createSetting, laterObject, object, type Setting } from "./setting.ts";

const hour = 3_600_000;
const written = (setting: Setting, ago: number, file = object) => {
  setting.ahead = -ago;
  setting.put(file);
  setting.ahead = 0;
};

/** What is told where the newest event happened so long ago, and those of these objects are stored. */
async function found(
  setting: Setting,
  { happened, keys = [], ran = hour }: { happened?: number; keys?: string[]; ran?: number },
) {
  const event = (key: string) => ({
    _source: {
      timestamp: new Date(Date.now() - (happened ?? 0)).toISOString(),
      security_lake: { bucket: setting.lake.bucket, key },
    },
  });
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const key: string | undefined = JSON.parse(body || "{}").query?.term?.["security_lake.key"];
    const some = happened !== undefined && (key === undefined || keys.includes(key));
    const answer = request.url?.includes("_search")
      ? { hits: { hits: some ? [event(key ?? "older")] : [] } }
      : { version: { distribution: "opensearch", number: "2.19.1" } };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const state = await mkdtemp(join(tmpdir(), "threatlockdown-lag-"));
  const run = { succeeded: { at: new Date(Date.now() - ran).toISOString(), events: 1 } };
  await writeFile(join(state, lastRunFile), JSON.stringify({ version: 1, queues: { [setting.lake.queueName]: run } }));
  const hosts = [`http://127.0.0.1:${(server.address() as AddressInfo).port}`];
  try {
    await using indexer = openIndexer(
      { enabled: true, hosts, certificateAuthorities: [] },
      { own: async () => undefined },
    );
    const manager = { file: "ossec.conf", settings: { modules: [] }, issues: [], state } as never;
    const lake = createLake(setting.subscriber, { ...setting.surroundings, indexer, manager });
    return (await runChecks([indexerLag], lake, patientLimits))[0];
  } finally {
    server.closeAllConnections();
    server.close();
    await rm(state, { recursive: true, force: true });
  }
}

it("an object that has just come after a quiet night is no lag", async () => {
  await using setting = await createSetting({ empty: true });
  written(setting, 0);
  const alone = await found(setting, { happened: 17 * hour });
  expect(alone).toMatchObject({ state: "could not check", awaited: true });
  written(setting, 8 * hour);
  written(setting, 0, laterObject);
  expect(await found(setting, { happened: 17 * hour, keys: [object.key] })).toMatchObject({
    state: "ok",
    seen: expect.stringMatching(/written 8 h ago, are$/),
  });
});

it("an object that came before the last runs, and of which nothing is stored, is", async () => {
  await using setting = await createSetting({ empty: true });
  written(setting, 8 * hour);
  written(setting, 0, laterObject);
  expect(await found(setting, { happened: 17 * hour })).toMatchObject({ state: "warning" });
  expect(await found(setting, {})).toMatchObject({ state: "warning", seen: expect.stringMatching(/^no event/) });
});

it("what a run has just written is waited for until it is found", async () => {
  await using setting = await createSetting({ empty: true });
  written(setting, 8 * hour);
  const told = await found(setting, { happened: 17 * hour, ran: 2_000 });
  expect(told).toMatchObject({ state: "could not check", awaited: true, seen: expect.stringContaining("just run") });
});
