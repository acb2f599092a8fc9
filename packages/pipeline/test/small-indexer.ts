import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface SentDocument {
  readonly id: string;
  readonly source: string;
  /** How often it was sent before. */
  readonly before: number;
}

/** What an item is answered with; absent: it is stored, or was already. */
export type Judgement = { readonly status: number; readonly type: string; readonly reason: string } | undefined;

export interface SmallIndexer {
  readonly url: string;
  /** By id. */
  readonly stored: ReadonlyMap<string, string>;
  /** A status for a whole request, by its number from 0. */
  refuse: (request: number) => number | undefined;
  judge: (document: SentDocument) => Judgement;
  close(): Promise<void>;
}

/** As much of an indexer as `_bulk` with `create` needs. */
export async function startSmallIndexer(): Promise<SmallIndexer> {
  const stored = new Map<string, string>();
  const sent = new Map<string, number>();
  let requests = 0;

  const answer = ({ id, source, before }: SentDocument): object => {
    const refusal = indexer.judge({ id, source, before });
    if (refusal !== undefined) {
      const { status, type, reason } = refusal;
      return { create: { _id: id, status, error: { type, reason } } };
    }
    if (stored.has(id)) {
      return {
        create: { _id: id, status: 409, error: { type: "version_conflict_engine_exception", reason: "there" } },
      };
    }
    stored.set(id, source);
    return { create: { _id: id, status: 201 } };
  };

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const status = indexer.refuse(requests++);
    response.writeHead(status ?? 200, { "content-type": "application/json" });
    if (status !== undefined) return response.end(JSON.stringify({ status, error: { type: "busy", reason: "busy" } }));
    const lines = Buffer.concat(chunks).toString().trimEnd().split("\n");
    const items: object[] = [];
    for (let line = 0; line < lines.length; line += 2) {
      const id = JSON.parse(lines[line] as string).create._id as string;
      const before = sent.get(id) ?? 0;
      sent.set(id, before + 1);
      items.push(answer({ id, source: lines[line + 1] as string, before }));
    }
    return response.end(JSON.stringify({ took: 1, errors: items.some((item) => "error" in Object(item)), items }));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const indexer: SmallIndexer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stored,
    refuse: () => undefined,
    judge: () => undefined,
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
  return indexer;
}
