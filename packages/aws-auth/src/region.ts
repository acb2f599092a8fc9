import { loadConfig, NODE_REGION_CONFIG_FILE_OPTIONS, NODE_REGION_CONFIG_OPTIONS } from "@smithy/core/config";
import { AuthError } from "./errors.ts";

const regionPattern = /^[a-z]{2,3}(?:-[a-z]+)+-\d+$/;
/** Names under which services appear in host names, with their FIPS and dual-stack forms. */
const servicePattern = /^(?:sqs|sts|s3)(?:-fips)?$/;

/** The region that an ARN, a queue URL or an endpoint names; `undefined` where it names none. */
export function regionOf(text: string): string | undefined {
  const given = text.trim();
  if (given.startsWith("arn:")) return regionLike(given.split(":")[3]);
  const url = /^[a-z]+:\/\//i.test(given) ? given : `https://${given}`;
  if (!URL.canParse(url)) return undefined;
  const labels = new URL(url).hostname.split(".");
  // vpce-1a2b.sqs.eu-west-1.vpce.amazonaws.com, sqs-fips.us-east-1.amazonaws.com, s3.dualstack.eu-west-1.amazonaws.com
  const service = labels.findIndex((label) => servicePattern.test(label));
  if (service !== -1) return regionLike(labels[labels[service + 1] === "dualstack" ? service + 2 : service + 1]);
  // eu-west-1.queue.amazonaws.com
  return labels[1] === "queue" ? regionLike(labels[0]) : undefined;
}

function regionLike(text: string | undefined): string | undefined {
  return text !== undefined && regionPattern.test(text) ? text : undefined;
}

export interface RegionSettings {
  /** Name, URL or ARN of the queue. */
  readonly queue?: string | undefined;
  readonly region?: string | undefined;
  readonly profile?: string | undefined;
}

/**
 * The region to work in: the one that is set, the queue's own, else what the SDK finds (`AWS_REGION`, the profile, the
 * instance's metadata).
 * @throws {AuthError} `AUTH_REGION` when none of them has one
 */
export async function findRegion(settings: RegionSettings): Promise<string> {
  const known = settings.region ?? (settings.queue === undefined ? undefined : regionOf(settings.queue));
  if (known !== undefined) return known;
  const { profile } = settings;
  const options = { ...NODE_REGION_CONFIG_FILE_OPTIONS, ...(profile === undefined ? {} : { profile }) };
  const found = await loadConfig(NODE_REGION_CONFIG_OPTIONS, options)().catch((error: unknown) => {
    throw noRegion(profile, error);
  });
  // AWS_REGION may be set to nothing.
  if (found === "") throw noRegion(profile);
  return found;
}

function noRegion(profile: string | undefined, cause?: unknown): AuthError {
  return new AuthError(
    "AUTH_REGION",
    "no AWS region is known: give the queue by its URL or ARN, set AWS_REGION, " +
      `or set "region" in the profile${profile === undefined ? "" : ` ${profile}`} of ~/.aws/config`,
    cause,
  );
}
