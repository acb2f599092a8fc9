import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readSettings } from "@threatlockdown/ossec-config";
import { createLab } from "@threatlockdown/tooling-lab";
import { makeObject } from "@threatlockdown/tooling-lake";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Result, runChecks } from "../src/check.ts";
import { checks } from "../src/checks/table.ts";
import { written } from "../src/command.ts";
import { createLake } from "../src/lake.ts";
import { readMachine } from "../src/machine.ts";
import { run } from "../src/run.ts";
import { verdictOf } from "../src/verdict.ts";
import { patientLimits } from "./patience.ts";

const queue = "lake-queue";
const table = checks({ receive: true }).filter(({ id }) =>
  ["configuration", "disk", "runner", "last-run", "dead-letters"].includes(id),
);
const minute = 60_000;

/** The files of a manager's machine; nothing of the real one is looked at. */
let root: string;
let file: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "threatlockdown-machine-"));
  file = join(root, "var/ossec/etc/ossec.conf");
  await mkdir(join(root, "var/ossec/bin"), { recursive: true });
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}
const state = () => join(root, "var/ossec/var/security-lake");
const running = (pid: number, ...words: string[]) => put(`proc/${pid}/cmdline`, `${words.join("\0")}\0`);
const unit = (command: string) =>
  `[Service]\nExecStart=/usr/bin/security-lake-wodle ${command} \\\n  --config ossec.conf\n`;
const lastRun = (outcome: object) =>
  put("var/ossec/var/security-lake/last-run.json", JSON.stringify({ version: 1, queues: { [queue]: outcome } }));
const ago = (milliseconds: number) => new Date(Date.now() - milliseconds).toISOString();

function conf(more = "", disabled = "no"): string {
  return `<ossec_config>
  ${more}
  <wodle name="aws-s3">
    <disabled>${disabled}</disabled>
    <interval>10m</interval>
    <subscriber type="security_lake">
      <sqs_name>${queue}</sqs_name>
      <iam_role_arn>arn:aws:iam::123456789012:role/Lake</iam_role_arn>
      <external_id>external-id-of-a-test</external_id>
    </subscriber>
  </wodle>
</ossec_config>`;
}

async function verify(text = conf()): Promise<(id: string) => Result[]> {
  const { settings, issues } = readSettings(text);
  const [subscriber] = settings.modules.flatMap(({ subscribers }) => subscribers);
  if (subscriber === undefined) throw new Error("no subscriber");
  const manager = { file, settings, issues, state: state(), hostname: "manager", root };
  const results = await runChecks(table, createLake(subscriber, { manager }), patientLimits);
  return (id) => results.filter(({ check }) => check.id === id);
}

describe("what is wrong with ossec.conf", () => {
  it("is told issue by issue, with line and fix; errors fail, warnings warn", async () => {
    const found = (
      await verify(conf("<cluster><disabled>perhaps</disabled></cluster>\n<indexer><hosts></hosts></indexer>"))
    )("configuration");
    expect(found.map(({ state }) => state)).toContain("failed");
    const [cluster] = found;
    expect(cluster).toMatchObject({
      state: "failed",
      seen: expect.stringMatching(/ossec\.conf:2:\d+: error: <disabled> is "perhaps"/),
      fix: "Write yes or no",
      place: expect.stringMatching(/^line 2 of .*ossec\.conf$/),
    });
    expect(new Set(found.map(({ seen }) => seen)).size).toBe(found.length);
  });

  it("does not keep the other checks from running, where a subscriber can be read", async () => {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, conf("<cluster><disabled>perhaps</disabled></cluster>"));
    let told = "";
    const code = await run(["--config", file, "--only", "configuration,disk"], {
      environment: {},
      print: (text) => {
        told += text;
      },
      complain: () => {},
      colours: false,
      wait: async () => {},
    });
    expect(code).toBe(1);
    expect(told).toMatch(/^Of 2 checks: 1 failed \(configuration\)\. First: Write yes or no \(line 2 of /);
    expect(told).toMatch(/ok {2}There is room/);
  });
});

describe("an error in ossec.conf", () => {
  const sound = `<sqs_name>${queue}</sqs_name>`;
  const role = "<iam_role_arn>arn:aws:iam::123456789012:role/Lake</iam_role_arn>";
  const id = "<external_id>external-id-of-a-test</external_id>";
  const file = "ossec.conf";
  const all = checks({ receive: true });

  /** The checks that are not run for it; nothing is asked. */
  async function leftOpen(elements: string, more = ""): Promise<readonly string[]> {
    const text = `<ossec_config>${more}<wodle name="aws-s3"><subscriber type="security_lake">${elements}</subscriber></wodle></ossec_config>`;
    const { settings, issues } = readSettings(text);
    const [subscriber] = settings.modules.flatMap(({ subscribers }) => subscribers);
    const asked = new Error("it was asked");
    const lookUp = () => Promise.reject(asked);
    const manager = { file, settings, issues, state: "/nonexistent", hostname: "manager" };
    const nowhere = { endpoint: "http://127.0.0.1:1", region: "us-east-1" };
    const lake = createLake(subscriber as never, { manager, lookUp, base: lookUp as never, ...nowhere });
    // Each by itself: none stands in the way of another.
    const results = await Promise.all(all.map((check) => runChecks([check], lake, patientLimits)));
    return results
      .flat()
      .flatMap(({ check, obstacle }) =>
        obstacle?.because.startsWith("of an error in the configuration: ossec.conf:1:") ? [check.id] : [],
      );
  }
  const between = (first: string, last: string) => {
    const ids = all.map((check) => check.id);
    return ids.slice(ids.indexOf(first), ids.indexOf(last) + 1);
  };
  const ofRole = between("role", "newest-object");
  const ofSession = ["assume-role", "external-id", ...between("queue", "newest-object")];

  it.each<[string, string, string | undefined, readonly string[]]>([
    ["the role", `${sound}<iam_role_arn>none</iam_role_arn>${id}`, undefined, ["queue-name", ...ofRole]],
    ["the external ID", `${sound}${role}<external_id>1</external_id>`, undefined, ["role", ...ofSession]],
    [
      "a name that is no element's",
      `${sound}<iam_rol_arn>x</iam_rol_arn>`,
      undefined,
      between("region", "newest-object").filter((one) => one !== "clock"),
    ],
    ["what has no effect on AWS", `${sound}${role}${id}<discard_regex>x</discard_regex>`, undefined, []],
    [
      "the indexer",
      `${sound}${role}${id}`,
      "<indexer><hosts></hosts></indexer>",
      [...between("indexer", "dashboard-fields"), "indexer-lag"],
    ],
    ["the cluster", `${sound}${role}${id}`, "<cluster><disabled>perhaps</disabled></cluster>", ["dashboard-fields"]],
  ])("in %s is told by the checks that go by it, instead of what they would find", async (_, elements, more, open) => {
    expect(new Set(await leftOpen(elements, more))).toEqual(new Set(open));
  });

  it("of one subscriber does not concern another", async () => {
    const second = `<subscriber type="security_lake">${sound}<iam_role_arn>none</iam_role_arn></subscriber>`;
    expect(await leftOpen(`${sound}${role}${id}</subscriber>\n${second}<subscriber type="security_hub">`)).toEqual([]);
  });
});

describe("what runs the subscriber", () => {
  it("is no process with another configuration", async () => {
    await running(77, "node", "/opt/apps/wodle/dist/main.js", "run", "--config", "/etc/lake.conf");
    expect((await verify())("runner")).toMatchObject([
      {
        state: expect.not.stringMatching("ok"),
        seen: expect.stringContaining("(process 77 runs one with /etc/lake.conf)"),
      },
    ]);
  });

  it("is a process", async () => {
    await running(77, "node", "/opt/apps/wodle/dist/main.js", "run", "--config", file);
    await running(78, "vi", "security-lake-wodle.md");
    expect((await verify())("runner")).toMatchObject([{ state: "ok", seen: "it runs (run, process 77)" }]);
  });

  it("is a process as it really is", async () => {
    await using lab = await createLab();
    const wodle = lab.wodle(["run", "--output", `file:${join(lab.folder, "out")}`]);
    await wodle.said("Module AWS started");
    const { processes } = await readMachine("/");
    wodle.kill("SIGKILL");
    expect(processes).toContainEqual({ pid: wodle.pid, command: "run", config: join(lab.folder, "ossec.conf") });
  });

  it("is a timer's service", async () => {
    await put("usr/lib/systemd/system/lake.service", unit("once"));
    await put("etc/systemd/system/timers.target.wants/lake.timer", "");
    expect((await verify())("runner")).toMatchObject([{ state: "ok", seen: "it is started by the unit lake.service" }]);
  });

  it("is cron", async () => {
    await put("etc/cron.d/lake", "*/5 * * * * root security-lake-wodle once\n");
    await put("etc/crontab", "# security-lake-wodle once\n");
    expect((await verify())("runner")).toMatchObject([{ state: "ok", seen: "it is started by /etc/cron.d/lake" }]);
  });

  it("is the manager, by a wodle of its own, where it runs", async () => {
    const wodle = '<wodle name="command"><command>/usr/bin/security-lake-wodle once</command></wodle>';
    expect((await verify(conf(wodle)))("runner")).toMatchObject([
      { state: "warning", seen: expect.stringContaining("the manager does not run here") },
    ]);
    await running(5, "/var/ossec/bin/wazuh-modulesd");
    expect((await verify(conf(wodle)))("runner")).toMatchObject([
      { state: "ok", seen: 'it is started by <wodle name="command"> in line 2' },
    ]);
  });

  it("is a unit that has ended: failed, and how to start it", async () => {
    await put("etc/systemd/system/lake.service", unit("run"));
    const [found] = (await verify())("runner");
    expect(found).toMatchObject({
      state: "failed",
      seen: expect.stringContaining("lake.service is installed and not enabled"),
    });
    expect(found?.commands?.map(written)).toEqual(["systemctl enable --now lake.service"]);
    await running(9, "/usr/bin/security-lake-wodle", "run");
    expect((await verify())("runner")).toMatchObject([{ state: "ok" }]);
  });

  it("is cron beside a unit that is not enabled", async () => {
    await put("etc/systemd/system/lake.service", unit("run"));
    await put("etc/cron.d/lake", "*/5 * * * * root security-lake-wodle once\n");
    expect((await verify())("runner")).toMatchObject([{ state: "ok", seen: "it is started by /etc/cron.d/lake" }]);
  });

  it("is nothing: a warning with a unit to paste, which is then taken for one", async () => {
    const [found] = (await verify())("runner");
    expect(found).toMatchObject({ state: "warning", seen: "nothing on this machine runs the subscriber" });
    await put("etc/systemd/system/security-lake.service", found?.paste ?? "");
    await put("etc/systemd/system/multi-user.target.wants/security-lake.service", "");
    await running(9, "/usr/bin/security-lake-wodle", "run", "--config", file);
    expect((await verify())("runner")).toMatchObject([
      { state: "ok", seen: "it runs (run, process 9); it is started by the unit security-lake.service" },
    ]);
  });

  it("is not known where the file is no manager's", async () => {
    await rm(join(root, "var/ossec/bin"), { recursive: true });
    expect((await verify())("runner")).toMatchObject([
      { state: "not applicable", seen: expect.stringContaining("is in no manager's folder") },
    ]);
  });

  it("is the manager's own module too: a warning", async () => {
    await running(5, "/var/ossec/bin/wazuh-modulesd");
    await put("var/ossec/wodles/aws/aws-s3", "#!/bin/sh\n");
    expect((await verify())("runner")).toMatchObject([
      { state: "warning", seen: expect.stringContaining("the manager's own module aws-s3 takes the messages") },
    ]);
    await running(9, "/usr/bin/security-lake-wodle", "run");
    expect((await verify())("runner")).toMatchObject([
      { state: "ok" },
      { state: "warning", seen: expect.stringContaining("takes messages of the same queue") },
    ]);
  });
});

describe("the last run", () => {
  it("has not been: that is no failure", async () => {
    expect((await verify())("last-run")).toMatchObject([
      { state: "could not check", fix: expect.stringContaining("Run the subscriber once") },
    ]);
  });

  it("has succeeded lately", async () => {
    await lastRun({ succeeded: { at: ago(5 * minute), events: 12, deadLettered: 2, left: 0 } });
    expect((await verify())("last-run")).toMatchObject([
      { state: "ok", seen: "the last one that succeeded ended 5 min ago: 12 events, 2 dead letters" },
    ]);
  });

  it("has succeeded, but too long ago for its interval", async () => {
    await lastRun({ succeeded: { at: ago(300 * minute), events: 1 } });
    const [found] = (await verify())("last-run");
    expect(found).toMatchObject({ state: "warning", seen: expect.stringContaining("ended 5 h ago") });
    expect(found?.commands?.map(written)).toEqual([`security-lake-wodle once --config ${file}`]);
  });

  it("has failed: with its reason and the last success", async () => {
    await lastRun({
      succeeded: { at: ago(600 * minute), events: 3 },
      failed: { at: ago(2 * minute), exitCode: 11, reason: "Indexer refuses user or password (401)" },
    });
    expect((await verify())("last-run")).toMatchObject([
      {
        state: "failed",
        seen: expect.stringMatching(
          /^the last run ended 2 min ago with exit code 11: Indexer refuses .*ended 10 h ago: 3 events$/,
        ),
      },
    ]);
  });

  it("left a file that is not whole: that is no failure of the run", async () => {
    await put("var/ossec/var/security-lake/last-run.json", "{");
    expect((await verify())("last-run")).toMatchObject([{ state: "could not check" }]);
  });

  it("is told by what the subscriber itself leaves", async () => {
    await using lab = await createLab();
    lab.put(makeObject({ source: "waf_2_0", rows: 4 }));
    await lab.once("--output", `file:${join(lab.folder, "out")}`);
    const [check] = table.filter(({ id }) => id === "last-run");
    const { settings } = readSettings(conf().replace(queue, lab.subscription.queueName));
    const [subscriber] = settings.modules.flatMap(({ subscribers }) => subscribers);
    const manager = { file, settings, issues: [], state: join(lab.folder, "security-lake"), root };
    const lake = createLake(subscriber as never, { manager });
    expect(await check?.run(lake, AbortSignal.timeout(60_000), () => {})).toMatchObject({
      state: "ok",
      seen: expect.stringMatching(/ended 0 min ago: 4 events$/),
    });
  });
});

describe("dead letters", () => {
  const entry = (kind: string, reason: string, minutes: number) =>
    JSON.stringify({ time: ago(minutes * minute), kind, reason, queue, document: '{"secret":"of an event"}' });

  it("that wait are counted, with the newest reason and without their content, and how to send them again", async () => {
    const preview = "failed to parse field [data.x] of type [ip]. Preview of field's value: 'of an event'";
    await put("var/ossec/var/security-lake/dead-letter.ndjson", `${entry("document", preview, 1)}\n{"torn`);
    await put("var/ossec/var/security-lake/dead-letter.ndjson.2026-01-01-ab", `${entry("message", "no key", 9)}\n`);
    const results = await verify();
    const [found] = results("dead-letters");
    expect(found).toMatchObject({
      state: "warning",
      seen: expect.stringMatching(/^documents: 1, messages: 1, in .*failed to parse field \[data\.x\] of type \[ip\]$/),
      paste: expect.stringContaining("aws sqs send-message"),
    });
    expect(JSON.stringify(found)).not.toContain("of an event");
    const commands = found?.commands?.map(written) ?? [];
    const [, time] = /replay\.ndjson\.(\d{14})$/.exec(commands[0] ?? "") ?? [];
    const [first, second] = [`replay.ndjson.${time}`, `replay.ndjson.2026-01-01-ab.${time}`];
    expect(commands).toEqual([
      `mv -n ${state()}/dead-letter.ndjson ${state()}/${first}`,
      `security-lake-wodle replay --dead-letter ${state()}/${first} --config ${file}`,
      `mv -n ${state()}/dead-letter.ndjson.2026-01-01-ab ${state()}/${second}`,
    ]);
    expect(found?.paste).toContain(`cat ${state()}/${second} | jq`);
    expect(found?.paste).toContain(`aws sqs get-queue-url --queue-name ${queue} `);
    expect(found?.fix).toContain("only after the messages are resent");
    expect(verdictOf(results("dead-letters"), { strict: true }).exitCode).toBe(3);
  });

  it("of one kind are told without what is to be done about the other", async () => {
    const at = "var/ossec/var/security-lake/dead-letter.ndjson";
    await put(at, `${entry("message", "no key", 9)}\n`);
    const [messages] = (await verify())("dead-letters");
    expect(messages?.fix).not.toMatch(/documents/);
    expect(messages?.commands?.map(written)).toEqual([expect.stringMatching(/^mv -n /)]);
    await put(at, `${entry("document", "no such field", 9)}\n`);
    const [documents] = (await verify())("dead-letters");
    expect(documents?.fix).not.toMatch(/messages/);
    expect(documents?.paste).toBeUndefined();
    expect(documents?.commands).toHaveLength(2);
  });

  it("are told with a reason that is long, on one line", async () => {
    const reason = `s3://lake/${"k".repeat(1_000)} cannot be read\nas Parquet`;
    await put("var/ossec/var/security-lake/dead-letter.ndjson", `${entry("message", reason, 1)}\n`);
    const [found] = (await verify())("dead-letters");
    expect(found?.seen).toMatch(/k cannot be read as Parquet$/);
  });

  it("are none where the folder is not there, or holds none", async () => {
    expect((await verify())("dead-letters")).toMatchObject([{ state: "ok" }]);
    await put("var/ossec/var/security-lake/dead-letter.ndjson", "");
    expect((await verify())("dead-letters")).toMatchObject([{ state: "ok" }]);
  });

  it("that cannot be read are no failure", async () => {
    await mkdir(join(state(), "dead-letter.ndjson"), { recursive: true });
    expect((await verify())("dead-letters")).toMatchObject([
      { state: "could not check", seen: expect.stringContaining("cannot be read (EISDIR)") },
    ]);
  });
});

describe("two subscribers of one manager", () => {
  it("have what is the manager's told once, and what is theirs for each", async () => {
    await mkdir(dirname(file), { recursive: true });
    const second = `<subscriber type="security_lake"><sqs_name>second</sqs_name><iam_role_arn>arn:aws:iam::123456789012:role/Lake</iam_role_arn><external_id>external-id-of-a-test</external_id></subscriber></wodle>`;
    await writeFile(file, conf().replace("</wodle>", second));
    let told = "";
    await run(
      ["--config", file, "--state", state(), "--only", table.map(({ id }) => id).join(","), "--output", "json"],
      {
        environment: {},
        print: (text) => {
          told += text;
        },
        complain: () => {},
        colours: false,
        wait: async () => {},
      },
    );
    const { results } = JSON.parse(told) as { results: readonly { id: string; subject: string }[] };
    expect(results.filter(({ id }) => id === "last-run").map(({ subject }) => subject)).toEqual([queue, "second"]);
    for (const id of ["configuration", "disk", "dead-letters"]) {
      expect(results.filter((one) => one.id === id).map(({ subject }) => subject)).toEqual([queue]);
    }
  });
});

describe("an ossec.conf without an indexer", () => {
  const indexerOf = async (more = "") => {
    const { settings, issues } = readSettings(conf(more));
    const manager = { file, settings, issues, state: state(), hostname: "manager", root };
    const one = checks({ receive: true }).filter(({ id }) => id === "indexer");
    return runChecks(one, createLake({ line: 1, queue }, { manager }), patientLimits);
  };

  it("leaves events without a destination", async () => {
    expect(await indexerOf()).toMatchObject([
      {
        state: "warning",
        seen: expect.stringContaining("names no host of an <indexer>, so that events have no destination"),
        fix: expect.stringMatching(/^Write the block below into ossec\.conf/),
      },
    ]);
    await put("etc/systemd/system/lake.service", unit("run --output indexer"));
    expect(await indexerOf()).toMatchObject([{ state: "warning" }]);
  });

  it.each<[string, (() => Promise<void>) | undefined, string?]>([
    ["is switched off", undefined, "<indexer><enabled>no</enabled></indexer>"],
    [
      "has its subscriber write files, by a unit",
      () => put("etc/systemd/system/lake.service", unit("run --output=file:/a")),
    ],
    [
      "has its subscriber write files, as a process",
      () => running(77, "/usr/bin/security-lake-wodle", "run", "--output", "file:/a"),
    ],
    [
      "has its subscriber write files, by cron",
      () => put("etc/cron.d/lake", "*/5 * * * * root security-lake-wodle once --output analysisd\n"),
    ],
    [
      "has its subscriber write files, by the manager",
      undefined,
      '<wodle name="command"><command>/usr/bin/security-lake-wodle once --output analysisd</command></wodle>',
    ],
  ])("is right where it %s", async (_, make, more) => {
    await make?.();
    expect(await indexerOf(more)).toMatchObject([{ state: "not applicable" }]);
  });
});
