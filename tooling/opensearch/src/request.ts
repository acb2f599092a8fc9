import { request as plain } from "node:http";
import { request as secure } from "node:https";
import { text } from "node:stream/consumers";
import { OpenSearchError } from "./errors.ts";

/**
 * A call to the server with all rights, in JSON both ways; `body` that is a string goes as NDJSON.
 * @throws OpenSearchError REQUEST_FAILED for every status from 300 on
 */
export type Request = <T = unknown>(method: string, path: string, body?: unknown) => Promise<T>;

export interface Credentials {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export function requestTo(url: () => string, credentials?: Credentials, timeoutMs = 60_000): Request {
  return async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
    const ndjson = typeof body === "string";
    const outgoing = (credentials === undefined ? plain : secure)(
      new URL(path, url()),
      {
        method,
        timeout: timeoutMs,
        headers: body === undefined ? {} : { "content-type": ndjson ? "application/x-ndjson" : "application/json" },
        ...credentials,
        // The launcher made the certificate, wrong ones on request included, and has to speak with the server all the same.
        rejectUnauthorized: false,
        agent: false,
      },
      (answer) => text(answer).then((all) => resolve({ status: answer.statusCode ?? 0, body: all }), reject),
    );
    outgoing.once("timeout", () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    outgoing.once("error", reject);
    outgoing.end(ndjson || body === undefined ? body : JSON.stringify(body));
    const answer = await promise;
    if (answer.status >= 300) {
      throw new OpenSearchError(
        "REQUEST_FAILED",
        `${method} ${path} got ${answer.status}: ${answer.body.slice(0, 500)}`,
      );
    }
    return (answer.body === "" ? undefined : JSON.parse(answer.body)) as T;
  };
}
