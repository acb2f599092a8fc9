import { createServer } from "node:net";
import { indexTemplate, templateName, writerRole, writerRoleName } from "@threatlockdown/indexer-client";
import { hostname, type Place } from "./indexer-setting.ts";
import { laterObject, object } from "./setting.ts";

/** One thing that is wrong with the indexer, or with the way to it. */
export interface IndexerFault {
  readonly name: string;
  make(place: Place): void | Promise<void>;
  /** The check that finds it, before all others. */
  readonly found: string;
  readonly state?: "warning";
  readonly seen: RegExp;
  /** The fix, where it is none of a request: done by hand here. Default: the commands as printed. */
  readonly mend?: (place: Place) => void | Promise<void>;
}

const hour = 3_600_000;
const other = "another.example";

const elsewhere = (place: Place): void => {
  place.hosts = [place.server.url];
};
/** `<host>` names another address. */
const at = (url: (place: Place) => string) => ({
  make: (place: Place) => {
    place.hosts = [url(place)];
  },
  mend: elsewhere,
});

async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const [permissions] = writerRole.index_permissions ?? [];

/** The role without some of its actions. */
const without =
  (...actions: readonly string[]) =>
  async ({ server }: Place): Promise<void> => {
    const rest = (list: readonly string[] = []) => list.filter((action) => !actions.includes(action));
    await server.request("PUT", `/_plugins/_security/api/roles/${writerRoleName}`, {
      cluster_permissions: rest(writerRole.cluster_permissions),
      index_permissions: [
        { index_patterns: permissions?.index_patterns, allowed_actions: rest(permissions?.allowed_actions) },
      ],
    });
  };

const templatePath = `/_index_template/${templateName}`;

async function changeTemplate({ server }: Place, change: object): Promise<void> {
  const { index_templates: templates } = await server.request<{ index_templates: { index_template: object }[] }>(
    "GET",
    templatePath,
  );
  await server.request("PUT", templatePath, { ...templates[0]?.index_template, ...change });
}

const ours = { managed_by: "threatlockdown-security-lake", digest: "of another version" };

async function block({ server }: Place, setting: string): Promise<void> {
  await server.request("PUT", "/wazuh-alerts-*/_settings", { [setting]: true });
}

async function onlyStored(place: Place, event: Parameters<Place["store"]>[0]): Promise<void> {
  await place.server.request("DELETE", "/wazuh-alerts-*");
  if (event !== undefined) await place.store(event);
}

export const indexerFaults: readonly IndexerFault[] = [
  {
    name: "nothing listens",
    async make(place) {
      place.hosts = [`https://127.0.0.1:${await unusedPort()}`];
    },
    found: "indexer",
    seen: /127\.0\.0\.1:\d+: nothing listens there \(connection refused\)/,
    mend: elsewhere,
  },
  {
    name: "one of two hosts is away",
    async make(place) {
      place.hosts = [place.server.url, `https://127.0.0.1:${await unusedPort()}`];
    },
    found: "indexer",
    state: "warning",
    seen: /nothing listens.*the other hosts of <indexer> take its work/,
    mend: elsewhere,
  },
  {
    name: "the host's name is unknown",
    ...at(() => "https://indexer.invalid:9200"),
    found: "indexer",
    seen: /the name indexer\.invalid is not found \(E/,
  },
  {
    name: "https is spoken to a port of http",
    ...at(({ page }) => page.replace("http:", "https:")),
    found: "indexer",
    seen: /this port speaks http, and <host> says https/,
  },
  {
    name: "http is spoken to a port of https",
    ...at(({ server }) => server.url.replace("https:", "http:")),
    found: "indexer",
    seen: /this port speaks https, and <host> says http/,
  },
  {
    name: "the authority is unknown",
    ...at(({ fronts }) => fronts.unknown),
    found: "indexer",
    seen: /the authority of its certificate.* is none of those in <certificate_authorities>/,
  },
  {
    name: "the authorities are not given",
    make: (place) => {
      place.ca = undefined;
    },
    found: "indexer",
    seen: /the authority of its certificate, "ThreatLockDown test authority", is none/,
    mend: (place) => {
      place.ca = place.server.caFile;
    },
  },
  {
    name: "the file of the authorities is not there",
    make: (place) => {
      place.ca = "/nonexistent/root-ca.pem";
    },
    found: "indexer",
    seen: /the file \/nonexistent\/root-ca\.pem of <ca> cannot be read \(ENOENT\)/,
    mend: (place) => {
      place.ca = place.server.caFile;
    },
  },
  {
    name: "the certificate has expired",
    ...at(({ fronts }) => fronts.expired),
    found: "indexer",
    seen: /has expired: it was valid until \d{4}-\d\d-\d\d/,
  },
  {
    name: "the certificate is for another host",
    ...at(({ fronts }) => fronts.wrongHost),
    found: "indexer",
    seen: /its certificate is for indexer\.example, not for this name/,
  },
  {
    name: "the certificate ends soon",
    ...at(({ fronts }) => fronts.ending),
    found: "indexer-certificate",
    state: "warning",
    seen: /the certificate of 127\.0\.0\.1:\d+ is valid until \d{4}-\d\d-\d\d, for 10 days more/,
  },
  {
    name: "what answers is no indexer",
    ...at(({ page }) => page),
    found: "indexer-user",
    seen: /what answers is no indexer/,
  },
  {
    name: "the password is wrong",
    make: (place) => {
      place.users = {
        ...place.users,
        own: async () => ({ basic: { username: "writer", password: "Wr0ng-password!" } }),
      };
    },
    found: "indexer-user",
    seen: /the indexer refuses the user writer or the password \(401\)/,
    mend: (place) => place.reset(),
  },
  {
    name: "the user is half given",
    make: (place) => {
      const broken = new Error("INDEXER_PASSWORD is not set, its companion is: set both, or neither.");
      place.users = { ...place.users, own: () => Promise.reject(broken) };
    },
    found: "indexer-user",
    seen: /INDEXER_PASSWORD is not set/,
    mend: (place) => place.reset(),
  },
  {
    name: "the user has no role",
    make: async ({ server }) => {
      await server.request("PUT", `/_plugins/_security/api/rolesmapping/${writerRoleName}`, { users: ["somebody"] });
    },
    found: "indexer-permissions",
    seen: /the user writer may not do indices:admin\/create, indices:data\/write\/index, .*; its roles are own_index$/,
  },
  {
    name: "the role may not make indices",
    make: without("indices:admin/create"),
    found: "indexer-permissions",
    seen: /may not do indices:admin\/create;/,
  },
  {
    name: "the role may not write documents",
    make: without("indices:data/write/index"),
    found: "indexer-permissions",
    seen: /may not do indices:data\/write\/index;/,
  },
  {
    name: "the role may not write in bulk to its indices",
    make: without("indices:data/write/bulk*"),
    found: "indexer-probe",
    seen: /may not do indices:data\/write\/bulk/,
  },
  {
    name: "the role may not read templates",
    make: without("indices:admin/index_template/get"),
    found: "indexer-permissions",
    state: "warning",
    seen: /may not do indices:admin\/index_template\/get;/,
  },
  {
    name: "the template is absent",
    make: async ({ server }) => {
      await server.request("DELETE", templatePath);
    },
    found: "indexer-template",
    seen: /index template security-lake is not installed/,
  },
  {
    name: "the template is older",
    make: (place) => changeTemplate(place, { version: 0, _meta: ours }),
    found: "indexer-template",
    state: "warning",
    seen: /index template security-lake is installed version 0/,
  },
  {
    name: "the template is newer",
    make: (place) => changeTemplate(place, { version: 999, _meta: ours }),
    found: "indexer-template",
    state: "warning",
    seen: /version 999 is newer than this program's/,
  },
  {
    name: "the template is somebody else's",
    make: async ({ server }) => {
      const { template } = indexTemplate({ level: "lean" });
      await server.request("PUT", templatePath, { index_patterns: ["wazuh-alerts-4.x-security-lake-*"], template });
    },
    found: "indexer-template",
    seen: /security-lake is not of this product/,
  },
  {
    name: "another template takes its place",
    make: async ({ server }) => {
      await server.request("PUT", "/_index_template/zz-alerts", { index_patterns: ["wazuh-alerts-*"], priority: 900 });
    },
    found: "indexer-template",
    seen: /zz-alerts has priority 900 for the same indices/,
  },
  {
    name: "the disk was full",
    make: (place) => block(place, "index.blocks.read_only_allow_delete"),
    found: "indexer-blocks",
    seen: /read-only, as .* when a disk is nearly full: wazuh-alerts-4\.x-security-lake-\d/,
  },
  {
    name: "someone has blocked writing",
    make: (place) => block(place, "index.blocks.write"),
    found: "indexer-blocks",
    seen: /the newest index, has index\.blocks\.write/,
  },
  {
    name: "the newest index is closed",
    make: async ({ server }) => {
      const indices = (await server.request(
        "GET",
        "/_cat/indices/wazuh-alerts-4.x-security-lake-*?format=json",
      )) as unknown;
      const names = (indices as { index: string }[]).map(({ index }) => index).sort();
      await server.request("POST", `/${names.at(-1)}/_close`);
      await server.request("GET", "/_cluster/health?wait_for_status=yellow&timeout=30s");
    },
    found: "indexer-blocks",
    seen: /the newest index, is closed/,
  },
  {
    name: "the whole cluster is read-only",
    make: async ({ server }) => {
      await server.request("PUT", "/_cluster/settings", { persistent: { "cluster.blocks.read_only": true } });
    },
    found: "indexer-blocks",
    seen: /the whole cluster takes nothing: cluster\.blocks\.read_only/,
  },
  {
    name: "the cluster is red",
    make: async ({ server }) => {
      const settings = { "index.routing.allocation.require._name": "nowhere", "index.number_of_replicas": 0 };
      await server.request("PUT", "/red?wait_for_active_shards=0", { settings });
    },
    found: "indexer-health",
    seen: /^red, 1 node, 1 shard without a node/,
    mend: async ({ server }) => {
      await server.request("DELETE", "/red");
    },
  },
  {
    name: "no more shards are allowed",
    make: async ({ server }) => {
      await server.request("PUT", "/_cluster/settings", { persistent: { "cluster.max_shards_per_node": 1 } });
    },
    found: "indexer-probe",
    seen: /refuses a document: 400 .*maximum.*shards/,
    mend: async ({ server }) => {
      await server.request("PUT", "/_cluster/settings", { persistent: { "cluster.max_shards_per_node": null } });
    },
  },
  {
    name: "events have the name of another manager",
    make: (place) => onlyStored(place, { manager: other }),
    found: "dashboard-fields",
    seen: new RegExp(`manager\\.name ${other}; this manager's dashboard shows those of ${hostname}`),
    mend: (place) => place.store(),
  },
  {
    name: "events have no cluster, and the manager has one",
    make: (place) => {
      place.cluster = "<cluster><name>alpha</name><node_name>master</node_name><disabled>no</disabled></cluster>";
    },
    found: "dashboard-fields",
    seen: /cluster\.name none; this manager's dashboard shows those of alpha/,
    mend: (place) => place.store({ cluster: { name: "alpha", node: "master" } }),
  },
  {
    name: "the newest events are hours older than the newest object",
    make: async (place) => {
      await onlyStored(place, { ago: 18 * hour });
      place.setting.ahead = -6 * hour;
      place.setting.put(object);
      place.setting.ahead = 0;
      place.setting.put(laterObject);
    },
    found: "indexer-lag",
    state: "warning",
    seen: /nothing is stored of an object written 6 h ago, and the newest event stored happened 12 h before that/,
    mend: (place) => place.store(),
  },
  {
    name: "nothing is stored, and objects have come for hours",
    make: async (place) => {
      await onlyStored(place, undefined);
      place.setting.ahead = -6 * hour;
      place.setting.put(object);
    },
    found: "indexer-lag",
    state: "warning",
    seen: /no event of the lake is stored, and an object written 6 h ago was there to be/,
    mend: (place) => place.store(),
  },
];
