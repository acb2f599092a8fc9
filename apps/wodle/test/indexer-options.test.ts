import { describe, expect, it } from "vitest";
import { readIndexerOptions, readWriterOptions } from "../src/indexer-options.ts";
import { readSetupOptions } from "../src/setup-options.ts";

describe("what setup is told to install", () => {
  it("is nothing where nothing is given, so that what is installed stays", () => {
    expect(readSetupOptions({})).toEqual({});
  });

  it("is each setting of the template and the retention", () => {
    const values = {
      level: "full",
      shards: "3",
      replicas: "0-all",
      refresh: "30s",
      retention: "90",
      codec: "default",
      sorted: "no",
    };
    expect(readSetupOptions(values)).toEqual({
      level: "full",
      shards: 3,
      replicas: "0-all",
      refreshInterval: "30s",
      retentionDays: 90,
      codec: "default",
      sorted: false,
    });
    expect(readSetupOptions({ replicas: "2", sorted: "yes" })).toEqual({ replicas: 2, sorted: true });
  });

  it.each([
    [{ level: "fat" }, "--level fat is none of lean, standard, full."],
    [{ shards: "0" }, "--shards 0 is not a whole number from 1 to 1024."],
    [{ shards: "1e2" }, "--shards 1e2 is not"],
    [{ replicas: "two" }, "--replicas two is neither"],
    [{ refresh: "5" }, "--refresh 5 is no time"],
    [{ retention: "-1" }, "--retention -1 is not"],
    [{ codec: "gzip" }, "--codec gzip is none of"],
    [{ sorted: "maybe" }, "--sorted maybe is none of"],
  ])("is refused where it cannot be: %j", (values, message) => {
    expect(() => readSetupOptions(values)).toThrow(message);
  });
});

describe("how the indexer is written to", () => {
  it("is left to the writer unless it is given", () => {
    expect(readWriterOptions({})).toEqual({ gzip: false });
    const values = { "indexer-requests": "8", "indexer-request-bytes": "1000000", "indexer-gzip": true };
    expect(readWriterOptions(values)).toEqual({ inFlight: 8, maxBytes: 1_000_000, gzip: true });
    expect(() => readWriterOptions({ "indexer-requests": "0" })).toThrow("--indexer-requests 0 is not");
  });

  it("is as a user with a password, or signed, and never both", () => {
    expect(readIndexerOptions({ "indexer-credentials": "f" })).toEqual({
      credentialsFile: "f",
      signing: undefined,
      dashboards: undefined,
    });
    expect(readIndexerOptions({ "indexer-sigv4": "aoss", "indexer-profile": "p", dashboards: "https://d" })).toEqual({
      dashboards: "https://d",
      credentialsFile: undefined,
      signing: { service: "aoss", region: undefined, profile: "p", roleArn: undefined },
    });
    const both = { "indexer-sigv4": "es", "indexer-credentials": "f" };
    expect(() => readIndexerOptions(both)).toThrow("not both");
    expect(() => readIndexerOptions({ "indexer-sigv4": "s3" })).toThrow("neither es nor aoss");
    expect(() => readIndexerOptions({ dashboards: "d:5601" })).toThrow("is no URL");
    expect(() => readIndexerOptions({ "indexer-role": "arn" })).toThrow("for --indexer-sigv4 only");
  });
});
