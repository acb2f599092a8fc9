import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createLab } from "@threatlockdown/tooling-lab";
import { makeObject } from "@threatlockdown/tooling-lake";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startStoringIndexer } from "./storing-indexer.ts";

const run = promisify(execFile);
const app = join(import.meta.dirname, "..");
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "threatlockdown-bundle-"));
  const tsup = join(app, "../../node_modules/tsup/dist/cli-default.js");
  await run(process.execPath, [tsup, "--out-dir", folder], { cwd: app });
});
afterAll(() => rm(folder, { recursive: true }));

it("does the job far from any node_modules", async () => {
  expect(await readdir(folder)).toEqual(["app.js", "main.js"]);
  await using lab = await createLab();
  lab.put(makeObject({ source: "waf_2_0", rows: 7 }));
  const output = join(lab.folder, "out");
  const args = ["once", "--json", "--config", join(lab.folder, "ossec.conf"), "--output", `file:${output}`];
  const { stdout, stderr } = await run(process.execPath, [join(folder, "main.js"), ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: "/nonexistent", ...lab.environment },
  });
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toMatchObject({ events: 7, stored: 7, deleted: 1 });
});

it("writes to an indexer far from any node_modules", async () => {
  const trouble = { request: () => undefined, document: () => undefined };
  await using indexer = await startStoringIndexer(trouble, () => {});
  await using lab = await createLab({ indexer: { url: indexer.url } });
  lab.put(makeObject({ source: "waf_2_0", rows: 7 }));
  const env = { PATH: process.env.PATH, HOME: "/nonexistent", ...lab.environment };
  const start = (command: string) =>
    run(process.execPath, [join(folder, "main.js"), command, "--config", join(lab.folder, "ossec.conf")], {
      cwd: folder,
      env,
    });
  expect((await start("setup")).stderr).toBe("");
  await start("once");
  expect(indexer.stored.size).toBe(7);
});

it.each(["20.19.0", "25.9.0"])("says what it needs where Node %s starts it", async (version) => {
  const older = `Object.defineProperty(process.versions, "node", { value: "${version}" })`;
  const started = run(process.execPath, [
    "--import",
    `data:text/javascript,${older}`,
    join(folder, "main.js"),
    "--help",
  ]);
  await expect(started).rejects.toMatchObject({
    code: 2,
    stderr: `ERROR: This program needs Node 26 or a later one, and was started by Node ${version}.\n`,
  });
});
