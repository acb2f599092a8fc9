import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { OpenSearchError } from "./errors.ts";
import type { Artifact } from "./release.ts";

type ArtifactUrl = (artifact: Artifact, repository?: string) => Promise<string>;
const { default: artifactUrl }: { default: ArtifactUrl } = createRequire(import.meta.url)("mvn-artifact-url");

const patienceMs = 600_000;

/**
 * The artifact's bytes, checked, from the Maven repository that this machine uses.
 * @throws OpenSearchError DOWNLOAD_FAILED, or CHECKSUM_MISMATCH where the repository serves other bytes than the pinned.
 */
export async function download(
  artifact: Artifact,
  onFraction?: (fraction: number) => void,
  signal?: AbortSignal,
): Promise<Buffer> {
  const name = `${artifact.groupId}:${artifact.artifactId}:${artifact.version}`;
  const within = AbortSignal.any([AbortSignal.timeout(patienceMs), ...(signal === undefined ? [] : [signal])]);
  const bytes = await receive(artifact, within, onFraction).catch((error: Error) => {
    signal?.throwIfAborted();
    const reason = error.cause instanceof Error ? error.cause.message : error.message;
    throw new OpenSearchError(
      "DOWNLOAD_FAILED",
      `${name} cannot be downloaded: ${reason}; give this machine a way to a Maven repository (a mirror in ~/.m2/settings.xml is used; behind a proxy set NODE_USE_ENV_PROXY=1), or set OPENSEARCH_URL to a running server`,
      { cause: error },
    );
  });
  return verified(name, bytes, artifact.sha512);
}

async function receive(
  artifact: Artifact,
  signal: AbortSignal,
  onFraction?: (fraction: number) => void,
): Promise<Buffer> {
  const settings = await readFile(join(homedir(), ".m2", "settings.xml"), "utf8").catch(() => "");
  const url = await artifactUrl(artifact, mirrorOfCentral(settings));
  const response = await fetch(url, { signal });
  if (!response.ok || response.body === null) throw new Error(`the repository answered ${response.status}`);
  const chunks: Uint8Array[] = [];
  let received = 0;
  for await (const chunk of response.body) {
    chunks.push(chunk);
    received += chunk.length;
    onFraction?.(Math.min(received / artifact.bytes, 1));
  }
  return Buffer.concat(chunks);
}

/** @throws OpenSearchError CHECKSUM_MISMATCH */
export function verified(name: string, bytes: Buffer, sha512: string): Buffer {
  const actual = createHash("sha512").update(bytes).digest("hex");
  if (actual === sha512) return bytes;
  throw new OpenSearchError(
    "CHECKSUM_MISMATCH",
    `${name} is refused: its ${bytes.length} bytes have the sha512 ${actual.slice(0, 16)}…, pinned is ${sha512.slice(0, 16)}…; try again, and if it stays so, the repository serves another file`,
  );
}

/** The mirror of the central repository that a Maven `settings.xml` names, if any. */
export function mirrorOfCentral(settings: string): string | undefined {
  for (const [, mirror = ""] of settings.replace(/<!--.*?-->/gs, "").matchAll(/<mirror>(.*?)<\/mirror>/gs)) {
    const ids = /<mirrorOf>\s*(.*?)\s*<\/mirrorOf>/s.exec(mirror)?.[1]?.split(/\s*,\s*/) ?? [];
    const url = /<url>\s*(.*?)\s*<\/url>/s.exec(mirror)?.[1];
    const covers = ids.some((id) => id === "*" || id === "external:*" || id === "central") && !ids.includes("!central");
    if (url !== undefined && covers) return url.endsWith("/") ? url : `${url}/`;
  }
  return undefined;
}
