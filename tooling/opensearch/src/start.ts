import { chown, cp, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Account, serverAccount } from "./account.ts";
import { cacheFolder, once } from "./cache.ts";
import { download } from "./download.ts";
import { OpenSearchError } from "./errors.ts";
import { type Front, front } from "./front.ts";
import { type Fetching, type Java, suitableJava } from "./java.ts";
import { linkTree } from "./link.ts";
import { freePorts } from "./ports.ts";
import { type OnProgress, percents } from "./progress.ts";
import { type Artifact, defaultVersion, releases, type Version } from "./release.ts";
import { type Request, requestTo } from "./request.ts";
import {
  createSecurity,
  install,
  noUsers,
  type Security,
  type SecurityOptions,
  securityFiles,
  securitySettings,
  type UserOptions,
} from "./security.ts";
import { type Supervisor, supervise } from "./supervisor.ts";
import { topFolder, unpack } from "./zip.ts";

export type Setting = string | number | boolean | readonly string[];

export interface OpenSearchOptions {
  readonly version?: Version;
  /** How many nodes form the cluster; default 1. */
  readonly nodes?: number;
  /** With the security plugin: TLS, users, roles. Without it: plain HTTP. */
  readonly security?: SecurityOptions;
  /** Lines of opensearch.yml for every node, stronger than the launcher's own. */
  readonly settings?: Readonly<Record<string, Setting>>;
  /** Heap of each node in MiB; default 512. */
  readonly heap?: number;
  /** Starts in about half the time, and never becomes as fast as without it: for tests, not for measurements. */
  readonly quick?: boolean;
  readonly onProgress?: OnProgress;
  /** Gives the start up, at any moment until it has resolved; nothing stays behind. */
  readonly signal?: AbortSignal;
  readonly env?: NodeJS.ProcessEnv;
}

export interface OpenSearch extends AsyncDisposable {
  readonly version: Version;
  /** Holds all that the nodes write, until they are stopped. */
  readonly folder: string;
  /** Address of the first node. */
  readonly url: string;
  /** Addresses of all nodes, in their order. */
  readonly urls: readonly string[];
  /** With security: the authority's certificate in PEM, and the file that holds it. */
  readonly ca?: string;
  readonly caFile?: string;
  /** With security: a client certificate that may do everything. */
  readonly adminCertificate?: { readonly cert: string; readonly key: string };
  /** With security: `admin` and the users asked for. */
  readonly users: Readonly<Record<string, UserOptions>>;
  /** Speaks with the first node that runs, with all rights. */
  readonly request: Request;
  /** Process of a node that runs. */
  pid(node?: number): number | undefined;
  /** Ends a node as a crash would (SIGKILL), or freezes it (SIGSTOP does not wait); resolves when it has ended. */
  kill(node?: number, signal?: NodeJS.Signals): Promise<void>;
  /** Starts a node that has ended again: same address, same data. Resolves when it answers. */
  restart(node?: number): Promise<void>;
  /** Ends all nodes and removes all that they wrote. */
  stop(): Promise<void>;
}

interface Node {
  readonly name: string;
  readonly home: string;
  readonly http: number;
  readonly transport: number;
}

const readyWithinMs = 180_000;

/**
 * Starts OpenSearch on this machine, fetching what is missing.
 * @throws OpenSearchError
 */
export async function startOpenSearch(options: OpenSearchOptions = {}): Promise<OpenSearch> {
  const { version = defaultVersion, nodes: count = 1, heap = 512, env = process.env, onProgress, signal } = options;
  const account = serverAccount();
  const wanted = { env, onProgress, signal };
  const java = await suitableJava(releases[version].java, account, wanted);
  const distribution = await fetched(version, options.security !== undefined, wanted);
  const security = options.security && (await createSecurity(options.security));
  const supervisor = await supervise(account);
  try {
    const ports = await freePorts(count * 2);
    const nodes = Array.from({ length: count }, (_, index): Node => {
      const name = `node-${index + 1}`;
      return { name, home: join(supervisor.folder, name), http: ports[index * 2]!, transport: ports[index * 2 + 1]! };
    });
    onProgress?.({ subject: subjectOf(version), step: "starting" });
    const javaHome = await reachable(java, supervisor.folder);
    for (const node of nodes) {
      await prepare(node, nodes, { distribution, java, security, settings: options.settings ?? {}, account });
    }
    if (security !== undefined) await writeFile(join(supervisor.folder, "ca.pem"), security.authority.cert);
    const jvm = ["-XX:-AlwaysPreTouch", `-Xms${heap}m`, `-Xmx${heap}m`];
    if (options.quick === true) jvm.push("-XX:TieredStopAtLevel=1");
    const fronts = await Promise.all(security?.shown ? nodes.map(({ http }) => front(security.shown!, http)) : []);
    const server = running({ version, supervisor, nodes, security, fronts, javaHome, jvm, env, account });
    await server.begin(signal);
    onProgress?.({ subject: subjectOf(version), step: "ready" });
    supervisor.unref();
    return server;
  } catch (error) {
    await supervisor.stop();
    throw error;
  }
}

function subjectOf(version: Version): string {
  return `OpenSearch ${version}`;
}

/** The unpacked distribution, plain or with the security plugin, in the cache. */
async function fetched(version: Version, secured: boolean, { env, onProgress, signal }: Fetching): Promise<string> {
  const { server, security } = releases[version];
  const get = async (artifact: Artifact, subject: string, folder: string): Promise<void> => {
    const archive = await download(artifact, percents(onProgress, subject, "downloading"), signal);
    await unpack(archive, folder, topFolder(archive), percents(onProgress, subject, "unpacking"), signal);
  };
  const folder = join(cacheFolder(env), "opensearch");
  const plain = await once(join(folder, version), (partial) => get(server, subjectOf(version), partial));
  if (!secured) return plain;
  return await once(join(folder, `${version}-security`), async (partial) => {
    await linkTree(plain, partial);
    const plugin = join(partial, "plugins", "opensearch-security");
    await get(security, `Security plugin ${security.version}`, plugin);
    // Where the distribution's own installer puts it.
    await rename(join(plugin, "config"), join(partial, "config", "opensearch-security"));
  });
}

/** The account of the servers cannot look into the cache of root, so they get links to what lies there. */
async function reachable(java: Java, folder: string): Promise<string> {
  if (java.cached !== true) return java.home;
  const home = join(folder, "java");
  await linkTree(java.home, home);
  return home;
}

interface Preparation {
  readonly distribution: string;
  readonly java: Java;
  readonly security: Security | undefined;
  readonly settings: Readonly<Record<string, Setting>>;
  readonly account: Account;
}

/** A node's own home: links to the distribution's code, and config, data, logs of its own. */
async function prepare(node: Node, all: readonly Node[], preparation: Preparation): Promise<void> {
  const { distribution, java, security, account } = preparation;
  const [config, own] = [join(node.home, "config"), ["data", "logs", "tmp"].map((name) => join(node.home, name))];
  await mkdir(node.home);
  for (const entry of await readdir(distribution, { withFileTypes: true })) {
    const written = ["config", "data", "logs"].includes(entry.name);
    if (entry.isDirectory() && !written) await linkTree(join(distribution, entry.name), join(node.home, entry.name));
  }
  await cp(join(distribution, "config"), config, { recursive: true });
  for (const folder of [join(node.home, "plugins"), ...own]) await mkdir(folder, { recursive: true });
  const options = await readFile(join(config, "jvm.options"), "utf8");
  if (!java.vector) await writeFile(join(config, "jvm.options"), options.replace(/^.*jdk\.incubator\.vector.*$/gm, ""));
  const settings = { ...ownSettings(node, all), ...(security && securitySettings), ...preparation.settings };
  await writeFile(join(config, "opensearch.yml"), yaml(settings));
  if (security !== undefined) {
    for (const [name, text] of Object.entries(securityFiles(security))) {
      await writeFile(join(config, name), text, { mode: 0o600 });
    }
    await writeFile(join(config, "opensearch-security", "internal_users.yml"), noUsers);
  }
  await handOver([node.home, config, ...own], config, account);
}

function ownSettings({ name, http, transport }: Node, all: readonly Node[]): Record<string, Setting> {
  const cluster: Record<string, Setting> =
    all.length === 1
      ? { "discovery.type": "single-node" }
      : {
          "discovery.seed_hosts": all.map((node) => `127.0.0.1:${node.transport}`),
          "cluster.initial_cluster_manager_nodes": all.map((node) => node.name),
        };
  return {
    "cluster.name": "threatlockdown",
    "node.name": name,
    "network.host": "127.0.0.1",
    "http.port": http,
    "transport.port": transport,
    "cluster.routing.allocation.disk.threshold_enabled": false,
    ...cluster,
  };
}

/** Every JSON value is a YAML value. */
function yaml(settings: Readonly<Record<string, Setting>>): string {
  return Object.entries(settings)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
    .join("");
}

async function handOver(folders: readonly string[], config: string, { uid, gid }: Account): Promise<void> {
  if (uid === undefined || gid === undefined) return;
  const files = await readdir(config, { recursive: true });
  for (const path of [...folders, ...files.map((file) => join(config, file))]) await chown(path, uid, gid);
}

interface Running {
  readonly version: Version;
  readonly supervisor: Supervisor;
  readonly nodes: readonly Node[];
  readonly security: Security | undefined;
  readonly javaHome: string;
  readonly jvm: readonly string[];
  readonly fronts: readonly Front[];
  readonly env: NodeJS.ProcessEnv;
  readonly account: Account;
}

function running({
  version,
  supervisor,
  nodes,
  security,
  fronts,
  ...rest
}: Running): OpenSearch & { begin(signal?: AbortSignal): Promise<void> } {
  const scheme = security === undefined ? "http" : "https";
  const behind = nodes.map(({ http }) => `${scheme}://127.0.0.1:${http}`);
  const urls = nodes.map(({ http }, index) => `${scheme}://127.0.0.1:${fronts[index]?.port ?? http}`);
  const stop = async (): Promise<void> => {
    for (const { close } of fronts) close();
    await supervisor.stop();
  };
  const credentials = security && { ca: security.authority.cert, ...security.admin };
  const firstAlive = (): string =>
    behind[nodes.findIndex(({ name }) => supervisor.pid(name) !== undefined)] ?? behind[0]!;
  const request = requestTo(firstAlive, credentials);

  function at(index: number): Node {
    const node = nodes[index];
    if (node === undefined) throw new RangeError(`There is no node ${index}; the cluster has ${nodes.length}`);
    return node;
  }

  function start({ name, home }: Node): void {
    const { PATH = "/usr/bin:/bin", LANG = "C.UTF-8" } = rest.env;
    supervisor.start(name, {
      command: join(home, "bin", "opensearch"),
      args: [],
      cwd: home,
      output: join(home, "console.log"),
      ...rest.account,
      env: {
        PATH,
        LANG,
        HOME: home,
        OPENSEARCH_JAVA_HOME: rest.javaHome,
        OPENSEARCH_JAVA_OPTS: rest.jvm.join(" "),
        // Else the start script and each of its Javas leave something in the machine's own folder.
        OPENSEARCH_TMPDIR: join(home, "tmp"),
        JDK_JAVA_OPTIONS: "-XX:-UsePerfData",
      },
    });
  }

  /** Resolves when the node answers as member of a cluster of all nodes that run. */
  async function ready(index: number, signal?: AbortSignal): Promise<void> {
    const node = at(index);
    const ask = requestTo(() => behind[index]!, credentials, 5_000);
    const members = nodes.filter(({ name }) => supervisor.pid(name) !== undefined).length;
    const deadline = Date.now() + readyWithinMs;
    let last: unknown;
    while (Date.now() < deadline) {
      signal?.throwIfAborted();
      if (supervisor.pid(node.name) === undefined) throw await startFailed(node, "it ended");
      try {
        await ask("GET", `/_cluster/health?wait_for_nodes=%3E%3D${members}&timeout=2s`);
        if (security !== undefined) await ask("GET", "/_plugins/_security/api/internalusers");
        return;
      } catch (error) {
        last = error;
        await sleep(100);
      }
    }
    throw await startFailed(node, `no answer within ${readyWithinMs / 1000} s (${(last as Error).message})`);
  }

  async function startFailed({ name, home }: Node, cause: string): Promise<OpenSearchError> {
    const log = await readFile(join(home, "console.log"), "utf8").catch(() => "");
    const said = log.split("\n").filter((line) => /error|fatal|exception/i.test(line) && !/INFO|^\s+at /.test(line));
    const why = said.slice(0, 6).join(" | ").slice(0, 1_000) || log.trim().slice(-400);
    return new OpenSearchError("START_FAILED", `OpenSearch ${version} (${name}) did not start: ${cause}: ${why}`);
  }

  return {
    version,
    folder: supervisor.folder,
    url: urls[0]!,
    urls,
    ...(security && {
      ca: security.authority.cert,
      caFile: join(supervisor.folder, "ca.pem"),
      adminCertificate: security.admin,
    }),
    users: security?.users ?? {},
    request,
    async begin(signal) {
      nodes.forEach(start);
      await Promise.all(nodes.map((_, index) => ready(index, signal)));
      if (security !== undefined) await install(security, request);
    },
    pid: (index = 0) => supervisor.pid(at(index).name),
    kill: (index = 0, signal = "SIGKILL") => supervisor.kill(at(index).name, signal),
    async restart(index = 0) {
      start(at(index));
      await ready(index);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
