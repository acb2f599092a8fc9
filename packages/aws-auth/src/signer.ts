import { lakeCredentials } from "./credentials.ts";
import { findRegion } from "./region.ts";
import type { StsSettings } from "./sts.ts";

export interface SignerSettings extends Pick<StsSettings, "requestHandler"> {
  /** URLs of a service whose requests are signed. */
  readonly hosts: readonly string[];
  readonly region?: string | undefined;
  readonly profile?: string | undefined;
  readonly roleArn?: string | undefined;
}

export interface Signer {
  readonly region: string;
  readonly credentials: ReturnType<typeof lakeCredentials>;
}

const regionLabel = /^[a-z]{2,3}(-[a-z]+)+-\d+$/;

/**
 * Who signs requests to these hosts, and for which Region: the one that is set, the one in a host's name, else what the
 * SDK finds. The credentials are the profile's or the role's own, never the lake's.
 * @throws {AuthError} `AUTH_REGION` when none of them has a Region
 */
export async function findSigner(settings: SignerSettings): Promise<Signer> {
  const { hosts, profile, roleArn, region: given, requestHandler } = settings;
  const labels = hosts.flatMap((host) => new URL(host).hostname.split("."));
  const region = given ?? labels.find((label) => regionLabel.test(label)) ?? (await findRegion({ profile }));
  return { region, credentials: lakeCredentials({ profile, roleArn, region, requestHandler }) };
}
