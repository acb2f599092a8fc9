import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { startWodle } from "@threatlockdown/tooling-lab";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Context } from "../src/command.ts";
import { once } from "../src/commands/once.ts";
import { readConfiguration } from "../src/configuration.ts";
import { exitCode } from "../src/exit-code.ts";
import { connectIndexer } from "../src/indexer.ts";
import { createLog } from "../src/log.ts";
import { counted } from "../src/summary.ts";
import { unreadable } from "../src/unreadable.ts";

describe("the help of once", () => {
  it("has every exit code, and says that what is quarantined is no failure", () => {
    for (const code of Object.values(exitCode)) expect(once.help).toMatch(new RegExp(`^  ${code} +\\w`, "m"));
    expect(once.help).toMatch(/\n {2}0 .*quarantined.*neither is a failure/s);
    for (const line of once.help.split("\n")) expect(line.length).toBeLessThanOrEqual(120);
  });
});

it.each([
  ["constructor", "constructor"],
  ["o\u001b[31mnce", "o\ufffd[31mnce"],
])("a command that is none is told in one line: %j", async (name, shown) => {
  const run = startWodle([name], {});
  expect((await run.ended).code).toBe(2);
  expect(run.stderr()).toBe(`ERROR: There is no command "${shown}"; security-lake-wodle --help lists them.\n`);
});

describe("a configuration", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "threatlockdown-texts-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function read(text: string) {
    const file = join(folder, "ossec.conf");
    await writeFile(file, text);
    const said: string[] = [];
    const log = createLog("info", (line) => said.push(line));
    const settings = await readConfiguration(file, log).catch((error: Error) => error);
    return { settings, said };
  }
  const module = (inside: string, subscriber: string) =>
    `<ossec_config><wodle name="aws-s3">${inside}<subscriber type="security_lake">${subscriber}</subscriber></wodle></ossec_config>`;

  it("that has errors is told with what stops the run last, after what could be better", async () => {
    const { settings, said } = await read(module("<nonsense/><interval>1h</interval>", "<sqs_name>lake</sqs_name>"));
    expect(said.map((line) => line.split(":")[0])).toEqual(["WARNING", "WARNING", "ERROR"]);
    expect(said.at(-1)).toMatch(/error: <nonsense> is no such tag/);
    expect(settings).toMatchObject({
      exitCode: 12,
      message: expect.stringMatching(/has 1 error, see above: nothing was done\.$/),
    });
  });

  it.each([
    [undefined, /^<indexer> is missing .*: write <indexer><hosts>/],
    [
      { enabled: false, hosts: ["https://localhost:9200"] },
      /^<indexer> is disabled .*: write <enabled>yes<\/enabled> into it/,
    ],
    [{ enabled: true, hosts: [] }, /^<indexer> names no host .*: write <indexer><hosts>/],
  ])("whose indexer is %j says what to write", async (indexer, message) => {
    await expect(connectIndexer(indexer as never, {} as never, {} as Context)).rejects.toMatchObject({
      exitCode: 12,
      message: expect.stringMatching(message),
    });
  });
});

describe("a file that cannot be read", () => {
  it.each([
    ["ENOENT", "A /f cannot be read (ENOENT): there is no such file; mend it."],
    ["EACCES", `A /f cannot be read (EACCES): user ${userInfo().username} may not read it; let this user read it `],
    ["EIO", "A /f cannot be read (EIO): mend it."],
  ])("for %s is named, with why and what to do", (code, line) => {
    expect(unreadable("A", "/f", Object.assign(new Error(), { code }), "mend it")).toContain(line);
  });

  const indexer = { enabled: true, hosts: ["https://localhost:9200"], certificateAuthorities: [] as string[] };
  const none = "cannot be read (ENOENT): correct its path";
  it.each([
    [{ ...indexer, certificateAuthorities: ["/no.pem"] }, {}, `<indexer>: the file /no.pem of <ca> ${none}`],
    [{ ...indexer, certificate: import.meta.filename, key: "/no.key" }, {}, `the file /no.key of <key> ${none}`],
    [
      { ...indexer, certificate: "/", key: "/no.key" },
      {},
      "the file / of <certificate> cannot be read (EISDIR): it is",
    ],
    [indexer, { credentialsFile: "/no.file" }, `The indexer credentials file /no.file ${none}`],
  ])("of the indexer is said to be that of an element or an option: %j %j", async (settings, options, line) => {
    const context = { environment: {} } as Context;
    await expect(connectIndexer(settings, options as never, context)).rejects.toMatchObject({
      exitCode: 12,
      message: expect.stringContaining(line),
    });
  });
});

describe("a count", () => {
  it("of one is told as one", () => {
    expect([0, 1, 2, 1_234].map((number) => counted(number, "event"))).toEqual([
      "0 events",
      "1 event",
      "2 events",
      "1,234 events",
    ]);
  });
});
