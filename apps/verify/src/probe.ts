import { randomBytes } from "node:crypto";
import { actionOf, indexPattern, sourceOf } from "@threatlockdown/indexer-client";
import { createDocuments, type Manager, parseObjectKey } from "@threatlockdown/pipeline";
import { createRuleset } from "@threatlockdown/ruleset";

const prefix = `${indexPattern.replace("*", "")}probe-`;

/**
 * Indices that only a probe ever writes to: the template and the subscriber's rights hold for them as for those of days,
 * and they can be deleted whole. Into the index of a day the subscriber may write at the same moment.
 */
export const probeIndices = {
  pattern: `${prefix}*`,
  name: (): string => prefix + randomBytes(8).toString("hex"),
  has: (name: string): boolean => name.startsWith(prefix),
};

/** The indices of days alone. */
export const dayIndices: string = `${indexPattern},-${probeIndices.pattern}`;

/** What the subscriber would write of an event without content, as a request to `_bulk`. */
export function probeDocument(index: string, manager: Manager): { readonly id: string; readonly line: string } {
  const event = Buffer.from(`${JSON.stringify({ message: "Probe of security-lake-verify; it is deleted at once" })}\n`);
  const documents = createDocuments(manager, createRuleset());
  const batch = {
    firstRow: 0,
    rowCount: 1,
    bytes: event,
    offsets: Uint32Array.of(0, event.length),
    columns: new Map(),
    lost: [],
    duplicateKeys: 0,
  };
  const key = "aws/PROBE/2.0/probe.gz.parquet";
  const now = new Date();
  const document = documents.render(batch, {
    bucket: "probe",
    key,
    etag: now.toISOString(),
    lastModified: now,
    origin: parseObjectKey(key),
    source: { byteLength: 0, slice: () => new Uint8Array() },
  } as never);
  const { id } = actionOf(document, 0);
  const action = JSON.stringify({ create: { _index: index, _id: id } });
  return { id, line: `${action}\n${Buffer.from(sourceOf(document, 0)).toString()}\n` };
}
