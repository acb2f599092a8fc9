import type { SetupOptions } from "@threatlockdown/indexer-client";
import type { Command, Values } from "./command.ts";
import { usage, wholeNumber } from "./indexer-options.ts";

/** What `setup` installs; what is not given stays as it was installed. */
export const setupOptions: Command["options"] = {
  level: { type: "string" },
  shards: { type: "string" },
  replicas: { type: "string" },
  refresh: { type: "string" },
  retention: { type: "string" },
  codec: { type: "string" },
  sorted: { type: "string" },
};

export const setupOptionsHelp = `  --level LEVEL               what of an event can be searched: lean (what analysts filter and rules read), standard
                              (every column of Security Lake's tables; default), full (columns indexed, more of OCSF)
  --shards N                  primary shards of each day's index (1)
  --replicas N                replicas, or a range that follows the number of nodes (0-1)
  --refresh TIME              how soon documents are found, such as 5s (default) or 1m; --refresh=-1 for never by itself
  --retention DAYS            days after which an index is deleted, by index state management; or never (default)
  --codec CODEC               default (the default), best_compression (half to three fifths of the disk space, a tenth
                              slower), or, where the indexer has them, zstd and zstd_no_dict
  --sorted yes|no             keep each index sorted by time: faster searches by time, slower writing (no)
`;

const levels = ["lean", "standard", "full"] as const;
const codecs = ["default", "best_compression", "zstd", "zstd_no_dict"] as const;

/** @throws Failure */
export function readSetupOptions(values: Values): SetupOptions {
  const level = oneOf(values, "level", levels);
  const shards = wholeNumber(values, "shards", 1, 1_024);
  const replicas = readReplicas(values.replicas as string | undefined);
  const refreshInterval = readRefresh(values.refresh as string | undefined);
  const retentionDays = values.retention === "never" ? "never" : wholeNumber(values, "retention", 1, 36_500);
  const codec = oneOf(values, "codec", codecs);
  const sorted = oneOf(values, "sorted", ["yes", "no"] as const);
  return {
    ...(level !== undefined && { level }),
    ...(shards !== undefined && { shards }),
    ...(replicas !== undefined && { replicas }),
    ...(refreshInterval !== undefined && { refreshInterval }),
    ...(retentionDays !== undefined && { retentionDays }),
    ...(codec !== undefined && { codec }),
    ...(sorted !== undefined && { sorted: sorted === "yes" }),
  };
}

function oneOf<T extends string>(values: Values, name: string, known: readonly T[]): T | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  const found = known.find((one) => one === text);
  if (found === undefined) throw usage(`--${name} ${text} is none of ${known.join(", ")}.`);
  return found;
}

function readReplicas(text: string | undefined): SetupOptions["replicas"] {
  if (text === undefined) return undefined;
  if (/^\d{1,3}$/.test(text)) return Number(text);
  if (/^\d{1,3}-(\d{1,3}|all)$/.test(text)) return text as `${number}-${number}`;
  throw usage(`--replicas ${text} is neither a number nor a range such as 0-1 or 0-all.`);
}

function readRefresh(text: string | undefined): string | undefined {
  if (text === undefined || /^(-1|\d+(ms|s|m|h))$/.test(text)) return text;
  throw usage(`--refresh ${text} is no time such as 5s, 500ms or 1m, and not -1.`);
}
