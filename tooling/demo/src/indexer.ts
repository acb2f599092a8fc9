import { OpenSearchError, type Progress as StartProgress, startOpenSearch } from "@threatlockdown/tooling-opensearch";
import type { Progress } from "./progress.ts";

export const indices = "wazuh-alerts-4.x-security-lake-*";

/** An OpenSearch to write to and to ask: our own, or the one that the user has given. */
export interface Indexer {
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  /** A body that is a string goes as NDJSON. */
  ask<T>(method: string, path: string, body?: object | string): Promise<T>;
  /** Ours ends; in the user's, what the demo has written to this bucket's name is taken away. */
  close(bucket: string): Promise<void>;
}

/** Undefined where there is no Java and no way to get one; the line that says so is logged. */
export async function openIndexer(
  given: URL | undefined,
  progress: Progress,
  signal: AbortSignal,
): Promise<Indexer | undefined> {
  if (given !== undefined) return givenIndexer(given);
  try {
    const server = await startOpenSearch({ quick: true, signal, onProgress: (step) => tell(step, progress) });
    return { ...asker(server.url, {}), url: server.url, close: () => server.stop() };
  } catch (error) {
    if (!(error instanceof OpenSearchError) || error.code !== "NO_JAVA") throw error;
    progress.line(`${error.message}; until then the alert documents go into NDJSON files`);
    return undefined;
  }
}

function tell({ subject, step, fraction }: StartProgress, progress: Progress): void {
  progress.step(`${subject}: ${step}`, fraction === undefined ? undefined : `${Math.floor(fraction * 100)} %`);
}

const template = "/_index_template/security-lake";

/** User and password may be in the URL. */
async function givenIndexer({ origin, username, password }: URL): Promise<Indexer> {
  const user =
    username === "" ? {} : { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  const { ask } = asker(origin, user);
  const indicesThere = async () =>
    (await ask<{ index: string }[]>("GET", `/_cat/indices/${indices}?format=json`)).map(({ index }) => index);
  const templateThere = () =>
    ask("GET", template).then(
      () => true,
      () => false,
    );
  const before = { indices: await indicesThere(), template: await templateThere() };
  return {
    url: origin,
    ...user,
    ask,
    async close(bucket) {
      await ask("POST", `/${indices}/_refresh`);
      await deleteDocuments(ask, bucket);
      for (const index of await indicesThere()) if (!before.indices.includes(index)) await ask("DELETE", `/${index}`);
      if (!before.template && (await templateThere())) await ask("DELETE", template);
    },
  };
}

/** By their ids: not every server has `_delete_by_query`. */
async function deleteDocuments(ask: Indexer["ask"], bucket: string): Promise<void> {
  const search = { size: 5000, _source: false, query: { term: { "security_lake.bucket": bucket } } };
  for (;;) {
    const { hits } = await ask<{ hits: { hits: { _index: string; _id: string }[] } }>(
      "POST",
      `/${indices}/_search`,
      search,
    );
    if (hits.hits.length === 0) return;
    const lines = hits.hits.map(({ _index, _id }) => `${JSON.stringify({ delete: { _index, _id } })}\n`);
    const { errors } = await ask<{ errors: boolean }>("POST", "/_bulk?refresh=true", lines.join(""));
    if (errors)
      throw new Error(`the user of OPENSEARCH_URL may not delete; documents of bucket ${bucket} are left there`);
  }
}

function asker(url: string, { username, password }: { username?: string; password?: string }): Pick<Indexer, "ask"> {
  const authorization =
    username === undefined
      ? {}
      : { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` };
  return {
    async ask<T>(method: string, path: string, body?: object | string): Promise<T> {
      const ndjson = typeof body === "string";
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          ...authorization,
          ...(body !== undefined && { "content-type": ndjson ? "application/x-ndjson" : "application/json" }),
        },
        ...(body !== undefined && { body: ndjson ? body : JSON.stringify(body) }),
      }).catch((error: Error) => unreachable(url, error));
      if (!response.ok) throw new Error(`OpenSearch: ${method} ${path}: ${response.status} ${await response.text()}`);
      return (await response.json()) as T;
    },
  };
}

function unreachable(url: string, error: Error): never {
  const { code = "", message } = (error.cause ?? error) as NodeJS.ErrnoException;
  const unknown = /^(SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_)/.test(code);
  const [reason] = message.split("; ");
  const fix = unknown ? "; set NODE_EXTRA_CA_CERTS to the file with the authority of its certificate" : "";
  throw new Error(`OpenSearch at ${url} cannot be reached: ${reason}${fix}`, { cause: error });
}
