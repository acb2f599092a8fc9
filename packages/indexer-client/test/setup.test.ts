import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type Client, connect } from "../src/connection.ts";
import { checkSetup, type SetupOptions, setup } from "../src/setup.ts";
import { templateName, templateVersion } from "../src/template.ts";

type Stored = Record<string, unknown>;

interface Place {
  readonly client: Client;
  readonly templates: Map<string, Stored>;
  readonly policies: Map<string, Stored>;
  readonly writes: string[];
}

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** What an indexer answers about index templates and, with the plugin, about policies. */
async function place({ plugin = true, status = 200, busy = 0, policyStatus = 200 } = {}): Promise<Place> {
  const templates = new Map<string, Stored>();
  const policies = new Map<string, Stored>();
  const writes: string[] = [];
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? "", "http://indexer");
    const name = url.pathname.split("/").at(-1) as string;
    let text = "";
    for await (const chunk of request) text += chunk;
    const answer = (code: number, body: unknown): void => {
      response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    if (busy-- > 0) return answer(503, { error: { type: "no_master", reason: "starting" }, status: 503 });
    if (status !== 200)
      return answer(status, {
        error: { type: "security_exception", reason: "no permissions for [x] and User [name=u]" },
        status,
      });
    const isPolicy = url.pathname.startsWith("/_plugins/");
    if (isPolicy && policyStatus !== 200)
      return answer(policyStatus, { error: { type: "some_exception", reason: "a fault of its own" } });
    if (isPolicy && !plugin)
      return answer(400, { error: `no handler found for uri [${url.pathname}] and method [GET]` });
    const things = isPolicy ? policies : templates;
    if (request.method === "PUT") {
      writes.push(`PUT ${request.url}`);
      things.set(name, JSON.parse(text));
      return answer(200, { acknowledged: true });
    }
    if (name === "_index_template") {
      const listed = [...templates].map(([name, index_template]) => ({ name, index_template }));
      return answer(200, { index_templates: listed });
    }
    const found = things.get(name);
    if (found === undefined) return answer(404, { error: { type: "missing", reason: "missing" }, status: 404 });
    if (isPolicy) return answer(200, { _id: name, _seq_no: 7, _primary_term: 2, ...found });
    answer(200, { index_templates: [{ name, index_template: found }] });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => server.close());
  cleanups.push(() => server.closeAllConnections());
  const client = await connect({ nodes: [`http://127.0.0.1:${(server.address() as AddressInfo).port}`] });
  return { client, templates, policies, writes };
}

async function unusedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const outcomes = async (steps: ReturnType<typeof setup>): Promise<string[]> =>
  (await steps).map(({ outcome }) => outcome);

describe("setup", () => {
  it("installs the template where there is none, and changes nothing the second time", async () => {
    const { client, templates, writes } = await place();
    expect(await outcomes(setup(client))).toEqual(["installed"]);
    expect(templates.get(templateName)).toMatchObject({ version: templateVersion, priority: 500 });
    expect(await outcomes(setup(client))).toEqual(["current"]);
    expect(writes).toHaveLength(1);
  });

  it("upgrades an older one, and one with other settings", async () => {
    const { client, templates } = await place();
    await setup(client);
    templates.set(templateName, { ...templates.get(templateName), version: templateVersion - 1 });
    expect(await outcomes(setup(client))).toEqual(["upgraded"]);
    const options: SetupOptions = { level: "lean" };
    expect(await outcomes(setup(client, options))).toEqual(["upgraded"]);
    expect(await outcomes(setup(client, options))).toEqual(["current"]);
  });

  it("keeps the settings that it is not given, through an upgrade too", async () => {
    const { client, templates } = await place();
    const settings = (): unknown => templates.get(templateName)?.template;
    await setup(client, { level: "lean", shards: 3 });
    const installed = settings();
    expect(await outcomes(setup(client))).toEqual(["current"]);
    expect(await outcomes(checkSetup(client, { retentionDays: 5 }))).toEqual(["older", "missing"]);
    templates.set(templateName, { ...templates.get(templateName), version: templateVersion - 1, template: {} });
    expect(await outcomes(setup(client))).toEqual(["upgraded"]);
    expect(settings()).toEqual(installed);
    expect(await outcomes(setup(client, { shards: 1 }))).toEqual(["upgraded"]);
    expect(settings()).toMatchObject({ settings: { "index.number_of_shards": 1 } });
    expect(JSON.stringify(settings()).length).toBeLessThan(JSON.stringify(installed).length + 10);
  });

  it("leaves a newer one and a foreign one alone, each with one line", async () => {
    const { client, templates, writes } = await place();
    await setup(client);
    templates.set(templateName, { ...templates.get(templateName), version: templateVersion + 1 });
    const [newer] = await setup(client);
    expect(newer).toMatchObject({ outcome: "left-alone", message: expect.stringContaining("newer") });
    templates.set(templateName, { index_patterns: ["x"] });
    const [foreign] = await setup(client);
    expect(foreign).toMatchObject({ outcome: "left-alone", message: expect.stringContaining("not of this product") });
    expect(foreign?.message).not.toContain("\n");
    expect(writes).toHaveLength(1);
  });

  it("installs and changes the retention where the plugin is, and says where it is not", async () => {
    const { client, policies, writes } = await place();
    expect(await outcomes(setup(client, { retentionDays: 90 }))).toEqual(["installed", "installed"]);
    expect(JSON.stringify(policies.get(templateName))).toContain('"min_index_age":"90d"');
    expect(await outcomes(setup(client, { retentionDays: 90 }))).toEqual(["current", "current"]);
    expect(await outcomes(setup(client, { retentionDays: 30 }))).toEqual(["upgraded", "upgraded"]);
    expect(writes.at(-1)).toContain("if_seq_no=7&if_primary_term=2");
    policies.set(templateName, { policy: { description: "somebody's" } });
    expect(await outcomes(setup(client, { retentionDays: 30 }))).toEqual(["current", "left-alone"]);
    expect(await outcomes(checkSetup(client))).toEqual(["current", "left-alone"]);
    policies.clear();
    expect(await outcomes(checkSetup(client))).toEqual(["current", "missing"]);

    const without = await place({ plugin: false });
    expect(await outcomes(setup(without.client, { retentionDays: 90 }))).toEqual(["installed", "not-possible"]);
  });

  it("says of another template that it takes the place of its own", async () => {
    const { client, templates } = await place();
    templates.set("lower", { index_patterns: ["wazuh-alerts-*"], priority: 1 });
    templates.set("elsewhere", { index_patterns: ["wazuh-alerts-4.x-2*"], priority: 900 });
    expect(await outcomes(setup(client))).toEqual(["installed"]);
    templates.set("higher", { index_patterns: ["logs-*", "wazuh-alerts-*"], priority: 600 });
    const [, other] = await setup(client);
    expect(other).toMatchObject({ outcome: "left-alone", because: "overrides" });
    expect(other?.message).toContain("index template higher of priority 600 takes the place of security-lake");
  });

  it("forgets the retention when it is told so, and says how the policy ends", async () => {
    const { client, policies, templates } = await place();
    await setup(client, { retentionDays: 90 });
    const [template, policy] = await setup(client, { retentionDays: "never" });
    expect(template?.outcome).toBe("upgraded");
    expect(policy?.message).toContain("DELETE /_plugins/_ism/policies/security-lake");
    expect(JSON.stringify(templates.get(templateName))).not.toContain("retentionDays");
    policies.clear();
    expect(await outcomes(setup(client))).toEqual(["current"]);
    expect(await outcomes(setup(client, { retentionDays: "never" }))).toEqual(["current"]);
    const without = await place({ plugin: false });
    expect(await outcomes(setup(without.client, { retentionDays: "never" }))).toEqual(["installed"]);
  });

  it.each([{ level: "huge" }, { shards: 0 }, { shards: 1.5 }, { retentionDays: -1 }])("refuses %o", async (options) => {
    const { client, writes } = await place();
    const [name] = Object.keys(options) as [string];
    await expect(setup(client, options as never)).rejects.toThrow(new RegExp(`^${name} is `));
    expect(writes).toEqual([]);
  });

  it.each([403, 500])("says of a plugin that answers %i what it says, not that it is missing", async (policyStatus) => {
    const { client } = await place({ policyStatus });
    const reason = { message: expect.stringContaining("a fault of its own") };
    await expect(setup(client, { retentionDays: 90 })).rejects.toMatchObject(reason);
    const [template, policy] = await checkSetup(client, { retentionDays: 90 });
    expect(template?.outcome).toBe("current");
    expect(policy).toMatchObject({ outcome: "not-possible", ...reason });
    expect(policy?.message).toMatch(/; whether it is in place is not known$/);
  });

  it("only looks when it is asked to", async () => {
    const { client, templates, writes } = await place();
    expect(await outcomes(checkSetup(client, { retentionDays: 9 }))).toEqual(["missing", "missing"]);
    expect(writes).toEqual([]);
    await setup(client, { retentionDays: 9 });
    templates.set(templateName, { ...templates.get(templateName), version: 0 });
    expect(await outcomes(checkSetup(client, { retentionDays: 8 }))).toEqual(["older", "older"]);
    expect(writes).toHaveLength(2);
  });

  it("goes to another node where one is away, and waits while the indexer starts", async () => {
    const { client, templates } = await place({ busy: 2 });
    const { url } = client.connectionPool.connections[0] as { url: URL };
    const several = await connect({ nodes: [`http://127.0.0.1:${await unusedPort()}`, url.origin] });
    expect(await outcomes(checkSetup(several))).toEqual(["missing"]);
    expect(await outcomes(setup(several))).toEqual(["installed"]);
    expect(templates.size).toBe(1);
  });

  it.each([1, 3])(
    "rejects soon where nobody listens at any of %i nodes, having asked each, and one again",
    async (count) => {
      const nodes = await Promise.all(
        Array.from({ length: count }, async () => `http://127.0.0.1:${await unusedPort()}`),
      );
      const client = await connect({ nodes });
      let requests = 0;
      client.on("request", () => requests++);
      await expect(checkSetup(client)).rejects.toMatchObject({
        code: "INDEXER_SETUP",
        message: expect.stringMatching(/ECONNREFUSED.*; nobody listens there: start it, or correct host and port$/),
      });
      expect(requests).toBe(count + 1);
    },
  );

  it("rejects at once where a retry cannot help, with what to do", async () => {
    const { client } = await place();
    const { url } = client.connectionPool.connections[0] as { url: URL };
    await expect(setup(await connect({ nodes: [url.origin.replace("http:", "https:")] }))).rejects.toMatchObject({
      code: "INDEXER_UNTRUSTED",
      message: expect.stringMatching(/wrong version number; this port speaks http, not https/),
    });
  });

  it.each([401, 403])("rejects with the indexer's words when it answers %i", async (status) => {
    const { client } = await place({ status });
    await expect(setup(client)).rejects.toMatchObject({
      code: "INDEXER_DENIED",
      status,
      message: expect.stringContaining("no permissions for [x]"),
    });
  });
});
