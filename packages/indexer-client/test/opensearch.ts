import { randomBytes } from "node:crypto";
import type { connect } from "../src/connection.ts";

export type Client = ReturnType<typeof connect>;

/** An index of a test's own, under the pattern of the template. */
export function ownIndex(): string {
  return `wazuh-alerts-4.x-security-lake-${randomBytes(6).toString("hex")}`;
}

export async function ids(client: Client, index: string): Promise<string[]> {
  await client.indices.refresh({ index });
  const { body } = await client.search({
    index,
    body: { size: 10_000, _source: false, sort: ["_doc"], query: { match_all: {} } },
  } as never);
  return (body as { hits: { hits: { _id: string }[] } }).hits.hits.map(({ _id }) => _id).sort();
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
