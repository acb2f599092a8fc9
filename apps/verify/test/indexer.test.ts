import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AuthError } from "@threatlockdown/aws-auth";
import { IndexerError, writerRole } from "@threatlockdown/indexer-client";
import { createAuthority } from "@threatlockdown/tooling-opensearch";
import { afterEach, describe, expect, it } from "vitest";
import { isSpare, ofName, type Tried } from "../src/addresses.ts";
import { type Result, runChecks } from "../src/check.ts";
import { triedActions } from "../src/checks/indexer-rights.ts";
import { checks } from "../src/checks/table.ts";
import { written } from "../src/command.ts";
import { type Asker, type FindAsker, openIndexer } from "../src/indexer.ts";
import { createLake } from "../src/lake.ts";
import { dayIndices, probeIndices } from "../src/probe.ts";
import { fixPlan } from "../src/report/fix-plan.ts";
import { redaction } from "../src/report/redact.ts";
import { patientLimits } from "./patience.ts";

const table = checks({ receive: true }).filter(({ id }) => id.startsWith("indexer") || id === "dashboard-fields");
const subscriber = { line: 1, queue: "lake" };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

type Answer = readonly [status: number, body: unknown];
type Asked = `${string} ${string}`;

/** An indexer without users that answers as it is told; what it is not told of is as in an empty one. */
async function fake(
  answers: Readonly<Record<Asked, Answer | "never" | "gone">>,
): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const usual: Readonly<Record<Asked, Answer>> = {
    "GET /": [200, { version: { distribution: "opensearch", number: "2.19.1" } }],
    "GET /_cluster/health": [200, { status: "yellow", number_of_nodes: 1, unassigned_shards: 2 }],
    "GET /_index_template": [200, { index_templates: [] }],
  };
  const server = createHttp((request: IncomingMessage, response: ServerResponse) => {
    const line: Asked = `${request.method} ${decodeURIComponent(request.url ?? "")
      .replace(/\?.*$/, "")
      .replace(/probe-[0-9a-f]{16}/, "probe")}`;
    asked.push(line);
    request.resume();
    const answer = answers[line] ?? usual[line] ?? missing(line, request.url ?? "");
    if (answer === "never") return;
    if (answer === "gone") return void response.destroy();
    const [status, body] = answer;
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  cleanups.push(() => server.closeAllConnections());
  return { url: `http://127.0.0.1:${await listening(server)}`, asked };
}

function missing(line: string, url: string): Answer {
  if (/\/_plugins\//.test(line)) return [400, { error: `no handler found for uri [${url}] and method [GET]` }];
  if (/_search$/.test(line) && !line.includes("probe")) return [200, { hits: { hits: [] } }];
  if (/_settings$/.test(line)) return [200, {}];
  return [404, { error: { type: "index_not_found_exception", reason: "no such index" }, status: 404 }];
}

async function verify(
  host: string | readonly string[],
  only: readonly string[] = table.map(({ id }) => id),
  { timeout = 30_000, own = async () => undefined }: { readonly timeout?: number; readonly own?: FindAsker } = {},
) {
  await using indexer = openIndexer({ enabled: true, hosts: [host].flat(), certificateAuthorities: [] }, { own });
  const lake = createLake(subscriber, { indexer, lookUp: async () => ["127.0.0.1"] });
  const chosen = table.filter(({ id }) => only.includes(id));
  const results = await runChecks(chosen, lake, { timeout });
  return (id: string) => results.find(({ check }) => check.id === id) as Result;
}

describe("an indexer without users", () => {
  it("needs no permissions, and yellow is well", async () => {
    const { url } = await fake({});
    const found = await verify(url);
    expect(found("indexer-user")).toMatchObject({ state: "ok", seen: "it asks for no user; opensearch 2.19.1" });
    expect(found("indexer-permissions").state).toBe("not applicable");
    expect(found("indexer-health")).toMatchObject({ state: "ok", seen: "yellow, 1 node, 2 shards without a node" });
    expect(found("indexer-certificate").state).toBe("not applicable");
  });

  it("has commands without a password", async () => {
    const { url } = await fake({ "GET /_cluster/health": [200, { status: "red", number_of_nodes: 1 }] });
    const found = await verify(url);
    expect(found("indexer-health").commands?.map(written)).toEqual([
      `curl --request GET --url ${url}/_cluster/allocation/explain`,
    ]);
  });
});

describe("the rights of the subscriber's user", () => {
  it("are found out, each of those that its role has", () => {
    const { cluster_permissions: cluster, index_permissions: indices = [] } = writerRole;
    const actions = [...cluster, ...indices.flatMap(({ allowed_actions: allowed }) => allowed)];
    expect(triedActions).toEqual(expect.arrayContaining(actions));
  });
});

describe("several hosts", () => {
  it("are asked one after the other where the first is away", async () => {
    const { url } = await fake({});
    const gone = createTcp();
    const port = await listening(gone);
    gone.close();
    const found = await verify([`http://127.0.0.1:${port}`, url]);
    expect(found("indexer")).toMatchObject({ state: "warning", seen: expect.stringContaining("take its work") });
    for (const id of ["indexer-user", "indexer-health", "indexer-blocks"]) expect(found(id).state).toBe("ok");
  });
});

describe("a name with several addresses", () => {
  const at = async (url: string, ...addresses: readonly string[]) => {
    const own = async () => undefined;
    const host = url.replace("127.0.0.1", "indexer.example");
    await using indexer = openIndexer({ enabled: true, hosts: [host], certificateAuthorities: [] }, { own });
    const lake = createLake(subscriber, { indexer, lookUp: async () => addresses });
    return runChecks(
      table.filter(({ id }) => id === "indexer"),
      lake,
      patientLimits,
    );
  };

  it("is reached by the one that answers; the other is told", async () => {
    const { url } = await fake({});
    const { port } = new URL(url);
    expect(await at(url, "127.0.0.2", "127.0.0.1")).toMatchObject([
      {
        state: "warning",
        seen: `indexer.example:${port} (127.0.0.2): nothing listens there (connection refused); other addresses of the same name are reached`,
      },
    ]);
    expect(await at(url, "127.0.0.1", "127.0.0.1")).toMatchObject([{ state: "ok" }]);
  });

  it("is not reached where none answers", async () => {
    const { url } = await fake({});
    expect(await at(url, "127.0.0.2", "127.0.0.3")).toMatchObject([
      { state: "failed", seen: expect.stringContaining("(127.0.0.2): nothing listens there") },
    ]);
  });

  it("has no dead one where this machine has no IPv6", () => {
    const v6 = { seen: "over IPv6", fix: "none", spare: true } as const;
    const v4 = { seen: "over IPv4" };
    expect(ofName<Tried>([v6, v4])).toEqual({ found: v4, dead: [] });
    expect(ofName<Tried>([v6, { ...v4, fix: "start it" }]).found.seen).toBe("over IPv4");
    expect(isSpare("2001:db8::1", "ENETUNREACH")).toBe(true);
    expect(isSpare("192.0.2.1", "ENETUNREACH")).toBe(false);
    expect(isSpare("2001:db8::1", "ECONNREFUSED")).toBe(false);
  });

  it("has no dead one where a service of this machine listens over IPv4 alone", async () => {
    const { url } = await fake({});
    expect(await at(url, "::1", "127.0.0.1")).toMatchObject([{ state: "ok" }]);
  });
});

describe("authorities", () => {
  const dayMs = 86_400_000;

  it("that have expired, and that no shown certificate needs, are a warning by name", async () => {
    const [current, old] = [await createAuthority(), await createAuthority(new Date(Date.now() - 120 * dayMs))];
    const { cert, key } = await current.issue("CN=indexer", { hosts: ["127.0.0.1"] });
    const server = createHttps({ cert, key }, (_, response) => response.end());
    cleanups.push(() => server.closeAllConnections());
    const url = `https://127.0.0.1:${await listening(server)}`;
    const folder = await mkdtemp(join(tmpdir(), "threatlockdown-ca-"));
    cleanups.push(() => rm(folder, { recursive: true }));
    const file = join(folder, "root-ca.pem");
    const look = async (...certificates: readonly string[]) => {
      await writeFile(file, certificates.join("\n"));
      const settings = { enabled: true, hosts: [url], certificateAuthorities: [file] };
      await using indexer = openIndexer(settings, { own: async () => undefined });
      const chosen = table.filter(({ id }) => id === "indexer-certificate");
      return runChecks(chosen, createLake(subscriber, { indexer }), patientLimits);
    };
    const until = new Date(Date.now() - 30 * dayMs).toISOString().slice(0, 10);
    expect(await look(old.cert, current.cert)).toMatchObject([
      { state: "ok" },
      {
        state: "warning",
        seen: `in the files of <certificate_authorities>, CN=ThreatLockDown test authority was valid until ${until}; no certificate that a host shows needs it`,
      },
    ]);
    expect(await look(current.cert)).toMatchObject([{ state: "ok" }]);
  });
});

describe("a subscriber that signs its requests", () => {
  it("is looked at with signed requests, and what AWS refuses it is told", async () => {
    const signed: string[] = [];
    let refuse = false;
    const server = createHttp((request, response) => {
      signed.push(request.headers.authorization ?? "");
      const body = refuse
        ? { Message: "User: arn:aws:iam::123456789012:role/Writer is not authorized to perform: es:ESHttpGet" }
        : { user_name: "arn:aws:iam::123456789012:role/Writer", roles: ["security_lake_writer"] };
      response.writeHead(refuse ? 403 : 200, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
    cleanups.push(() => server.closeAllConnections());
    const url = `http://127.0.0.1:${await listening(server)}`;
    const credentials = async () => ({ accessKeyId: "AKIASIGNER", secretAccessKey: "never-shown" });
    const look = async () => {
      const own = async () => ({ sigv4: { region: "eu-west-1", service: "es", credentials }, name: "of AWS" }) as const;
      await using indexer = openIndexer({ enabled: true, hosts: [url], certificateAuthorities: [] }, { own });
      const chosen = table.filter(({ id }) => id === "indexer-user");
      return await runChecks(chosen, createLake(subscriber, { indexer }), patientLimits);
    };
    expect(await look()).toMatchObject([{ state: "ok", seen: expect.stringContaining("role/Writer") }]);
    expect(signed[0]).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIASIGNER\/\d{8}\/eu-west-1\/es\/aws4_request/);
    refuse = true;
    expect(await look()).toMatchObject([{ state: "failed", seen: expect.stringContaining("es:ESHttpGet") }]);
  });
});

describe("what whoever runs this lacks, and the subscriber may have", () => {
  const denied = Object.assign(new Error("permission denied"), { code: "EACCES" });
  const file = "The indexer credentials file /etc/security-lake/indexer cannot be read: EACCES.";
  const signing = (credentials: () => Promise<never>): Asker => ({
    sigv4: { region: "eu-west-1", service: "es", credentials },
    name: "of AWS",
  });

  it.each<[string, FindAsker, RegExp, RegExp]>([
    [
      "a file that only the subscriber may read",
      () => Promise.reject(new IndexerError("INDEXER_SETTINGS", file, { cause: denied })),
      /indexer credentials file .* cannot be read: EACCES$/,
      /^run it as the user who runs the subscriber$/,
    ],
    [
      "a Region to sign for",
      () => Promise.reject(new AuthError("AUTH_REGION", "no AWS region is known")),
      /could not be signed: no AWS region is known$/,
      /^Give the Region by --indexer-region/,
    ],
    [
      "credentials to sign with",
      async () => signing(() => Promise.reject(new AuthError("AUTH_BASE", "no credentials are set"))),
      /could not be signed: no credentials are set$/,
      /^Run it as the user who runs the subscriber, with --indexer-profile/,
    ],
  ])("is no failure: %s", async (_, own, seen, how) => {
    const { url } = await fake({});
    const found = await verify(url, undefined, { own });
    for (const id of ["indexer-user", "indexer-health", "indexer-probe", "dashboard-fields", "indexer-lag"]) {
      expect(found(id)).toMatchObject({ state: "could not check", seen: expect.stringMatching(seen) });
    }
    expect(found("indexer-user").fix).toMatch(how);
  });

  it("is one where it is wrong for everybody", async () => {
    const own = () => Promise.reject(new IndexerError("INDEXER_SETTINGS", "INDEXER_PASSWORD is not set."));
    const { url } = await fake({});
    expect((await verify(url, undefined, { own }))("indexer-user")).toMatchObject({ state: "failed" });
  });
});

describe("retention", () => {
  it.each([
    [[404, { error: { type: "status_exception", reason: "Policy not found" } }], /no policy was installed/],
    [[200, { policy: { description: "indices are deleted after 90 days" } }], /deleted after 90 days/],
  ] as const)("%j is told", async (answer, seen) => {
    const { url } = await fake({ "GET /_plugins/_ism/policies/security-lake": answer });
    expect((await verify(url))("indexer-retention")).toMatchObject({ state: "ok", seen: expect.stringMatching(seen) });
  });
});

describe("the retention that setup was given", () => {
  const product = "threatlockdown-security-lake";
  const _meta = { managed_by: product, options: { retentionDays: 30 } };
  const template = {
    "GET /_index_template": [200, { index_templates: [{ name: "security-lake", index_template: { _meta } }] }],
  };
  const policy = (description: string): Answer => [200, { _seq_no: 1, _primary_term: 1, policy: { description } }];
  const denied: Answer = [
    403,
    { error: { type: "security_exception", reason: "no permissions for [x]" }, status: 403 },
  ];

  it.each([
    ["in place", policy(`${product}: indices are deleted after 30 days`), "ok", /of 30 days is in place/],
    [
      "absent",
      [404, { error: { reason: "not found" } }],
      "warning",
      /retention policy security-lake is not installed$/,
    ],
    ["of another duration", policy(`${product}: indices are deleted after 9 days`), "warning", /has another duration$/],
    ["somebody else's", policy("kept for ever"), "warning", /is not of this product/],
    ["not to be looked at", denied, "could not check", /no --indexer-admin was given/],
  ] as const)("is %s", async (name, answer, state, seen) => {
    const { url } = await fake({ ...template, "GET /_plugins/_ism/policies/security-lake": answer } as never);
    const found = (await verify(url, ["indexer-retention"]))("indexer-retention");
    expect(found).toMatchObject({ state, seen: expect.stringMatching(seen) });
    const mends = /absent|duration/.test(name);
    expect(found.commands?.map(written)).toEqual(mends ? ["security-lake-wodle setup --config ossec.conf"] : undefined);
  });
});

describe("the plan", () => {
  it.each([
    ["somebody else's", {}, /Only where nobody needs it, or it is saved under another name: /],
    [
      "of a newer version",
      { _meta: { managed_by: "threatlockdown-security-lake" }, version: 999 },
      /Only where the newer version is no longer used: /,
    ],
  ])("deletes no template that is %s without a look", async (_, template, where) => {
    const { url } = await fake({
      "GET /_index_template": [200, { index_templates: [{ name: "security-lake", index_template: template }] }],
    });
    const found = (await verify(url, ["indexer-template"]))("indexer-template");
    const plan = fixPlan([found]).trimEnd().split("\n");
    expect(plan.filter((line) => where.test(line))).toHaveLength(2);
    expect(plan.filter((line) => /^[^#]/.test(line))).toEqual([]);
  });
});

describe("an indexer that is not ready", () => {
  it("has to start first", async () => {
    const { url } = await fake({
      "GET /_plugins/_security/authinfo": [503, { error: { reason: "OpenSearch Security not initialized." } }],
    });
    const found = await verify(url);
    expect(found("indexer-user")).toMatchObject({ state: "failed", seen: expect.stringContaining("not initialized") });
    expect(found("indexer-template").seen).toContain('the check "indexer-user" has to succeed first');
  });

  it.each([429, 502])("is busy, or behind a gateway in trouble (%i): its user is not judged", async (status) => {
    const { url } = await fake({ "GET /_plugins/_security/authinfo": [status, { message: "not now" }] });
    expect((await verify(url, ["indexer", "indexer-user"]))("indexer-user")).toMatchObject({
      state: "could not check",
      seen: expect.stringContaining(`${status} not now`),
    });
  });

  it("asks for signed requests: that is not judged", async () => {
    const { url } = await fake({
      "GET /_plugins/_security/authinfo": [403, { Message: "anonymous is not authorized" }],
    });
    expect((await verify(url))("indexer-user")).toMatchObject({ state: "could not check" });
  });

  it("that stops to answer is told in its own words, and in time", async () => {
    const { url } = await fake({ "GET /_cluster/health": "never" });
    const found = await verify(url, ["indexer-health"]);
    expect(found("indexer-health")).toMatchObject({
      state: "could not check",
      seen: expect.stringMatching(/the indexer did not answer/),
      fix: expect.stringContaining("look whether it is overloaded"),
    });
  });

  it("that hangs is asked once, and nothing after that", async () => {
    const { url, asked } = await fake({ "GET /_plugins/_security/authinfo": "never" });
    const found = await verify(url);
    const open = table.map(({ id }) => found(id)).filter(({ state }) => state === "could not check");
    expect(open.map(({ check }) => check.id)).toEqual([
      ...["indexer-user", "indexer-health", "indexer-blocks", "indexer-permissions", "indexer-template"],
      ...["indexer-retention", "indexer-probe", "dashboard-fields", "indexer-lag"],
    ]);
    expect(new Set(open.map(({ obstacle }) => obstacle?.because)).size).toBe(1);
    expect(new Set(asked)).toEqual(new Set(["GET /", "GET /_plugins/_security/authinfo"]));
  });

  it.each(["http", "https"])("that takes connections and says nothing over %s has failed", async (scheme) => {
    const open = new Set<Socket>();
    const port = await listening(createTcp((socket) => open.add(socket)));
    cleanups.push(() => {
      for (const socket of open) socket.destroy();
    });
    const found = await verify(`${scheme}://indexer.example:${port}`, ["indexer"]);
    expect(found("indexer")).toMatchObject({ state: "failed", seen: expect.stringMatching(/says nothing within 3 s/) });
  });
});

describe("events with the name of another manager alone", () => {
  const event = { manager: { name: "another.example" }, security_lake: { bucket: "lake" } };

  const ran = (events: number) => ({ queues: { lake: { succeeded: { at: new Date().toISOString(), events } } } });

  it.each([
    [[], ran(1), "warning"],
    [["lake"], ran(1), "failed"],
    [["lake"], ran(0), "warning"],
    // A second manager of the same lake, before its first run.
    [["lake"], {}, "could not check"],
  ] as const)("are this manager's where lake and last run are known: %j, %j is %s", async (buckets, lastRun, state) => {
    const folder = await mkdtemp(join(tmpdir(), "threatlockdown-verify-"));
    cleanups.push(() => rm(folder, { recursive: true, force: true }));
    await writeFile(join(folder, "last-run.json"), JSON.stringify(lastRun));
    let searches = 0;
    const { url } = await fake({
      get [`POST /${dayIndices}/_search`](): Answer {
        // The first search is for all, the second for those of this manager.
        return [200, { hits: { hits: searches++ === 0 ? [{ _source: event }] : [] } }];
      },
    });
    const own = async () => undefined;
    await using indexer = openIndexer({ enabled: true, hosts: [url], certificateAuthorities: [] }, { own });
    const chosen = table.filter(({ id }) => id === "dashboard-fields");
    const manager = { file: "ossec.conf", settings: { modules: [] }, issues: [], state: folder } as never;
    const found = await runChecks(chosen, createLake(subscriber, { indexer, buckets, manager }), patientLimits);
    expect(found).toMatchObject([
      { state, seen: expect.stringContaining("manager.name another.example; this manager's dashboard shows those of") },
    ]);
    // Whoever else writes by that name keeps it: no plan renames those events without a look.
    expect(
      fixPlan(found)
        .split("\n")
        .filter((line) => /^[^#]/.test(line)),
    ).toEqual([]);
    const open = state === "could not check";
    expect(fixPlan(found).includes("# Only where no other manager writes by the name another.example")).toBe(!open);
  });
});

describe("the probe", () => {
  const templates: Answer = [200, { index_templates: [] }];
  const stored: Answer = [200, { items: [{ create: { status: 201 } }] }];
  const index = probeIndices.pattern.replace("-*", "");
  const settings = (url: string) => ({ enabled: true, hosts: [url], certificateAuthorities: [] });
  const probed = async (...hosts: readonly string[]) => {
    await using indexer = openIndexer({ ...settings(""), hosts }, { own: async () => undefined });
    const chosen = table.filter(({ id }) => id === "indexer-probe");
    return runChecks(chosen, createLake(subscriber, { indexer }), patientLimits);
  };

  it("deletes its index whatever became of its document, and says so where it cannot", async () => {
    let deletes = 0;
    const { url, asked } = await fake({
      "GET /_index_template": templates,
      "POST /_bulk": stored,
      get [`DELETE /${index}`](): Answer {
        deletes++;
        return deletes === 1 ? [404, {}] : [403, { error: { reason: "blocked by: [FORBIDDEN/5/index read-only]" } }];
      },
    });
    const found = await probed(url);
    expect(found).toMatchObject([
      { state: "failed" },
      {
        state: "warning",
        seen: expect.stringMatching(/security-lake-probe-[0-9a-f]{16} of a probe is still there: 403 blocked by/),
      },
    ]);
    expect(found[1]?.commands?.map(written)).toEqual([
      expect.stringMatching(/^curl --request DELETE --url \S+-probe-[0-9a-f]{16}$/),
    ]);
    expect(asked.filter((line) => line.startsWith("DELETE"))).toHaveLength(2);
  });

  it("whose document got no answer deletes its index when that comes after all", async () => {
    let deletes = 0;
    const { url, asked } = await fake({
      "POST /_bulk": "gone",
      get [`DELETE /${index}`](): Answer {
        deletes++;
        return deletes === 3 ? [200, { acknowledged: true }] : [404, {}];
      },
    });
    expect(await probed(url)).toMatchObject([
      { state: "could not check", seen: expect.stringContaining("the indexer did not answer") },
    ]);
    expect(asked.filter((line) => line === "POST /_bulk")).toHaveLength(1);
    expect(deletes).toBe(3);
  });

  it("writes its document once, also where there are several hosts and none answers", async () => {
    let deletes = 0;
    const answers = {
      "POST /_bulk": "gone",
      get [`DELETE /${index}`](): Answer {
        deletes++;
        return deletes === 1 ? [404, {}] : [200, { acknowledged: true }];
      },
    } as const;
    const [first, second] = [await fake(answers), await fake(answers)];
    expect(await probed(first.url, second.url)).toMatchObject([{ state: "could not check" }]);
    expect([...first.asked, ...second.asked].filter((line) => line === "POST /_bulk")).toHaveLength(1);
  });

  it.each<[string, Answer | "gone", RegExp]>([
    [
      "is not there yet",
      [404, {}],
      /may be left: the request that writes into it got no answer, and may be obeyed yet$/,
    ],
    ["cannot be deleted", [503, { message: "busy" }], /may be left: 503 busy$/],
  ])("whose document got no answer says what may be left where its index %s", async (_, answer, seen) => {
    let deletes = 0;
    const { url } = await fake({
      "POST /_bulk": "gone",
      get [`DELETE /${index}`](): Answer | "gone" {
        deletes++;
        return deletes === 1 ? [404, {}] : answer;
      },
    });
    const [, left] = await probed(url);
    expect(left).toMatchObject({ state: "warning", seen: expect.stringMatching(seen) });
    expect(left?.commands?.map(written)).toEqual([expect.stringMatching(/^curl --request DELETE --url \S+-probe-/)]);
  });

  it("is finished, index deleted, although nobody waits for it any more", async () => {
    const late = new AbortController();
    let deletes = 0;
    const { url, asked } = await fake({
      get "POST /_bulk"(): Answer {
        late.abort();
        return stored;
      },
      get [`DELETE /${index}`](): Answer {
        deletes++;
        return deletes === 1 ? [404, {}] : [200, { acknowledged: true }];
      },
    });
    await using indexer = openIndexer(settings(url), { own: async () => undefined });
    const owed: Promise<unknown>[] = [];
    const [check] = table.filter(({ id }) => id === "indexer-probe");
    const found = check?.run(createLake(subscriber, { indexer }), late.signal, (work) => owed.push(work));
    await expect(found).rejects.toThrow(/aborted/);
    expect(await Promise.all(owed)).toEqual([[]]);
    expect(asked.filter((line) => line.startsWith("DELETE"))).toHaveLength(2);
  });

  it("tells of an index that a run before has left", async () => {
    const settings = { "index.creation_date": String(Date.now() - 3_600_000) };
    const name = probeIndices.name();
    const listed: Asked = `GET /${probeIndices.pattern}/_settings`;
    const { url } = await fake({
      "POST /_bulk": stored,
      ...Object.fromEntries([[listed, [200, { [name]: { settings } }]]]),
    });
    const found = await probed(url);
    expect(found.at(-1)).toMatchObject({ state: "warning", seen: expect.stringContaining(name) });
  });
});

describe("what is masked", () => {
  it("are hosts, users and names of this installation", () => {
    const text = "indexer-1.corp.example:9200: it is lakewriter, with manager.name siem-01";
    const mask = redaction(
      [text],
      [
        ["indexer-1.corp.example", "host"],
        ["lakewriter", "user"],
        ["siem-01", "manager"],
      ],
    );
    expect(mask(text)).toBe("<host-1>:9200: it is <user-1>, with manager.name <manager-1>");
  });
});
