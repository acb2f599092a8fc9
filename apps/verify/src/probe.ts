import { randomBytes } from "node:crypto";
import { indexPattern } from "@threatlockdown/indexer-client";

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
