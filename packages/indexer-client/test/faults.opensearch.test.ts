import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type OpenSearch, type OpenSearchOptions, startOpenSearch } from "@threatlockdown/tooling-opensearch";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { type Client, type ConnectionOptions, connect } from "../src/connection.ts";
import { setup } from "../src/setup.ts";
import { idsUpTo, numbered, waits, writing } from "./load.ts";
import { ids } from "./opensearch.ts";

const index = "wazuh-alerts-4.x-security-lake-2026.11.24";

/** A server of the tests of one `describe`. */
function server(options: OpenSearchOptions): { readonly at: OpenSearch } {
  const holder: { at?: OpenSearch } = {};
  beforeAll(async () => {
    holder.at = await startOpenSearch({ quick: true, ...options });
  }, 240_000);
  afterAll(async () => {
    await holder.at?.stop();
  }, 60_000);
  return holder as { at: OpenSearch };
}

/** How often the first node had no room for a write. */
async function rejected(at: OpenSearch): Promise<number> {
  const { nodes } = await at.request<{ nodes: Record<string, { thread_pool: { write: { rejected: number } } }> }>(
    "GET",
    "/_nodes/stats/thread_pool",
  );
  return Object.values(nodes)[0]?.thread_pool.write.rejected ?? 0;
}

describe("an indexer with a write queue of one and requests of 1 MB at the most", () => {
  const indexer = server({
    settings: {
      "thread_pool.write.size": 1,
      "thread_pool.write.queue_size": 1,
      "http.max_content_length": "1mb",
    },
  });

  it("gets each document once, however often it has no room", async () => {
    const client = await connect({ nodes: indexer.at.urls });
    await setup(client);
    const { writer, kept } = writing(client, { inFlight: 12, maxDocuments: 100 });
    const writes = Array.from({ length: 200 }, (_, i) => writer.write(numbered(index, i * 50, i * 50 + 50)));
    for (const { stored, deadLettered } of await Promise.all(writes)) expect([stored, deadLettered]).toEqual([50, 0]);
    expect(await ids(client, index)).toEqual(idsUpTo(10_000));
    expect(kept).toEqual([]);
    expect(await rejected(indexer.at)).toBeGreaterThan(0);
    await client.close();
  });

  it("gets requests that it takes, after the first that it did not", async () => {
    const client = await connect({ nodes: indexer.at.urls });
    const large = `${index}-large`;
    const { writer, kept, events } = writing(client);
    const { stored, alreadyStored } = await writer.write(numbered(large, 0, 400, 20_000));
    expect(stored + alreadyStored).toBe(400);
    expect(events.filter(({ type }) => type === "smaller").length).toBeGreaterThan(0);
    const learnt = events.length;
    expect(await writer.write(numbered(large, 400, 800, 20_000))).toMatchObject({ stored: 400 });
    expect(events.slice(learnt).filter(({ type }) => type === "smaller")).toEqual([]);
    expect(await ids(client, large)).toEqual(idsUpTo(800));
    expect(kept).toEqual([]);
    await client.close();
  });

  it("never gets a document that alone is larger than that: it is a dead letter", async () => {
    const client = await connect({ nodes: indexer.at.urls });
    const { writer, kept } = writing(client);
    expect(await writer.write(numbered(`${index}-huge`, 0, 1, 2_000_000))).toEqual({
      stored: 0,
      alreadyStored: 0,
      deadLettered: 1,
    });
    expect(kept).toMatchObject([{ status: 413, document: expect.stringContaining("xxx") }]);
    await client.close();
  });
});

describe("an indexer without room for more shards", () => {
  const indexer = server({ settings: { "cluster.max_shards_per_node": 2 } });

  it("gets the documents once there is room, and none is a dead letter", async () => {
    const client = await connect({ nodes: indexer.at.urls });
    await setup(client);
    const { writer, kept, events } = writing(client);
    expect(await writer.write(numbered(`${index}-first`, 0, 10))).toMatchObject({ stored: 10 });
    const write = writer.write(numbered(`${index}-second`, 0, 10));
    await vi.waitUntil(() => waits(events).length > 0, 10_000);
    await indexer.at.request("PUT", "/_cluster/settings", { persistent: { "cluster.max_shards_per_node": 100 } });
    expect(await write).toEqual({ stored: 10, alreadyStored: 0, deadLettered: 0 });
    expect(kept).toEqual([]);
    await client.close();
  });
});

describe("an indexer of three nodes", () => {
  const indexer = server({ nodes: 3, heap: 384 });

  it("gets each document once while one of them is killed and comes back", async () => {
    const client = await connect({ nodes: indexer.at.urls, requestTimeout: 10_000 });
    await setup(client);
    const { writer, kept } = writing(client, { maxDocuments: 200 });
    await writer.write(numbered(index, 0, 100));
    await indexer.at.request("GET", `/_cluster/health/${index}?wait_for_status=green&timeout=60s`);

    const writes: Promise<unknown>[] = [];
    const total = 20_000;
    let next = 100;
    const feed = async (until: number): Promise<void> => {
      while (next < until) {
        const from = next;
        next = Math.min(until, next + 100);
        writes.push(writer.write(numbered(index, from, next)));
        if (writes.length % 10 === 0) await writes.at(-1);
      }
    };
    await feed(5_000);
    const killed = indexer.at.kill(2);
    await feed(12_000);
    await killed;
    await indexer.at.restart(2);
    await feed(total);
    await Promise.all(writes);
    expect(kept).toEqual([]);
    expect(await ids(client, index)).toEqual(idsUpTo(total));
    await client.close();
  }, 240_000);
});

const role = parse(readFileSync(join(import.meta.dirname, "../role.yml"), "utf8")) as Record<string, object>;
const password = "Correct-Horse-9-Battery";

describe("an indexer with TLS and users", () => {
  const indexer = server({
    security: {
      roles: role,
      users: {
        writer: { password, roles: ["security_lake_writer"] },
        installer: { password, roles: ["security_lake_writer", "security_lake_setup"] },
        rotated: { password, roles: ["security_lake_writer"] },
        nobody: { password, roles: [] },
      },
    },
  });
  const as = (username: string, options: Partial<ConnectionOptions> = {}): Promise<Client> =>
    connect({
      nodes: indexer.at.urls,
      ca: indexer.at.ca as string,
      credentials: () => ({ username, password }),
      ...options,
    });

  it("is set up and written to by users with exactly the documented roles", async () => {
    expect((await setup(await as("installer"))).map(({ outcome }) => outcome)).toEqual(["installed"]);
    const { writer, kept } = writing(await as("writer"));
    expect(await writer.write(numbered(index, 0, 500))).toEqual({ stored: 500, alreadyStored: 0, deadLettered: 0 });
    expect(await writer.write(numbered(index, 0, 500))).toEqual({ stored: 0, alreadyStored: 500, deadLettered: 0 });
    expect(kept).toEqual([]);
    await indexer.at.request("POST", `/${index}/_refresh`);
    expect(await indexer.at.request("GET", `/${index}/_count`)).toMatchObject({ count: 500 });
  });

  it("gives the writer nothing else", async () => {
    const client = await as("writer");
    await expect(client.search({ index })).rejects.toMatchObject({ statusCode: 403 });
    await expect(client.indices.delete({ index })).rejects.toMatchObject({ statusCode: 403 });
    await expect(setup(client, { level: "lean" })).rejects.toMatchObject({
      code: "INDEXER_DENIED",
      message: expect.stringContaining("indices:admin/index_template/put"),
    });
  });

  it("stops the writer when the password is wrong", async () => {
    const { writer, kept } = writing(
      await as("writer", { credentials: () => ({ username: "writer", password: "wrong" }) }),
    );
    await expect(writer.write(numbered(index, 0, 10))).rejects.toMatchObject({
      code: "INDEXER_DENIED",
      message: expect.stringContaining("401"),
    });
    expect(kept).toEqual([]);
  });

  it("goes on with a new password, without a new client", async () => {
    let current = password;
    const client = await as("rotated", { credentials: () => ({ username: "rotated", password: current }) });
    const { writer, kept } = writing(client);
    const rotated = `${index}-rotated`;
    expect(await writer.write(numbered(rotated, 0, 10))).toMatchObject({ stored: 10 });
    current = `${password}-and-another`;
    await indexer.at.request("PUT", "/_plugins/_security/api/internalusers/rotated", { password: current });
    expect(await writer.write(numbered(rotated, 10, 20))).toMatchObject({ stored: 10 });
    expect(kept).toEqual([]);
    await client.close();
  });

  it("is told from one that speaks http, in both directions", async () => {
    const plain = await connect({ nodes: indexer.at.urls.map((url) => url.replace("https:", "http:")) });
    const { writer, events, stop } = writing(plain);
    const write = writer.write(numbered(index, 0, 1));
    write.catch(() => {});
    await vi.waitUntil(() => waits(events).length > 0, 10_000);
    expect(events[0]).toMatchObject({
      message: expect.stringMatching(/; where this port speaks https, write https:\/\//),
    });
    stop.abort(new Error("enough"));
    await expect(write).rejects.toThrow("enough");
    await plain.close();
  });

  it.each([
    ["nobody", index, "indices:data/write/bulk"],
    ["writer", "another-index", "indices:"],
  ])("stops the writer when a permission is missing (%s into %s), naming both", async (username, into, permission) => {
    const { writer, kept } = writing(await as(username));
    const write = writer.write(numbered(into, 0, 10));
    await expect(write).rejects.toMatchObject({ code: "INDEXER_DENIED" });
    const { message } = (await write.catch((error) => error)) as Error;
    expect(message).toContain(permission);
    expect(message).toContain(username);
    expect(message).not.toContain(password);
    expect(kept).toEqual([]);
  });

  it("takes the administrator's client certificate in place of a password", async () => {
    const { cert, key } = indexer.at.adminCertificate as { cert: string; key: string };
    const client = await connect({ nodes: indexer.at.urls, ca: indexer.at.ca as string, certificate: cert, key });
    const { writer } = writing(client);
    expect(await writer.write(numbered(`${index}-cert`, 0, 10))).toMatchObject({ stored: 10 });
    await client.close();
  });

  it("is not trusted without its authority", async () => {
    const client = await connect({ nodes: indexer.at.urls, credentials: () => ({ username: "writer", password }) });
    const { writer } = writing(client);
    await expect(writer.write(numbered(index, 0, 1))).rejects.toMatchObject({
      code: "INDEXER_UNTRUSTED",
      message: expect.stringMatching(/: https:\/\/127.0.0.1:\d+: [^;]*; its certificate is of none of the authorities/),
    });
    await client.close();
  });

  it("is trusted under the name that its certificate carries, and under no other", async () => {
    const right = writing(await as("writer", { serverName: "localhost" }));
    expect(await right.writer.write(numbered(index, 0, 1))).toMatchObject({ alreadyStored: 1 });
    const wrong = writing(await as("writer", { serverName: "indexer.example" }));
    await expect(wrong.writer.write(numbered(index, 0, 1))).rejects.toMatchObject({
      code: "INDEXER_UNTRUSTED",
      message: expect.stringContaining("indexer.example"),
    });
  });
});

describe.each([
  ["expired", "CERT_HAS_EXPIRED", "have its certificate renewed"],
  ["wrong host", "ERR_TLS_CERT_ALTNAME_INVALID", "address it by a name of its certificate"],
] as const)("an indexer whose certificate is of the kind: %s", (certificate, code, remedy) => {
  const indexer = server({ security: { certificate } });

  it("gets nothing; the writer stops with the reason", async () => {
    const client = await connect({
      nodes: indexer.at.urls,
      ca: indexer.at.ca as string,
      credentials: () => ({ username: "a", password: "b" }),
    });
    const { writer, kept } = writing(client);
    await expect(writer.write(numbered(index, 0, 1))).rejects.toMatchObject({
      code: "INDEXER_UNTRUSTED",
      message: expect.stringMatching(new RegExp(`\\(${code}\\): [^;]*127\\.0\\.0\\.1[^;]*; ${remedy}`)),
    });
    expect(kept).toEqual([]);
    await client.close();
  });
});
