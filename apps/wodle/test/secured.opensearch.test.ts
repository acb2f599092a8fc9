import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createLab, type Lab } from "@threatlockdown/tooling-lab";
import { makeObject } from "@threatlockdown/tooling-lake";
import { type OpenSearch, startOpenSearch } from "@threatlockdown/tooling-opensearch";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";

const roles = parse(readFileSync(join(import.meta.dirname, "../../../packages/indexer-client/role.yml"), "utf8"));
const users = {
  writer: { password: "Wr1te-with-TLS!", roles: ["security_lake_writer"] },
  installer: { password: "Inst4ll-with-TLS!", roles: ["security_lake_writer", "security_lake_setup"] },
};

describe("the indexer of ossec.conf, with TLS and users", () => {
  let server: OpenSearch;
  let lab: Lab;
  const labOf = (name: keyof typeof users, password = users[name].password) =>
    createLab({ indexer: { url: server.url, username: name, password, ca: server.caFile as string } });
  beforeAll(async () => {
    server = await startOpenSearch({ quick: true, security: { users, roles } });
  });
  afterEach(() => lab?.close());
  afterAll(() => server?.stop());

  it("takes nothing from the queue while the template is missing and may not be installed", async () => {
    lab = await labOf("writer");
    lab.put(makeObject({ source: "waf_2_0", rows: 5 }));
    const run = await lab.once();
    expect(run.code).toBe(11);
    expect(run.stderr()).toMatch(/ERROR: Indexer: PUT .*index_template.*indices:admin\/index_template\/put/);
    expect(lab.aws.requests.count({ operation: "ReceiveMessage" })).toBe(0);
  });

  it("installs the template as the installer, and stores every event as the least privileged user", async () => {
    lab = await labOf("installer");
    const setup = lab.wodle(["setup"]);
    expect((await setup.ended).code).toBe(0);
    expect(setup.stdout()).toMatch(/index template security-lake version \d+ installed/);
    await lab.close();

    lab = await labOf("writer");
    lab.put(makeObject({ source: "vpc_flow_2_0", rows: 300 }));
    const { code, stdout, stderr } = await lab.once("--json");
    expect(stderr()).not.toContain("ERROR");
    expect(code).toBe(0);
    expect(JSON.parse(stdout())).toMatchObject({ events: 300, stored: 300, left: 0 });
    await server.request("POST", "/wazuh-alerts-*/_refresh");
    const { count } = await server.request<{ count: number }>("GET", "/wazuh-alerts-*/_count");
    expect(count).toBe(300);
  });

  it("takes nothing from the queue with a wrong password, and does not show it", async () => {
    lab = await labOf("writer", "Wr0ng-password!");
    lab.put(makeObject({ source: "waf_2_0", rows: 5 }));
    const run = await lab.once("--debug");
    expect(run.code).toBe(11);
    expect(run.stderr()).toMatch(/ERROR: .*401/);
    expect(run.stderr()).not.toContain("Wr0ng-password!");
    expect(lab.aws.requests.count({ operation: "ReceiveMessage" })).toBe(0);
    expect(lab.messages()).toBe(1);
  });

  it("does not speak with an indexer whose authority it does not know", async () => {
    lab = await createLab({ indexer: { url: server.url, username: "writer", password: users.writer.password } });
    const run = await lab.once();
    expect(run.code).toBe(11);
    expect(run.stderr()).toMatch(/ERROR: .*(self-signed|unable to verify|unable to get local issuer)/);
  });
});
