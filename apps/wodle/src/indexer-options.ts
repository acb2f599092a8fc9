import type { BulkWriterOptions } from "@threatlockdown/indexer-client";
import type { Command, Values } from "./command.ts";
import { exitCode, Failure } from "./exit-code.ts";

/** How every command that speaks with the indexer gets its user. */
export const indexerOptions: Command["options"] = {
  "indexer-credentials": { type: "string" },
  "indexer-sigv4": { type: "string" },
  "indexer-region": { type: "string" },
  "indexer-profile": { type: "string" },
  "indexer-role": { type: "string" },
  dashboards: { type: "string" },
};

export const indexerOptionsHelp = `  --indexer-credentials FILE  user and password of the indexer: two lines, username=… and password=…, mode 0600.
                              Otherwise systemd's credentials indexer-username and indexer-password are taken,
                              or INDEXER_USERNAME and INDEXER_PASSWORD from the environment. Read again for each
                              request, so that a changed password needs no restart
  --indexer-sigv4 SERVICE     sign requests instead, for Amazon OpenSearch: es (domains) or aoss (Serverless)
  --indexer-region REGION     its Region (default: the one in the host's name)
  --indexer-profile PROFILE   the AWS profile that signs (default: whatever the AWS SDK finds)
  --indexer-role ARN          the role that signs; the lake's role never does
  --dashboards URL            OpenSearch Dashboards, as the same user: setup installs its saved objects there, and
                              every start looks whether they are there
`;

/** Requests signed with Signature Version 4, by credentials that have nothing to do with the lake's. */
export interface Signing {
  readonly service: "es" | "aoss";
  readonly region: string | undefined;
  readonly profile: string | undefined;
  readonly roleArn: string | undefined;
}

export interface IndexerOptions {
  readonly credentialsFile: string | undefined;
  readonly signing: Signing | undefined;
  /** URL of OpenSearch Dashboards. */
  readonly dashboards: string | undefined;
}

/** @throws Failure */
export function readIndexerOptions(values: Values): IndexerOptions {
  const text = (name: string) => values[name] as string | undefined;
  const service = text("indexer-sigv4");
  const credentialsFile = text("indexer-credentials");
  const dashboards = text("dashboards");
  if (dashboards !== undefined && !/^https?:\/\//.test(dashboards))
    throw usage(`--dashboards ${dashboards} is no URL such as https://dashboards.example:443.`);
  const [region, profile, roleArn] = [text("indexer-region"), text("indexer-profile"), text("indexer-role")];
  if (service === undefined) {
    if ((region ?? profile ?? roleArn) !== undefined)
      throw usage("--indexer-region, --indexer-profile and --indexer-role are for --indexer-sigv4 only.");
    return { credentialsFile, signing: undefined, dashboards };
  }
  if (service !== "es" && service !== "aoss") throw usage(`--indexer-sigv4 ${service} is neither es nor aoss.`);
  if (credentialsFile !== undefined) throw usage("Give --indexer-credentials or --indexer-sigv4, not both.");
  return { credentialsFile, signing: { service, region, profile, roleArn }, dashboards };
}

/** How much the commands that write documents ask of the indexer at a time. */
export const writerOptions: Command["options"] = {
  "indexer-requests": { type: "string" },
  "indexer-request-bytes": { type: "string" },
  "indexer-gzip": { type: "boolean" },
};

export const writerOptionsHelp = `  --indexer-requests N        requests in flight at the most (4); how many there are follows the indexer's pace
  --indexer-request-bytes N   bytes of a request at the most, before compression (5000000); below the indexer's
                              http.max_content_length. Less is learnt where it or a proxy takes less
  --indexer-gzip              compress requests: less on the wire, more CPU
`;

export interface WriterOptions extends Pick<BulkWriterOptions, "inFlight" | "maxBytes"> {
  readonly gzip: boolean;
}

/** @throws Failure */
export function readWriterOptions(values: Values): WriterOptions {
  const inFlight = wholeNumber(values, "indexer-requests", 1, 64);
  const maxBytes = wholeNumber(values, "indexer-request-bytes", 1_000, 100_000_000);
  return {
    ...(inFlight !== undefined && { inFlight }),
    ...(maxBytes !== undefined && { maxBytes }),
    gzip: values["indexer-gzip"] === true,
  };
}

/** @throws Failure */
export function wholeNumber(values: Values, name: string, least: number, most: number): number | undefined {
  const text = values[name] as string | undefined;
  if (text === undefined) return undefined;
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number <= most) return number;
  throw usage(`--${name} ${text} is not a whole number from ${least} to ${most}.`);
}

export function usage(message: string): Failure {
  return new Failure(exitCode.usage, message);
}
