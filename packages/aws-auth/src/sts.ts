import { GetCallerIdentityCommand, STSClient, type STSClientConfig } from "@aws-sdk/client-sts";
import type { AwsCredentialIdentityProvider } from "@smithy/types";
import { endpointUrl } from "./endpoints.ts";
import { AuthError } from "./errors.ts";
import { explain, isPassing } from "./explain.ts";
import { regionOf } from "./region.ts";

/** Where and how STS is asked. */
export interface StsSettings {
  /** Host or URL of STS. */
  readonly stsEndpoint?: string | undefined;
  /** Region of STS, as a rule the queue's. */
  readonly region?: string | undefined;
  /** How requests are sent, for proxies and time-outs. */
  readonly requestHandler?: STSClientConfig["requestHandler"] | undefined;
  /** Of the client, as the SDK has them. */
  readonly extensions?: STSClientConfig["extensions"] | undefined;
}

/** Where STS is asked when no region is known; any of the partition will do. */
const anyRegion: Readonly<Record<string, string>> = {
  aws: "us-east-1",
  "aws-cn": "cn-north-1",
  "aws-us-gov": "us-gov-west-1",
};

export function stsClient(
  settings: StsSettings & { readonly partition?: string },
  credentials: AwsCredentialIdentityProvider,
): { readonly sts: STSClient; readonly region: string } {
  const { stsEndpoint, requestHandler, extensions, partition = "aws" } = settings;
  const endpoint = stsEndpoint === undefined ? undefined : endpointUrl(stsEndpoint);
  const region = settings.region ?? (endpoint && regionOf(endpoint)) ?? anyRegion[partition] ?? "us-east-1";
  const sts = new STSClient({
    region,
    credentials,
    // Without one the SDK looks at AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL and the profile.
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(requestHandler === undefined ? {} : { requestHandler }),
    ...(extensions === undefined ? {} : { extensions }),
  });
  return { sts, region };
}

export interface Caller {
  readonly arn: string;
  readonly account: string;
}

/**
 * Whose the credentials are. Every caller may ask that.
 * @throws {AuthError} when they are not accepted; an error that passes is the SDK's own
 */
export async function findCaller(
  credentials: AwsCredentialIdentityProvider,
  settings: StsSettings = {},
): Promise<Caller> {
  const { sts, region } = stsClient(settings, credentials);
  try {
    const { Arn: arn = "", Account: account = "" } = await sts.send(new GetCallerIdentityCommand({}));
    return { arn, account };
  } catch (error) {
    if (error instanceof AuthError || isPassing(error)) throw error;
    throw new AuthError("AUTH_BASE", explain(error, { action: "sts:GetCallerIdentity", region }), error);
  } finally {
    sts.destroy();
  }
}
