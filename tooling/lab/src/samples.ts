import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

/** An object with the events that an independent reader found in it (nulls kept), ready to be put into a lake. */
export interface Sample {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly events: readonly Record<string, unknown>[];
}

// Origin and licence of the files: the README beside them.
const fixtures = join(import.meta.dirname, "../../../packages/parquet-reader/test/fixtures");

/** 15 objects of one event each that Security Lake's own writer wrote. */
export function realSamples(): Sample[] {
  const folder = join(fixtures, "security-lake-samples");
  const lines = readFileSync(join(folder, "expected-events.ndjson"), "utf8").trimEnd().split("\n");
  return lines.map((line) => {
    const { file, event } = JSON.parse(line) as { file: string; event: Record<string, unknown> };
    const [, source = "", ...rest] = file.split("/");
    const name = rest.join("-");
    return {
      key: keyOf(source === "CLOUD_TRAIL" ? "CLOUD_TRAIL_MGMT" : source, "1.0", new Date(event.time as number), name),
      bytes: readFileSync(join(folder, file)),
      events: [event],
    };
  });
}

/** 29 objects of invented events: every source, codecs, page versions, row groups, layouts. */
export function generatedSamples(): Sample[] {
  const folder = join(fixtures, "generated");
  return readdirSync(folder)
    .filter((file) => file.endsWith(".parquet"))
    .map((file) => ({
      key: keyOf("GENERATED", "2.0", new Date("2024-06-11"), file),
      bytes: readFileSync(join(folder, file)),
      events: gunzipSync(readFileSync(join(folder, `${file}.ndjson.gz`)))
        .toString()
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    }));
}

function keyOf(source: string, version: string, day: Date, name: string): string {
  const eventDay = day.toISOString().slice(0, 10).replaceAll("-", "");
  return `aws/${source}/${version}/region=us-east-1/accountId=111122223333/eventDay=${eventDay}/${name}`;
}
