import { spawn } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { useOpenSearch } from "@threatlockdown/tooling-opensearch/vitest";
import { describe, expect, it } from "vitest";

const server = useOpenSearch();
const main = join(import.meta.dirname, "../src/main.ts");

function demo(...args: string[]) {
  const child = spawn(process.execPath, ["--conditions=@threatlockdown/source", main, "--rows", "10", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, OPENSEARCH_URL: server.url },
  });
  const code = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, code };
}

/** Rows of the table under a title. */
function table(output: string, title: string): Record<string, number> {
  const block = output.slice(output.indexOf(`${title}\n`) + title.length + 1).split("\n\n")[0] ?? "";
  return Object.fromEntries(
    block.split("\n").map((line) => {
      const [, name = "", value = ""] = /^ {2}(.*?) +([\d,]+)$/.exec(line) ?? [];
      return [name, Number(value.replaceAll(",", ""))];
    }),
  );
}

const sum = (rows: Record<string, number>): number => Object.values(rows).reduce((a, b) => a + b, 0);

describe("the demo", () => {
  it("finds every event that it announced, shows them by source, severity and level, and clears up", async () => {
    const { child, code } = demo("--objects", "1");
    const [output, progress] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect(await code, progress).toBe(0);

    const announced = Number(/objects with (\d+) events announced/.exec(progress)?.[1]);
    const sources = table(output, "Events per source");
    expect(announced).toBeGreaterThan(100);
    expect(sum(sources)).toBe(announced);
    expect(sum(table(output, "Events per severity"))).toBe(announced);
    expect(sum(table(output, "Events per rule level"))).toBe(announced);
    expect(Object.keys(sources)).toEqual(expect.arrayContaining(["CLOUD_TRAIL_MGMT", "VPC_FLOW", "WAF"]));
    expect(output).toMatch(/"amazon_security_lake"/);
    expect(output).toMatch(/Messages left in the queue +0\nDead letters +0\n/);
    expect(output).toMatch(/curl -s '.*rule\.groups:amazon_security_lake'/);

    const bucket = /"bucket": "(.*?)"/.exec(output)?.[1];
    const query = { query: { term: { "security_lake.bucket": bucket } } };
    const left = await server.request("POST", "/wazuh-alerts-*/_count?ignore_unavailable=true", query);
    expect(left).toMatchObject({ count: 0 });
  });

  it("leaves everything running with --keep, until it is interrupted", async () => {
    const { child, code } = demo("--objects", "1", "--keep");
    let output = "";
    let progress = "";
    child.stdout.setEncoding("utf8").on("data", (chunk) => {
      output += chunk;
    });
    child.stderr.setEncoding("utf8").on("data", (chunk) => {
      progress += chunk;
    });
    await expect.poll(() => progress, { timeout: 100_000 }).toContain("left running");
    const aws = /AWS_ENDPOINT_URL=(\S+)/.exec(output)?.[1] as string;
    const config = /--config (\S+)/.exec(output)?.[1] as string;
    expect((await fetch(aws)).status).toBeGreaterThan(0);
    expect(existsSync(config)).toBe(true);
    const [, administrator = "", profile] =
      /AWS_SHARED_CREDENTIALS_FILE=(\S+)\n.* --admin-profile (\S+)/.exec(output) ?? [];
    expect(statSync(administrator).mode & 0o777).toBe(0o600);
    expect(readFileSync(administrator, "utf8")).toContain(`[${profile}]`);

    child.kill("SIGINT");
    expect(await code).toBe(0);
    await expect(fetch(aws)).rejects.toThrow();
    expect(existsSync(config)).toBe(false);
  });
});
