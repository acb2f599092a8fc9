import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createLab, type Lab, startWodle } from "@threatlockdown/tooling-lab";
import { makeObject } from "@threatlockdown/tooling-lake";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly authorization: string;
  readonly encoding: string | undefined;
  readonly body: string;
}

const basic = (username: string, password: string): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

describe("the indexer of the configuration", () => {
  let server: Server;
  let lab: Lab;
  let seen: Seen[];
  let installed: Map<string, object>;
  let importTaken: boolean;
  /** What becomes of each document. */
  let verdict: object;
  /** Whether a request may go on, or what it gets; it may change what the test has prepared. */
  let admits: (request: IncomingMessage) => boolean | 403;
  beforeEach(async () => {
    seen = [];
    installed = new Map();
    importTaken = true;
    verdict = { status: 201 };
    admits = () => true;
    server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const { method = "", url = "", headers } = request;
      const { "content-encoding": encoding, authorization = "" } = headers;
      const body = Buffer.concat(chunks).toString();
      seen.push({ method, path: url.split("?")[0] as string, authorization, encoding, body });
      const admitted = admits(request);
      const [status, answer] =
        admitted === true ? answerTo(method, url, body) : [admitted || 401, { error: "Unauthorized" }];
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    lab = await createLab({ indexer: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } });
  });
  afterEach(async () => {
    await lab.close();
    server.closeAllConnections();
    server.close();
  });

  function answerTo(method: string, url: string, body: string): [status: number, answer: object] {
    const path = url.split("?")[0] as string;
    if (path.endsWith("/_import")) {
      if (!importTaken) return [200, { success: false, errors: [{ error: { type: "unsupported_type" } }] }];
      const dashboard = JSON.parse(body.split("\n").find((line) => line.startsWith('{"type":"dashboard"')) ?? "null");
      installed.set(`/api/saved_objects/dashboard/${dashboard.id}`, dashboard);
      return [200, { success: true }];
    }
    if (path.startsWith("/api/")) return installed.has(path) ? [200, installed.get(path) ?? {}] : [404, {}];
    if (method === "PUT") {
      installed.set(path, JSON.parse(body));
      return [200, { acknowledged: true }];
    }
    if (path === "/_index_template") {
      const listed = [...installed].filter(([known]) => known.startsWith("/_index_template/"));
      const named = listed.map(([known, index_template]) => ({ name: known.split("/").at(-1), index_template }));
      return [200, { index_templates: named }];
    }
    if (path !== "/_bulk") {
      const index_template = installed.get(path);
      if (index_template === undefined) return [404, { error: { type: "missing", reason: "missing" }, status: 404 }];
      if (path.startsWith("/_plugins/")) return [200, index_template];
      return [200, { index_templates: [{ index_template }] }];
    }
    const actions = body.split("\n").filter((line, at) => at % 2 === 0 && line !== "");
    const items = actions.map((line) => ({ create: { _id: JSON.parse(line).create._id, ...verdict } }));
    return [200, { errors: false, items }];
  }

  async function wodle(...args: string[]) {
    const running = lab.wodle(args);
    const { code } = await running.ended;
    return { code, stdout: running.stdout(), stderr: running.stderr() };
  }
  const bulks = (): Seen[] => seen.filter(({ path }) => path === "/_bulk");

  it("is set up as the options say, which is kept by the next setup and by the run", async () => {
    const options = ["--level", "lean", "--shards", "3", "--replicas", "2", "--refresh", "30s", "--retention", "90"];
    const { code, stdout } = await wodle("setup", ...options, "--codec", "best_compression", "--sorted", "yes");
    expect([code, stdout.trim().split("\n")]).toEqual([
      0,
      [
        expect.stringMatching(/^Indexer: index template security-lake version \d+ installed$/),
        "Indexer: retention policy security-lake of 90 days installed",
        expect.stringMatching(/^Dashboards: not asked for, .*; import .*saved-objects\.ndjson under/),
      ],
    ]);
    const [first] = readFileSync(join(lab.folder, "security-lake", "saved-objects.ndjson"), "utf8").split("\n");
    expect(JSON.parse(first as string)).toMatchObject({ type: "index-pattern" });
    const template = installed.get("/_index_template/security-lake");
    expect(template).toMatchObject({
      template: {
        settings: {
          "index.number_of_shards": 3,
          "index.number_of_replicas": 2,
          "index.refresh_interval": "30s",
          "index.codec": "best_compression",
          "index.sort.field": "timestamp",
        },
      },
    });
    expect(JSON.stringify(installed.get("/_plugins/_ism/policies/security-lake"))).toContain("90d");
    expect((await wodle("once")).code).toBe(0);
    expect(installed.get("/_index_template/security-lake")).toEqual(template);
  });

  it("has its saved objects installed in Dashboards by setup, and looked for at every start", async () => {
    const dashboards = ["--dashboards", `http://127.0.0.1:${(server.address() as AddressInfo).port}`];
    expect((await wodle("once", ...dashboards)).stderr).toContain("WARNING: Dashboards: saved objects");
    expect((await wodle("setup", ...dashboards)).stdout).toMatch(/Dashboards: saved objects .* installed\n$/);
    const { code, stderr } = await wodle("once", ...dashboards);
    expect([code, stderr]).toEqual([0, expect.not.stringContaining("Dashboards")]);
  });

  it("has them written to a file where Dashboards does not take them", async () => {
    importTaken = false;
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { code, stderr } = await wodle("setup", "--dashboards", url);
    expect([code, stderr]).toEqual([
      11,
      expect.stringMatching(/^ERROR: Dashboards: .* were not taken: .*; import .*saved-objects\.ndjson under/),
    ]);
  });

  it.each([
    ["its name", "security-lake", /ERROR: Indexer: index template security-lake is not of this product/],
    ["its place", "logs", /ERROR: Indexer: index template logs of priority 900 takes the place of security-lake/],
  ])("is not said to be set up where another template has %s", async (_what, name, line) => {
    installed.set(`/_index_template/${name}`, { index_patterns: ["wazuh-alerts-*"], priority: 900 });
    const { code, stdout, stderr } = await wodle("setup");
    expect([code, stderr]).toEqual([11, expect.stringMatching(line)]);
    expect(stdout).not.toContain("takes the place");
  });

  it("has its roles printed without being asked anything", async () => {
    const { code, stdout } = await wodle("setup", "--print-roles");
    expect([code, seen.length]).toEqual([0, 0]);
    expect(Object.keys(JSON.parse(stdout))).toEqual(["security_lake_writer", "security_lake_setup"]);
  });

  it("is written to without its retention, which the user may not put back, and that is said", async () => {
    expect((await wodle("setup", "--retention", "90")).code).toBe(0);
    installed.delete("/_plugins/_ism/policies/security-lake");
    admits = ({ method }) => (method === "PUT" ? 403 : true);
    lab.put(makeObject({ source: "waf_2_0", rows: 5 }));
    const { code, stderr } = await wodle("once");
    expect([code, lab.messages(), bulks().length]).toEqual([0, 0, 1]);
    expect(stderr).toBe("WARNING: Indexer: retention policy security-lake is not installed; run setup\n");
  });

  it("takes a password that changed in the middle of a run, from the file", async () => {
    const file = join(lab.folder, "indexer.credentials");
    const write = (password: string) => writeFileSync(file, `username=writer\npassword=${password}\n`, { mode: 0o600 });
    write("old");
    let password = "old";
    admits = ({ url, headers }) => {
      if (url?.startsWith("/_bulk") && password === "old") {
        password = "new";
        write(password);
      }
      return headers.authorization === basic("writer", password);
    };
    lab.put(makeObject({ source: "waf_2_0", rows: 5 }));
    const { code, stderr } = await wodle("once", "--indexer-credentials", file, "--debug");
    expect([code, lab.messages()]).toEqual([0, 0]);
    expect(bulks().map(({ authorization }) => authorization)).toEqual([basic("writer", "old"), basic("writer", "new")]);
    expect(stderr).not.toMatch(/=old|=new|:old|:new/);
  });

  it("takes user and password from the credentials that systemd hands over", async () => {
    const folder = join(lab.folder, "credentials");
    mkdirSync(folder);
    writeFileSync(join(folder, "indexer-username"), "writer\n");
    writeFileSync(join(folder, "indexer-password"), "s3cret\n");
    admits = ({ headers }) => headers.authorization === basic("writer", "s3cret");
    lab.put(makeObject({ source: "waf_2_0", rows: 5 }));
    const environment = { ...lab.environment, CREDENTIALS_DIRECTORY: folder };
    const run = startWodle(["once", "--config", join(lab.folder, "ossec.conf")], environment);
    expect([(await run.ended).code, lab.messages()]).toEqual([0, 0]);
    expect(bulks()).toHaveLength(1);
  });

  it("gets requests signed with keys of its own, of which the lake's role is none", async () => {
    const shared = join(lab.folder, "aws-credentials");
    writeFileSync(shared, "[indexer]\naws_access_key_id = AKIAINDEXER\naws_secret_access_key = its-own\n");
    lab.put(makeObject({ source: "waf_2_0", rows: 5 }));
    const args = ["--indexer-sigv4", "aoss", "--indexer-region", "eu-west-2", "--indexer-profile", "indexer"];
    const environment = { ...lab.environment, AWS_SHARED_CREDENTIALS_FILE: shared };
    const run = startWodle(["once", "--config", join(lab.folder, "ossec.conf"), ...args], environment);
    expect([(await run.ended).code, lab.messages()]).toEqual([0, 0]);
    expect(bulks()).toHaveLength(1);
    for (const { authorization } of seen) {
      expect(authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIAINDEXER\/\d{8}\/eu-west-2\/aoss\/aws4_request, /);
    }
    expect(JSON.stringify(lab.aws.requests.list())).not.toContain("AKIAINDEXER");
  });

  it("gets requests signed by a role, which is assumed through the environment's proxy", async () => {
    const { aws, environment, subscription } = lab;
    const trust = { Effect: "Allow", Action: "sts:AssumeRole", Principal: { AWS: subscription.userArn } };
    const { arn } = aws.createRole({ name: "Writer", trust: { Version: "2012-10-17", Statement: [trust] } });
    const asked: string[] = [];
    const proxy = createServer((incoming, outgoing) => {
      const { method = "", url = "", headers } = incoming;
      asked.push(`${method} ${url}`);
      incoming.pipe(
        request(url, { method, headers }, (answer) => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(outgoing);
        }),
      );
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const HTTP_PROXY = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const signing = ["--indexer-sigv4", "es", "--indexer-region", "eu-west-2", "--indexer-role", arn];
    const args = ["setup", "--config", join(lab.folder, "ossec.conf"), ...signing];
    const { code } = await startWodle(args, { ...environment, HTTP_PROXY }).ended;
    proxy.closeAllConnections();
    proxy.close();
    expect([code, asked]).toEqual([0, [`POST ${aws.url}/`]]);
    expect(seen[0]?.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=ASIA/);
  });

  it("gets requests no larger than they may be", async () => {
    lab.put(makeObject({ source: "waf_2_0", rows: 50 }));
    const { code } = await wodle("once", "--indexer-request-bytes", "20000", "--indexer-requests", "1");
    expect([code, bulks().length > 3]).toEqual([0, true]);
    for (const { body } of bulks()) expect(body.length).toBeLessThanOrEqual(20_000);
  });

  it("that refuses all documents is told of with ten of them and their number", async () => {
    verdict = { status: 400, error: { type: "mapper_parsing_exception", reason: "not so" } };
    lab.put(makeObject({ source: "waf_2_0", rows: 30 }));
    const { code, stderr } = await wodle("once");
    expect([code, lab.messages()]).toEqual([0, 0]);
    const lines = stderr.trimEnd().split("\n");
    expect(
      lines.filter((line) => /^WARNING: Document .* is sent with its data unindexed: .*not so$/.test(line)),
    ).toHaveLength(10);
    expect(lines.filter((line) => /^WARNING: Document .* went to the dead letter: .*not so$/.test(line))).toHaveLength(
      10,
    );
    expect(stderr).toMatch(
      /^WARNING: Indexer: 30 documents were sent with their data unindexed, of which 10 are named/m,
    );
    expect(stderr).toMatch(/^WARNING: Indexer: 30 documents went to the dead letter, of which 10 are named above/m);
  });

  it("is not asked with options that contradict each other", async () => {
    const { code, stderr } = await wodle("once", "--indexer-sigv4", "es", "--indexer-credentials", "f");
    expect([code, seen.length]).toEqual([2, 0]);
    expect(stderr).toBe("ERROR: Give --indexer-credentials or --indexer-sigv4, not both.\n");
  });
});
