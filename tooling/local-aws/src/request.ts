import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";

export interface HttpRequest {
  readonly method: string;
  /** As sent, without the query. */
  readonly path: string;
  readonly rawQuery: string;
  /** Decoded. */
  readonly query: ReadonlyMap<string, string>;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly sourceIp: string;
  /** Aborted when the client is gone before it was answered. */
  readonly gone: AbortSignal;
}

/** @returns undefined when the client gave up while sending */
export async function readRequest(
  message: IncomingMessage,
  response: ServerResponse,
): Promise<HttpRequest | undefined> {
  const body = await readBody(message);
  if (body === undefined) return undefined;
  const url = message.url ?? "/";
  const mark = url.indexOf("?");
  const rawQuery = mark === -1 ? "" : url.slice(mark + 1);
  let gone: AbortController | undefined;
  return {
    method: message.method ?? "GET",
    path: mark === -1 ? url : url.slice(0, mark),
    rawQuery,
    query: rawQuery === "" ? noQuery : new Map(queryPairs(rawQuery)),
    headers: message.headers,
    body,
    sourceIp: message.socket.remoteAddress?.replace(/^::ffff:/, "") ?? "127.0.0.1",
    // Made when first asked for: few calls wait long enough to need it.
    get gone() {
      if (gone === undefined) {
        const controller = new AbortController();
        gone = controller;
        if (response.destroyed) controller.abort();
        else response.once("close", () => response.writableFinished || controller.abort());
      }
      return gone.signal;
    },
  };
}

const noQuery: ReadonlyMap<string, string> = new Map();

function readBody(message: IncomingMessage): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    message.on("data", (chunk: Buffer) => chunks.push(chunk));
    message.once("end", () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
    message.once("close", () => resolve(undefined));
    message.once("error", () => resolve(undefined));
  });
}

export function queryPairs(rawQuery: string): [string, string][] {
  return rawQuery
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const equals = pair.indexOf("=");
      return equals === -1 ? [decode(pair), ""] : [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))];
    });
}

/** Percent-decoding that leaves what is not valid as it is, as servers do with paths. */
export function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** RFC 3986, as Signature Version 4 wants it. */
export function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

export function headerOf(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}
