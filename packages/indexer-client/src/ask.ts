import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "@opensearch-project/opensearch";
import { failureOf } from "./answer.ts";
import { backoff } from "./concurrency.ts";
import { IndexerError } from "./errors.ts";
import { type Asked, setupMessage, untrustedMessage } from "./messages.ts";
import { judgeRequest, passes, type RequestFailure } from "./verdict.ts";

export type Transport = Pick<Client, "transport">;

/** How often one request is sent, and for how long: some nodes may be away, an indexer that just starts says 503. */
const tries = 7;
const patience = { request: 15_000, all: 60_000 };

/** Where nobody is: another node may be there, but no waiting helps, and a person may wait for the answer. */
const absent = /^(ECONNREFUSED|ENOTFOUND)$/;

export interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly asked?: Asked;
}

/** The answer's body; undefined for 404. Each request may be repeated: it looks, or puts what it put before. */
export async function ask(
  client: Transport,
  method: string,
  path: string,
  body?: object | string,
  { headers = {}, asked = "Indexer" }: AskOptions = {},
): Promise<unknown> {
  const [bare = "", querystring = ""] = path.split("?");
  const started = performance.now();
  const nodes = client.transport.connectionPool.connections.length;
  let absences = 0;
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await client.transport.request(
        { method, path: bare, querystring, ...(body && { body }) },
        { maxRetries: 0, requestTimeout: patience.request, headers: { ...headers } },
      );
      return answer.body;
    } catch (error) {
      const failure = failureOf(error);
      if (failure.status === 404 && method === "GET") return undefined;
      absences = absent.test(failure.type ?? "") ? absences + 1 : 0;
      const isLast = attempt === tries || absences > nodes || performance.now() - started > patience.all;
      if (isLast || !passes(failure)) throw setupError(asked, method, bare, failure, error);
      await pause(backoff(attempt));
    }
  }
}

function setupError(asked: Asked, method: string, path: string, failure: RequestFailure, cause: unknown): IndexerError {
  const { status } = failure;
  const codes = { denied: "INDEXER_DENIED", untrusted: "INDEXER_UNTRUSTED" } as const;
  const verdict = judgeRequest(failure);
  const code = verdict === "denied" || verdict === "untrusted" ? codes[verdict] : "INDEXER_SETUP";
  const message =
    code === "INDEXER_UNTRUSTED" ? untrustedMessage(failure, asked) : setupMessage(asked, method, path, failure);
  return new IndexerError(code, message, { status, cause });
}
