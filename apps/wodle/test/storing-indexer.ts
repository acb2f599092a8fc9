import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Place {
  readonly key: string;
  readonly row: number;
}

/** What stands in the way of a request, or of a document in it. */
export interface Trouble {
  /** HTTP status of a whole request that stores nothing. */
  request(): number | undefined;
  /** Status and type of a document that is not stored. */
  document(place: Place): readonly [status: number, type: string] | undefined;
}

export interface StoringIndexer extends AsyncDisposable {
  readonly url: string;
  /** By index and id, where in the lake the document comes from. */
  readonly stored: ReadonlyMap<string, Place>;
}

/** As much of an indexer as a run needs: templates, and `_bulk` that stores what it is told to create once. */
export async function startStoringIndexer(trouble: Trouble, onBulk: () => void): Promise<StoringIndexer> {
  const stored = new Map<string, Place>();
  const installed = new Map<string, object>();

  const create = (action: string, source: string): object => {
    const { _index, _id } = JSON.parse(action).create as { _index: string; _id: string };
    const { key, row } = JSON.parse(source).security_lake as Place;
    const id = `${_index}/${_id}`;
    const refused = (status: number, type: string) => ({
      create: { _index, _id, status, error: { type, reason: type } },
    });
    if (stored.has(id)) return refused(409, "version_conflict_engine_exception");
    const refusal = trouble.document({ key, row });
    if (refusal !== undefined) return refused(...refusal);
    stored.set(id, { key, row });
    return { create: { _index, _id, status: 201 } };
  };

  const bulk = (body: string): [status: number, answer: object] => {
    const status = trouble.request();
    if (status !== undefined) return [status, { status, error: { type: "busy", reason: "busy" } }];
    const lines = body.trimEnd().split("\n");
    const items = lines.flatMap((line, at) => (at % 2 === 0 ? [create(line, lines[at + 1] as string)] : []));
    return [200, { took: 1, errors: items.some((item) => "error" in Object(item)), items }];
  };

  const template = (method: string, path: string, body: string): [status: number, answer: object] => {
    if (method === "PUT") installed.set(path, JSON.parse(body));
    const index_template = installed.get(path);
    if (index_template === undefined) return [404, { error: { type: "missing", reason: "missing" }, status: 404 }];
    if (path.startsWith("/_plugins/")) return [200, index_template];
    return [200, method === "PUT" ? { acknowledged: true } : { index_templates: [{ index_template }] }];
  };

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return; // Whoever asked is dead.
    }
    const path = (request.url ?? "").split("?")[0] as string;
    const body = Buffer.concat(chunks).toString();
    const [status, answer] = path === "/_bulk" ? bulk(body) : template(request.method ?? "", path, body);
    if (path === "/_bulk") onBulk();
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stored,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
