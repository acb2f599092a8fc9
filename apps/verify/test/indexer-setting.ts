import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, setup, writerRole, writerRoleName } from "@threatlockdown/indexer-client";
import { readSettings, type Settings } from "@threatlockdown/ossec-config";
import { startWodle } from "@threatlockdown/tooling-lab";
import {
  createAuthority,
  type Front,
  front,
  type OpenSearch,
  startOpenSearch,
} from "@threatlockdown/tooling-opensearch";
import { type Result, runChecks } from "../src/check.ts";
import { checks } from "../src/checks/table.ts";
import { written } from "../src/command.ts";
import { type IndexerUsers, openIndexer } from "../src/indexer.ts";
import { createLake } from "../src/lake.ts";
import { lastRunFile } from "../src/last-run.ts";
import { createSetting, type Setting, words } from "./setting.ts";

export const hostname = "manager.example";
const dayMs = 86_400_000;
const installer = {
  cluster_permissions: ["*"],
  index_permissions: [{ index_patterns: ["*"], allowed_actions: ["*"] }],
};

/** A real indexer with users, an empty lake beside it, and everything that a test can make wrong. */
export interface Place {
  readonly server: OpenSearch;
  readonly setting: Setting;
  /** What `<indexer>` holds, and what `<cluster>` does. */
  hosts: readonly string[];
  ca: string | undefined;
  cluster: string;
  users: IndexerUsers;
  /** Addresses that show other certificates for the same indexer. */
  readonly fronts: Readonly<Record<"expired" | "ending" | "wrongHost" | "unknown", string>>;
  /** Speaks http, and is no indexer. */
  readonly page: string;
  /** Stores an event of the lake, so many milliseconds ago. */
  store(event?: { readonly manager?: string; readonly cluster?: object; readonly ago?: number }): Promise<void>;
  verify(options?: { readonly only?: readonly string[] }): Promise<Result[]>;
  /** Files as an administrator of the manager has them: ossec.conf, and the user who may look at everything. */
  files(): Promise<{ readonly config: string; readonly admin: string }>;
  /** Does what a printed command does. */
  perform(command: string): Promise<void>;
  /** The configuration and the user are right again. */
  reset(): void;
  /** All as it should be, with one event stored just now. */
  restore(): Promise<void>;
  close(): Promise<void>;
}

export const writer = { username: "writer", password: "Wr1te-with-TLS!" };

/** Those that look at the indexer. */
export const ofIndexer = checks({ receive: true })
  .map(({ id }) => id)
  .filter((id) => id.startsWith("indexer") || id === "dashboard-fields");

export async function createPlace(): Promise<Place> {
  const users = { writer: { password: writer.password, roles: [writerRoleName] } };
  const roles = { [writerRoleName]: writerRole, security_lake_installer: installer };
  // Roles change often here, and with each change the passwords are hashed anew.
  const settings = { "plugins.security.password.hashing.bcrypt.rounds": 4 };
  const server = await startOpenSearch({ quick: true, settings, security: { users, roles } });
  const folder = await mkdtemp(join(tmpdir(), "threatlockdown-verify-"));
  const setting = await createSetting({ empty: true });
  const { fronts, addresses } = await openFronts(server);
  const page = createServer((_, answer) => answer.end("<html>a page</html>")).listen(0, "127.0.0.1");
  await once(page, "listening");
  const admin = { username: "admin", password: server.users.admin?.password as string };
  const caFile = server.caFile as string;
  const client = await connect({ nodes: [server.url], ca: server.ca as string, credentials: () => admin });
  let stored = 0;
  const run = { succeeded: { at: new Date(Date.now() - 600_000).toISOString(), events: 1 } };
  await writeFile(join(folder, lastRunFile), JSON.stringify({ version: 1, queues: { [setting.lake.queueName]: run } }));

  const place: Place = {
    server,
    setting,
    hosts: [],
    ca: caFile,
    cluster: "",
    users: { own: async () => ({ basic: writer }) },
    fronts: addresses,
    page: `http://127.0.0.1:${(page.address() as AddressInfo).port}`,
    async store({ manager = hostname, cluster, ago = 60_000 } = {}) {
      const time = new Date(Date.now() - ago).toISOString();
      const index = `wazuh-alerts-4.x-security-lake-${time.slice(0, 10).replaceAll("-", ".")}`;
      await server.request("PUT", `/${index}/_doc/${stored++}?refresh=true`, {
        timestamp: time.replace("Z", "+0000"),
        manager: { name: manager },
        ...(cluster !== undefined && { cluster }),
        rule: { groups: ["amazon_security_lake"] },
        security_lake: { bucket: setting.lake.bucket, key: `stored-${stored}` },
      });
    },
    async verify({ only = ofIndexer } = {}) {
      const settings = settingsOf(place);
      await using indexer = openIndexer(settings.indexer as never, place.users);
      const file = join(folder, "ossec.conf");
      const lake = createLake(setting.subscriber, {
        ...setting.surroundings,
        indexer,
        manager: { file, settings, issues: [], state: folder, hostname },
      });
      const table = checks({ receive: true }).filter(({ id }) => only.includes(id));
      return runChecks(table, lake, { timeout: 30_000 });
    },
    async files() {
      const [config, file] = [join(folder, "ossec.conf"), join(folder, "admin")];
      await writeFile(config, ossecConf(place));
      await writeFile(file, `username=${admin.username}\npassword=${admin.password}\n`, { mode: 0o600 });
      return { config, admin: file };
    },
    async perform(command) {
      const [program, ...rest] = words(command);
      if (program === "security-lake-wodle") {
        await place.files();
        const environment = { INDEXER_USERNAME: admin.username, INDEXER_PASSWORD: admin.password };
        const wodle = startWodle(rest, environment);
        const { code } = await wodle.ended;
        if (code !== 0) throw new Error(`${command} ended with ${code}: ${wodle.stderr()}`);
        return;
      }
      if (program !== "curl") throw new Error(`no command that is known: ${command}`);
      const option = (name: string) => rest[rest.indexOf(`--${name}`) + 1] as string;
      if (option("cacert") !== caFile || option("user") !== "admin") throw new Error(`not as admin: ${command}`);
      const { pathname, search, origin } = new URL(option("url"));
      if (origin !== server.url) throw new Error(`not to the indexer: ${command}`);
      const data = rest.includes("--data") ? JSON.parse(option("data")) : undefined;
      await server.request(option("request"), `${pathname}${search}`, data);
    },
    reset() {
      place.hosts = [server.url];
      place.ca = caFile;
      place.cluster = "";
      place.users = { own: async () => ({ basic: writer }), admin: async () => ({ basic: admin }) };
      setting.ahead = 0;
    },
    async restore() {
      place.reset();
      await server.request("PUT", `/_plugins/_security/api/roles/${writerRoleName}`, writerRole);
      await server.request("PUT", `/_plugins/_security/api/rolesmapping/${writerRoleName}`, { users: ["writer"] });
      await server.request("DELETE", "/wazuh-alerts-*,red*?expand_wildcards=all");
      await setup(client, { level: "lean" });
      await place.store();
    },
    async close() {
      for (const one of fronts) one.close();
      page.close();
      page.closeAllConnections();
      await client.close();
      await setting[Symbol.asyncDispose]();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return place;
}

async function openFronts(server: OpenSearch) {
  const trusted = await createAuthority();
  const unknown = await createAuthority();
  const hosts = ["localhost", "127.0.0.1"];
  const ending = new Date(Date.now() + 10.5 * dayMs);
  const behind = Number(new URL(server.url).port);
  const certificates = {
    expired: await trusted.issue("CN=indexer", { hosts, notAfter: new Date(Date.now() - dayMs) }),
    ending: await trusted.issue("CN=indexer", { hosts, notAfter: ending }),
    wrongHost: await trusted.issue("CN=indexer", { hosts: ["indexer.example"] }),
    unknown: await unknown.issue("CN=indexer", { hosts }),
  };
  const fronts: Front[] = [];
  const addresses: Record<string, string> = {};
  for (const [name, certificate] of Object.entries(certificates)) {
    const one = await front(certificate, behind);
    fronts.push(one);
    addresses[name] = `https://127.0.0.1:${one.port}`;
  }
  // These are told by their certificates alone: the authority of the first three is known beside the server's own.
  await writeFile(server.caFile as string, `${server.ca}\n${trusted.cert}\n`);
  return { fronts, addresses: addresses as Place["fronts"] };
}

function settingsOf(place: Place): Settings {
  return readSettings(ossecConf(place)).settings;
}

function ossecConf({ hosts, ca, cluster, setting: { lake } }: Place): string {
  const authorities =
    ca === undefined ? "" : `<ssl><certificate_authorities><ca>${ca}</ca></certificate_authorities></ssl>`;
  return `<ossec_config>
  <indexer>
    <enabled>yes</enabled>
    <hosts>${hosts.map((host) => `<host>${host}</host>`).join("")}</hosts>
    ${authorities}
  </indexer>
  ${cluster}
  <wodle name="aws-s3">
    <interval>10m</interval>
    <subscriber type="security_lake">
      <sqs_name>${lake.queueName}</sqs_name>
      <iam_role_arn>${lake.roleArn}</iam_role_arn>
      <external_id>${lake.externalId}</external_id>
    </subscriber>
  </wodle>
</ossec_config>
`;
}

export const printed = ({ commands = [] }: Result): string[] => commands.map(written);
