import type { Answer } from "./indexer.ts";

export const searching = ["indices:data/read/search"];

export interface Stored {
  readonly timestamp?: string;
  readonly manager?: { readonly name?: string };
  readonly cluster?: { readonly name?: string; readonly node?: string };
  readonly security_lake?: { readonly bucket?: string; readonly key?: string };
}

/** The newest events first, of the indices of days; of these buckets alone, where there are some. */
export const newestFirst = (size: number, filter: readonly object[] = []): object => ({
  size,
  ...(filter.length > 0 && { query: { bool: { filter } } }),
  sort: [{ timestamp: { order: "desc", unmapped_type: "date" } }],
  _source: ["timestamp", "manager.name", "cluster", "security_lake.bucket", "security_lake.key"],
});

export function storedIn({ body }: Answer): readonly Stored[] {
  const { hits } = body as { hits?: { hits?: readonly { _source: Stored }[] } };
  return (hits?.hits ?? []).map(({ _source }) => _source);
}
