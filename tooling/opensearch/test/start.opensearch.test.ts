import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { connect } from "node:tls";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { type OpenSearch, type OpenSearchOptions, startOpenSearch } from "../src/index.ts";

const started: OpenSearch[] = [];

async function start(options: OpenSearchOptions = {}): Promise<OpenSearch> {
  const server = await startOpenSearch({ quick: true, ...options });
  started.push(server);
  return server;
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
});

async function status(server: OpenSearch, user: string, method: string, path: string, body?: object): Promise<number> {
  const { password } = server.users[user] ?? { password: "wrong" };
  const { stdout } = await promisify(execFile)("curl", [
    ...["--silent", "--cacert", server.caFile!, "--user", `${user}:${password}`, "--request", method],
    ...["--output", "/dev/null", "--write-out", "%{http_code}"],
    ...(body === undefined ? [] : ["--header", "content-type: application/json", "--data", JSON.stringify(body)]),
    `${server.url}${path}`,
  ]);
  return Number(stdout);
}

function gone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

describe("one node", () => {
  it("stores a document, finds it, and leaves nothing behind", async () => {
    const server = await start();
    await server.request("PUT", "/events/_doc/1?refresh=true", { rule: { level: 7 } });
    const found = await server.request<{ hits: { total: { value: number } } }>("POST", "/events/_search", {
      query: { term: { "rule.level": 7 } },
    });
    expect(found.hits.total.value).toBe(1);
    const { version } = await server.request<{ version: { number: string } }>("GET", "/");
    expect(version.number).toBe("2.19.1");

    const pid = server.pid()!;
    expect(gone(pid)).toBe(false);
    await server.stop();
    expect(gone(pid)).toBe(true);
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  });

  it("takes the settings that it is given", async () => {
    const server = await start({ settings: { "thread_pool.write.size": 1, "http.max_content_length": "1mb" } });
    const large = `{"index":{"_index":"a"}}\n{"text":"${"x".repeat(1_100_000)}"}\n`;
    await expect(server.request("POST", "/_bulk", large)).rejects.toThrow("413");
    const [pool] = await server.request<{ size: string }[]>("GET", "/_cat/thread_pool/write?format=json&h=size");
    expect(pool).toEqual({ size: "1" });
  });

  it("keeps its documents and its address over a crash", async () => {
    const server = await start();
    const { url } = server;
    await server.request("PUT", "/events/_doc/1?refresh=true", { a: 1 });
    await server.kill();
    expect(server.pid()).toBeUndefined();
    await expect(server.request("GET", "/")).rejects.toThrow("ECONNREFUSED");
    await server.restart();
    expect(server.url).toBe(url);
    await server.request("GET", "/_cluster/health/events?wait_for_status=yellow");
    expect(await server.request("GET", "/events/_doc/1")).toMatchObject({ _source: { a: 1 } });
  });

  it("says why it did not start", async () => {
    const broken = start({ settings: { "no.such.setting": 1 } });
    await expect(broken).rejects.toMatchObject({
      code: "START_FAILED",
      message: expect.stringContaining("no.such.setting"),
    });
  });
});

describe("with security", () => {
  it("knows its users, holds them to their roles, and shows a certificate of its authority", async () => {
    const server = await start({
      security: {
        users: { writer: { password: "T1me-to-write!", roles: ["writing"] } },
        roles: {
          writing: { index_permissions: [{ index_patterns: ["events*"], allowed_actions: ["crud", "create_index"] }] },
        },
      },
    });
    expect(await status(server, "admin", "GET", "/_cluster/health")).toBe(200);
    expect(await status(server, "writer", "PUT", "/events/_doc/1", { a: 1 })).toBe(201);
    expect(await status(server, "writer", "PUT", "/other/_doc/1", { a: 1 })).toBe(403);
    expect(await status(server, "nobody", "GET", "/")).toBe(401);
  });

  it.each([
    ["expired", "CERT_HAS_EXPIRED"],
    ["wrong host", "ERR_TLS_CERT_ALTNAME_INVALID"],
  ] as const)("shows a certificate that is %s, on request", async (certificate, code) => {
    const server = await start({ security: { certificate } });
    const { promise, reject, resolve } = Promise.withResolvers<void>();
    const socket = connect({ host: "127.0.0.1", port: Number(new URL(server.url).port), ca: server.ca! }, resolve);
    socket.once("error", reject);
    await expect(promise).rejects.toMatchObject({ code });
  });
});

describe("three nodes", () => {
  it("form one cluster that outlives one of them", async () => {
    const server = await start({ nodes: 3 });
    expect(server.urls).toHaveLength(3);
    await server.request("PUT", "/events", { settings: { number_of_replicas: 2 } });
    await server.request("GET", "/_cluster/health?wait_for_status=green");
    await server.kill(0);
    await server.request("PUT", "/events/_doc/1?refresh=true", { a: 1 });
    await server.restart(0);
    const health = await server.request<{ number_of_nodes: number }>("GET", "/_cluster/health?wait_for_status=green");
    expect(health.number_of_nodes).toBe(3);
  });
});
