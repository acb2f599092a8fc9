import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readSettings } from "@threatlockdown/ossec-config";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Result, runChecks } from "../src/check.ts";
import { checks } from "../src/checks/table.ts";
import { createLake } from "../src/lake.ts";
import { verify as commandLine } from "./command-line.ts";
import { patientLimits } from "./patience.ts";

/** What whoever runs this may not read. Modes of files would not do: tests may run as root. */
const closed = vi.hoisted(() => new Set<string>());
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  const guarded =
    (read: (...args: readonly never[]) => Promise<unknown>) =>
    async (...args: readonly never[]): Promise<unknown> => {
      const path = String(args[0]);
      if (![...closed].some((one) => path.endsWith(one))) return read(...args);
      throw Object.assign(new Error(`EACCES: permission denied, '${path}'`), { code: "EACCES" });
    };
  return {
    ...real,
    readdir: guarded(real.readdir as never),
    readFile: guarded(real.readFile as never),
    access: guarded(real.access as never),
    statfs: guarded(real.statfs as never),
  };
});

let root: string;
let file: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "threatlockdown-closed-"));
  file = join(root, "var/ossec/etc/ossec.conf");
  await mkdir(join(root, "var/ossec/bin"), { recursive: true });
});
afterEach(async () => {
  closed.clear();
  await rm(root, { recursive: true, force: true });
});

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}
const running = (pid: number, ...words: string[]) => put(`proc/${pid}/cmdline`, `${words.join("\0")}\0`);
const unit = (command: string) => `[Service]\nExecStart=/usr/bin/security-lake-wodle ${command}\n`;
const enabled = "etc/systemd/system/multi-user.target.wants/lake.service";

function conf(more = ""): string {
  const subscriber = '<subscriber type="security_lake"><sqs_name>lake</sqs_name></subscriber>';
  return `<ossec_config>${more}<wodle name="aws-s3"><disabled>no</disabled>${subscriber}</wodle></ossec_config>`;
}

async function verify(id: string, text = conf(), environment: NodeJS.ProcessEnv = {}): Promise<Result[]> {
  const { settings, issues } = readSettings(text);
  const state = join(root, "var/ossec/var/security-lake");
  const manager = { file, settings, issues, state, hostname: "manager", root };
  const table = checks({ receive: true }).filter((check) => check.id === id);
  const lake = createLake({ line: 1, queue: "lake" }, { manager, environment });
  return runChecks(table, lake, patientLimits);
}

describe("what runs the subscriber is not known", () => {
  const open = (...paths: readonly string[]) => [
    {
      state: "could not check",
      seen: `could not check, because ${paths.join(", ")} may not be read, so that it is not known whether something runs the subscriber`,
      fix: "run it as root",
    },
  ];

  it.each([
    ["crontabs", "var/spool/cron/crontabs", "/var/spool/cron/crontabs"],
    ["a crontab", "etc/cron.d/lake", "/etc/cron.d/lake"],
    ["a unit", "etc/systemd/system/lake.service", "/etc/systemd/system/lake.service"],
    ["a process", "proc/77/cmdline", "/proc"],
  ])("where %s may not be read", async (_, path, told) => {
    await put("etc/cron.d/lake", "*/5 * * * * root security-lake-wodle once\n");
    await put("etc/systemd/system/lake.service", unit("run"));
    await running(77, "/usr/bin/security-lake-wodle", "run", "--config", file);
    for (const other of ["etc/cron.d/lake", "etc/systemd/system/lake.service", "proc/77/cmdline"]) {
      if (other !== path) await rm(join(root, other));
    }
    closed.add(path);
    expect(await verify("runner")).toMatchObject(open(told));
  });

  it("where processes of others are not even listed, and is where they are", async () => {
    await put("proc/mounts", "proc /proc proc rw,nosuid,hidepid=invisible 0 0\n");
    await running(77, "bash");
    expect(await verify("runner")).toMatchObject(open("/proc"));
    await running(1, "/sbin/init");
    expect(await verify("runner")).toMatchObject([{ state: "warning" }]);
  });

  it("where a unit is to run it, and its process may not be seen", async () => {
    await put("etc/systemd/system/lake.service", unit("run"));
    await put(enabled, "");
    await put("proc/77/cmdline", "");
    closed.add("proc/77/cmdline");
    expect(await verify("runner")).toMatchObject(open("/proc"));
    closed.clear();
    closed.add("var/spool/cron/crontabs");
    expect(await verify("runner")).toMatchObject([{ state: "failed" }]);
  });

  it("where the manager starts it, whose process may not be seen", async () => {
    const wodle = '<wodle name="command"><command>/usr/bin/security-lake-wodle once</command></wodle>';
    await put("proc/5/cmdline", "");
    closed.add("proc/5/cmdline");
    expect(await verify("runner", conf(wodle))).toMatchObject(open("/proc"));
  });

  it("and it is where it is seen all the same; what else may take messages is not", async () => {
    await put("etc/systemd/system/lake.service", unit("once"));
    await put(enabled, "");
    await put("proc/5/cmdline", "");
    await put("var/ossec/wodles/aws/aws-s3", "#!/bin/sh\n");
    closed.add("proc/5/cmdline");
    expect(await verify("runner")).toMatchObject([
      { state: "ok", seen: "it is started by the unit lake.service" },
      { state: "could not check", seen: expect.stringContaining("whether the manager takes messages too") },
    ]);
  });
});

describe("an ossec.conf that may not be read", () => {
  it("is to be read by somebody else", async () => {
    closed.add("ossec.conf");
    const { code, stderr } = await commandLine(["--config", file]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/ossec\.conf cannot be read \(EACCES\): run this as root, or describe the subscriber/);
  });
});

describe("the disk", () => {
  it("of a folder that may not be looked at is not judged", async () => {
    closed.add("var/security-lake");
    expect(await verify("disk")).toMatchObject([
      { state: "could not check", fix: "run it as the user who runs the subscriber" },
    ]);
  });
});

describe("files of AWS that may not be read", () => {
  const file = "/closed/credentials";
  const environment = { AWS_SHARED_CREDENTIALS_FILE: file, AWS_CONFIG_FILE: "/nonexistent" };
  afterEach(() => vi.unstubAllEnvs());
  beforeEach(() => {
    vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent");
    vi.stubEnv("AWS_CONFIG_FILE", "/nonexistent");
    vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
    for (const name of ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) vi.stubEnv(name, undefined);
  });

  it.each([
    ["region", "no Region is known"],
    ["credentials", "no other credentials are found"],
  ])("leave open the %s", async (id, without) => {
    if (id === "credentials") vi.stubEnv("AWS_REGION", "us-east-1");
    const obstacle = {
      because: `${file} may not be read (EACCES), and ${without}`,
      how: "run it as the user who runs the subscriber; if that is this one, let it read the file",
      lasting: true,
    };
    expect(await verify(id, conf(), environment)).toMatchObject([{ state: "failed" }]);
    closed.add(file);
    expect(await verify(id, conf(), environment)).toMatchObject([{ state: "could not check", obstacle }]);
  });
});
