import { createReadStream, readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Indexer, indices } from "./indexer.ts";

/** What an analyst asks of the events. */
export interface Answers {
  readonly total: number;
  readonly perSource: readonly Share[];
  readonly perSeverity: readonly Share[];
  readonly perLevel: readonly Share[];
  /** One of the gravest events, in full. */
  readonly example: unknown;
}

export interface Share {
  readonly name: string;
  readonly events: number;
}

interface Alert {
  readonly rule: { readonly level: number };
  readonly security_lake: { readonly source?: string };
  readonly data: { readonly severity?: string };
}

interface SearchAnswer {
  readonly hits: {
    readonly total: { readonly value: number };
    readonly hits: readonly { readonly _source: unknown }[];
  };
  readonly aggregations: Readonly<
    Record<string, { readonly buckets: readonly { readonly key: string | number; readonly doc_count: number }[] }>
  >;
}

/** `rule.groups: amazon_security_lake`, as typed into Threat Hunting, for the objects of this bucket. */
export async function askIndexer({ ask }: Indexer, bucket: string): Promise<Answers> {
  await ask("POST", `/${indices}/_refresh`);
  const terms = (field: string, order: object) => ({ terms: { field, size: 50, missing: "none", order } });
  const { hits, aggregations } = await ask<SearchAnswer>("POST", `/${indices}/_search`, {
    size: 1,
    track_total_hits: true,
    query: {
      bool: {
        filter: [{ term: { "rule.groups": "amazon_security_lake" } }, { term: { "security_lake.bucket": bucket } }],
      },
    },
    sort: [{ "rule.level": "desc" }, { timestamp: "desc" }],
    aggs: {
      source: terms("security_lake.source", { _key: "asc" }),
      severity: terms("data.severity", { _count: "desc" }),
      level: { terms: { field: "rule.level", size: 20, order: { _key: "desc" } } },
    },
  });
  const shares = (name: string): Share[] =>
    (aggregations[name]?.buckets ?? []).map(({ key, doc_count }) => ({ name: String(key), events: doc_count }));
  return {
    total: hits.total.value,
    perSource: shares("source"),
    perSeverity: shares("severity"),
    perLevel: shares("level"),
    example: hits.hits[0]?._source,
  };
}

/** The same, of a folder of NDJSON files. */
export async function askFiles(folder: string): Promise<Answers> {
  const counts = {
    source: new Map<string, number>(),
    severity: new Map<string, number>(),
    level: new Map<string, number>(),
  };
  let total = 0;
  let gravest: Alert | undefined;
  for (const file of readdirSync(folder)) {
    for await (const line of createInterface({ input: createReadStream(join(folder, file)) })) {
      const alert = JSON.parse(line) as Alert;
      total++;
      count(counts.source, alert.security_lake.source);
      count(counts.severity, alert.data.severity);
      count(counts.level, String(alert.rule.level));
      if (gravest === undefined || alert.rule.level > gravest.rule.level) gravest = alert;
    }
  }
  const shares = (map: Map<string, number>): Share[] => [...map].map(([name, events]) => ({ name, events }));
  return {
    total,
    perSource: shares(counts.source).sort((a, b) => (a.name < b.name ? -1 : 1)),
    perSeverity: shares(counts.severity).sort((a, b) => b.events - a.events),
    perLevel: shares(counts.level).sort((a, b) => Number(b.name) - Number(a.name)),
    example: gravest,
  };
}

function count(map: Map<string, number>, name = "none"): void {
  map.set(name, (map.get(name) ?? 0) + 1);
}
