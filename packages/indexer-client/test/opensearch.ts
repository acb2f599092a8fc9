import { randomBytes } from "node:crypto";
import { afterAll } from "vitest";
import type { Client } from "../src/connection.ts";

/** An index of a test's own, under the pattern of the template. */
export function ownIndex(): string {
  return `wazuh-alerts-4.x-security-lake-${randomBytes(6).toString("hex")}`;
}

/** More of them; after the last test of where this is called they are deleted, before the hooks that were set earlier. */
export function ownIndices(client: () => Client): () => string {
  const indices: string[] = [];
  afterAll(async () => {
    for (const index of indices) await client().indices.delete({ index, ignore_unavailable: true });
  });
  return () => {
    const index = ownIndex();
    indices.push(index);
    return index;
  };
}

/** Of all documents, however many, each as often as it is found. */
export async function ids(client: Client, index: string): Promise<string[]> {
  await client.indices.refresh({ index });
  const found: string[] = [];
  const body = { size: 10_000, _source: false, sort: ["_doc"], query: { match_all: {} } };
  let page = (await client.search({ index, scroll: "1m", body } as never)).body as unknown as Page;
  while (page.hits.hits.length > 0) {
    found.push(...page.hits.hits.map(({ _id }) => _id));
    page = (await client.scroll({ body: { scroll_id: page._scroll_id, scroll: "1m" } } as never)).body as never;
  }
  await client.clearScroll({ body: { scroll_id: [page._scroll_id] } } as never);
  return found.sort();
}

interface Page {
  readonly _scroll_id: string;
  readonly hits: { readonly hits: readonly { readonly _id: string }[] };
}

export async function versions(client: Client, index: string): Promise<Map<string, number>> {
  const { body } = await client.search({ index, body: { size: 10_000, version: true, _source: false } } as never);
  return new Map(
    (body as { hits: { hits: { _id: string; _version: number }[] } }).hits.hits.map(({ _id, _version }) => [
      _id,
      _version,
    ]),
  );
}
