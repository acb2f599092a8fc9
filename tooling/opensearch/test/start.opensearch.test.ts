import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { connect } from "node:tls";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type OpenSearch, type OpenSearchOptions, startOpenSearch } from "../src/index.ts";

/** One server for the tests of a `describe`. */
function server(options: OpenSearchOptions): { readonly at: OpenSearch } {
  const holder: { at?: OpenSearch } = {};
  beforeAll(async () => {
    holder.at = await startOpenSearch({ quick: true, ...options });
  });
  afterAll(() => holder.at?.stop());
  return holder as { at: OpenSearch };
}

function runs(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe("one node", () => {
  const node = server({ settings: { "thread_pool.write.size": 1, "http.max_content_length": "1mb" } });

  it("stores a document and finds it", async () => {
    await node.at.request("PUT", "/events/_doc/1?refresh=true", { rule: { level: 7 } });
    const found = await node.at.request<{ hits: { total: { value: number } } }>("POST", "/events/_search", {
      query: { term: { "rule.level": 7 } },
    });
    expect(found.hits.total.value).toBe(1);
    expect(await node.at.request("GET", "/")).toMatchObject({ version: { number: "2.19.1" } });
  });

  it("takes the settings that it is given", async () => {
    const large = `{"index":{"_index":"a"}}\n{"text":"${"x".repeat(1_100_000)}"}\n`;
    await expect(node.at.request("POST", "/_bulk", large)).rejects.toThrow("413");
    const pools = await node.at.request("GET", "/_cat/thread_pool/write?format=json&h=size");
    expect(pools).toEqual([{ size: "1" }]);
  });

  it("keeps its documents and its address over a crash", async () => {
    const { url } = node.at;
    await node.at.request("PUT", "/kept/_doc/1?refresh=true", { a: 1 });
    await node.at.kill();
    expect(node.at.pid()).toBeUndefined();
    await expect(node.at.request("GET", "/")).rejects.toThrow("ECONNREFUSED");
    await node.at.restart();
    expect(node.at.url).toBe(url);
    await node.at.request("GET", "/_cluster/health/kept?wait_for_status=yellow");
    expect(await node.at.request("GET", "/kept/_doc/1")).toMatchObject({ _source: { a: 1 } });
  });

  it("leaves neither process nor folder when it is stopped", async () => {
    const pid = node.at.pid();
    expect(runs(pid)).toBe(true);
    expect(existsSync(node.at.folder)).toBe(true);
    await node.at.stop();
    expect(runs(pid)).toBe(false);
    expect(existsSync(node.at.folder)).toBe(false);
  });
});

it("says why it did not start", async () => {
  await expect(startOpenSearch({ settings: { "no.such.setting": 1 } })).rejects.toMatchObject({
    code: "START_FAILED",
    message: expect.stringContaining("no.such.setting"),
  });
});

it("gives a start up when it is told to, and leaves nothing", async () => {
  const ours = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith("threatlockdown-opensearch-"));
  const before = new Set(ours());
  const giveUp = new AbortController();
  let during: string[] = [];
  const start = startOpenSearch({
    signal: giveUp.signal,
    onProgress: ({ step }) => {
      if (step !== "starting") return;
      during = ours().filter((name) => !before.has(name));
      giveUp.abort();
    },
  });
  await expect(start).rejects.toThrow("aborted");
  expect(during).not.toEqual([]);
  expect(ours().filter((name) => during.includes(name))).toEqual([]);
});

describe("with security", () => {
  const secured = server({
    security: {
      users: { writer: { password: "T1me-to-write!", roles: ["writing"] } },
      roles: {
        writing: { index_permissions: [{ index_patterns: ["events*"], allowed_actions: ["crud", "create_index"] }] },
      },
    },
  });

  /** With an ordinary client that trusts the authority alone. */
  async function status(user: string, method: string, path: string, body?: object): Promise<number> {
    const { url, users, caFile } = secured.at;
    const { stdout } = await promisify(execFile)("curl", [
      ...["--silent", "--cacert", caFile as string, "--user", `${user}:${users[user]?.password ?? "wrong"}`],
      ...["--request", method, "--output", "/dev/null", "--write-out", "%{http_code}"],
      ...(body === undefined ? [] : ["--header", "content-type: application/json", "--data", JSON.stringify(body)]),
      `${url}${path}`,
    ]);
    return Number(stdout);
  }

  it("knows its users and holds them to their roles", async () => {
    expect(await status("admin", "GET", "/_cluster/health")).toBe(200);
    expect(await status("writer", "PUT", "/events/_doc/1", { a: 1 })).toBe(201);
    expect(await status("writer", "PUT", "/other/_doc/1", { a: 1 })).toBe(403);
    expect(await status("stranger", "GET", "/")).toBe(401);
  });
});

describe("with a certificate that has expired", () => {
  const expired = server({ security: { certificate: "expired" } });

  it("is told from a good one by every client that looks", async () => {
    const { promise, reject, resolve } = Promise.withResolvers<void>();
    const port = Number(new URL(expired.at.url).port);
    connect({ host: "127.0.0.1", port, ca: expired.at.ca as string }, resolve).once("error", reject);
    await expect(promise).rejects.toMatchObject({ code: "CERT_HAS_EXPIRED" });
    expect(await expired.at.request("GET", "/_cluster/health")).toMatchObject({ status: "green" });
  });
});

describe("three nodes", () => {
  const cluster = server({ nodes: 3 });

  it("form one cluster that outlives one of them", async () => {
    const { at } = cluster;
    expect(new Set(at.urls).size).toBe(3);
    await at.request("PUT", "/events", { settings: { number_of_replicas: 2 } });
    await at.request("GET", "/_cluster/health?wait_for_status=green");
    await at.kill(0);
    await at.request("PUT", "/events/_doc/1?refresh=true", { a: 1 });
    await at.restart(0);
    const health = await at.request("GET", "/_cluster/health?wait_for_status=green");
    expect(health).toMatchObject({ number_of_nodes: 3, status: "green" });
  });
});

it("ends with whoever started it, also after kill -9", async () => {
  const program = `
    const { startOpenSearch } = await import(${JSON.stringify(new URL("../src/index.ts", import.meta.url).href)});
    const server = await startOpenSearch({ quick: true });
    console.log(JSON.stringify({ pid: server.pid(), folder: server.folder }));
    process.kill(process.pid, "SIGKILL");`;
  const killed = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]).catch(
    (error: { signal: string; stdout: string }) => error,
  );
  expect(killed).toMatchObject({ signal: "SIGKILL" });
  const { pid, folder } = JSON.parse(killed.stdout) as { pid: number; folder: string };
  expect(dirname(folder)).not.toBe(folder);
  await expect.poll(() => runs(pid) || existsSync(folder), { timeout: 20_000 }).toBe(false);
});
