import { type BulkBody, BulkBodyBuilder } from "../src/bulk-body.ts";
import { type BulkWriter, type BulkWriterOptions, createBulkWriter } from "../src/bulk-writer.ts";
import type { Client } from "../src/connection.ts";
import type { DocumentEntry } from "../src/dead-letter.ts";
import type { IndexerEvent } from "../src/events.ts";

export interface Writing {
  readonly writer: BulkWriter;
  readonly kept: DocumentEntry[];
  readonly events: IndexerEvent[];
  readonly stop: AbortController;
}

/** A writer with a short backoff; what it keeps and says is gathered. */
export function writing(client: Client, options: BulkWriterOptions = {}): Writing {
  const kept: DocumentEntry[] = [];
  const events: IndexerEvent[] = [];
  const stop = new AbortController();
  const deadLetter = { keep: async (entry: object) => void kept.push(entry as DocumentEntry), close: async () => {} };
  const settings = { on: (event: IndexerEvent) => void events.push(event), backoff: () => 20, signal: stop.signal };
  return { writer: createBulkWriter(client, deadLetter, { ...settings, ...options }), kept, events, stop };
}

export const idOf = (number: number): string => `d-${String(number).padStart(6, "0")}`;

/** Ids of documents 0 to count - 1, sorted. */
export const idsUpTo = (count: number): string[] => Array.from({ length: count }, (_, number) => idOf(number));

/** Documents `from` to `to` (exclusive), with `padding` bytes each. */
export function numbered(index: string, from: number, to: number, padding = 0): BulkBody {
  const builder = new BulkBodyBuilder();
  const text = new TextEncoder();
  for (let i = from; i < to; i++) {
    builder.begin(index, idOf(i));
    const data = `{"api":{"operation":"Op${i % 7}"},"message":"${"x".repeat(padding)}"}`;
    builder.append(text.encode(`{"timestamp":${1_732_437_834_000 + i},"data":${data},"security_lake":{"row":${i}}}`));
    builder.end();
  }
  return builder.take();
}

export const waits = (events: readonly IndexerEvent[]): string[] =>
  events.flatMap((event) => (event.type === "waiting" ? [event.cause] : []));
