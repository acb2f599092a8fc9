import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { supervise } from "../src/supervisor.ts";

const { PATH = "/usr/bin:/bin" } = process.env;
const env = { PATH };

/** Processes of the group that still run: where nobody takes note of a process's end, it stays listed as a zombie. */
function members(group: number): string[] {
  const all = execFileSync("ps", ["-eo", "pgid=,stat=,args="], { encoding: "utf8" }).split("\n");
  return all.filter((line) => new RegExp(`^\\s*${group} +[^Z]`).test(line));
}

describe("a supervised program", () => {
  it("ends with all that it started, and its folder goes", async () => {
    const supervisor = await supervise({});
    const { folder } = supervisor;
    // yes is a child of the shell, so a signal to the shell alone would leave it.
    supervisor.start("a", {
      command: "/usr/bin/env",
      args: ["sh", "-c", "echo $$; yes > /dev/null; true"],
      cwd: folder,
      env,
      output: join(folder, "log"),
    });
    await expect.poll(() => supervisor.pid("a")).toBeGreaterThan(0);
    const pid = supervisor.pid("a") as number;
    await expect.poll(() => members(pid).length).toBe(2);
    await supervisor.stop();
    expect(members(pid)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });

  it("is known to have ended when it was killed, when it ended, and when it never began", async () => {
    const supervisor = await supervise({});
    const { folder } = supervisor;
    const program = { cwd: folder, env, output: join(folder, "log") };
    supervisor.start("killed", { ...program, command: "/usr/bin/env", args: ["sleep", "60"] });
    await supervisor.kill("killed", "SIGKILL");
    expect(supervisor.pid("killed")).toBeUndefined();
    supervisor.start("ended", { ...program, command: "/usr/bin/env", args: ["true"] });
    supervisor.start("absent", { ...program, command: join(folder, "no-such-program"), args: [] });
    await expect.poll(() => supervisor.pid("ended")).toBeUndefined();
    await expect.poll(() => supervisor.pid("absent")).toBeUndefined();
    await supervisor.stop();
  });

  it("is asked about after the guard has gone", async () => {
    const supervisor = await supervise({});
    await supervisor.stop();
    await supervisor.stop();
    await supervisor.kill("none", "SIGKILL");
    expect(existsSync(supervisor.folder)).toBe(false);
  });
});
