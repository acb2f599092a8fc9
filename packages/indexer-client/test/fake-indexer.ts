import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

export interface SentDocument {
  readonly index: string;
  readonly id: string;
  readonly source: string;
}

export interface BulkRequest {
  /** Counted from 0. */
  readonly number: number;
  readonly documents: readonly SentDocument[];
  readonly bytes: number;
  readonly headers: IncomingHttpHeaders;
  readonly path: string;
}

export type Item = { readonly status: number; readonly type?: string; readonly reason?: string };

export interface FakeIndexer {
  readonly url: string;
  readonly requests: readonly BulkRequest[];
  /** What is stored, by index and id: "index/id" -> source. */
  readonly stored: ReadonlyMap<string, string>;
  /** The most requests that were open at one time. */
  readonly mostOpen: number;
  /** Answers as an indexer does that is asked for ids, statuses and errors, item by item, unless `judge` says otherwise for a document. */
  answer(response: ServerResponse, request: BulkRequest, judge?: (document: SentDocument) => Item | undefined): void;
  stop(): Promise<void>;
}

export type Behaviour = (response: ServerResponse, request: BulkRequest, indexer: FakeIndexer) => unknown;

/** An HTTP server that understands `_bulk` with `create`, and behaves as a test asks. */
export async function fakeIndexer(
  behave: Behaviour = (response, request, indexer) => indexer.answer(response, request),
  port = 0,
): Promise<FakeIndexer> {
  const requests: BulkRequest[] = [];
  const stored = new Map<string, string>();
  let open = 0;
  let mostOpen = 0;

  const server = createServer(async (request, response) => {
    if (request.method === "HEAD") {
      response.end();
      return;
    }
    open++;
    mostOpen = Math.max(mostOpen, open);
    response.on("close", () => open--);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return;
    }
    const raw = Buffer.concat(chunks);
    const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(raw) : raw;
    const received: BulkRequest = {
      number: requests.length,
      documents: documentsOf(body.toString()),
      bytes: body.length,
      headers: request.headers,
      path: request.url ?? "",
    };
    requests.push(received);
    await behave(response, received, indexer);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));

  const indexer: FakeIndexer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    stored,
    get mostOpen() {
      return mostOpen;
    },
    answer(response, request, judge = () => undefined) {
      const items = request.documents.map((document) => {
        const item = judge(document) ?? store(document);
        return { create: { _id: document.id, ...rendered(item) } };
      });
      const errors = items.some(({ create }) => "error" in create);
      json(response, 200, { errors, items });
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  function store({ index, id, source }: SentDocument): Item {
    const key = `${index}/${id}`;
    if (stored.has(key))
      return { status: 409, type: "version_conflict_engine_exception", reason: "document already exists" };
    stored.set(key, source);
    return { status: 201 };
  }
  return indexer;
}

function rendered({ status, type, reason }: Item): object {
  return status < 400 ? { status } : { status, error: { type, reason } };
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json; charset=UTF-8" });
  response.end(JSON.stringify(body));
}

export function refuse(response: ServerResponse, status: number, type: string, reason: string): void {
  json(response, status, { error: { root_cause: [{ type, reason }], type, reason }, status });
}

function documentsOf(body: string): SentDocument[] {
  const lines = body.split("\n");
  if (lines.pop() !== "") throw new Error("the body does not end with a line break");
  const documents: SentDocument[] = [];
  for (let i = 0; i < lines.length; i += 2) {
    const { create } = JSON.parse(lines[i] as string) as { create: { _index: string; _id: string } };
    documents.push({ index: create._index, id: create._id, source: lines[i + 1] as string });
  }
  return documents;
}
