import { hostname } from "node:os";
import { AssumeRoleCommand, type STSClient } from "@aws-sdk/client-sts";
import { defaultProvider } from "@aws-sdk/credential-provider-node";
import type { AwsCredentialIdentity, AwsCredentialIdentityProvider } from "@smithy/types";
import { AuthError } from "./errors.ts";
import { explain, isPassing } from "./explain.ts";
import { type RefreshOptions, refreshing } from "./refresh.ts";
import { type StsSettings, stsClient } from "./sts.ts";

export interface LakeSettings extends StsSettings, RefreshOptions {
  /** Role to assume; without it, the base credentials are used as they are. */
  readonly roleArn?: string | undefined;
  readonly externalId?: string | undefined;
  /** Seconds that a session lasts, 900 to 43200; 3600 by default. */
  readonly durationSeconds?: number | undefined;
  /** Name of the session, which CloudTrail shows; `threatlockdown-<host>` by default. */
  readonly sessionName?: string | undefined;
  /** Profile of the shared files for the base credentials; without it, the SDK's whole chain. */
  readonly profile?: string | undefined;
  /** Base credentials, instead of the SDK's chain. */
  readonly base?: AwsCredentialIdentityProvider | undefined;
}

const shortestSession = 900;
const longestSession = 43_200;
const defaultSession = 3_600;
const rolePattern = /^arn:(aws[a-z-]*):iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/;
const externalIdPattern = /^[\w+=,.@:/-]{2,1224}$/;
/** A name that STS accepts for a session: product and host, 2 to 64 of `A-Za-z0-9_+=,.@-`. */
export function sessionName(product: string, host: string): string {
  return `${product}-${host}`.replace(/[^\w+=,.@-]/g, "-").slice(0, 64);
}

/**
 * The credentials for the lake's queue and bucket: what the SDK finds by itself or in the profile, and the role assumed
 * with them. One provider is meant to be shared by all clients: it fetches once for all of them, well before the end.
 * Rejects with an AuthError that says in one line who could not do what, and why; what passes by itself (network, server
 * errors) with the SDK's own error.
 * @throws {AuthError} `AUTH_SETTING` when a setting cannot be right
 */
export function lakeCredentials(settings: LakeSettings): AwsCredentialIdentityProvider {
  check(settings);
  const base = refreshing(baseCredentials(settings), settings);
  return settings.roleArn === undefined ? base : refreshing(assumeRole(settings, settings.roleArn, base), settings);
}

function check({ roleArn, externalId, durationSeconds: seconds, sessionName: name }: LakeSettings): void {
  const refuse = (problem: string) => {
    throw new AuthError("AUTH_SETTING", problem);
  };
  if (roleArn !== undefined && !rolePattern.test(roleArn))
    refuse(`"${roleArn}" is no ARN of a role; it has the form arn:aws:iam::123456789012:role/name`);
  if (externalId !== undefined && !externalIdPattern.test(externalId))
    refuse("the external id is not 2 to 1224 of the characters A-Z a-z 0-9 _ + = , . @ : / -");
  if (seconds !== undefined && !(Number.isInteger(seconds) && seconds >= shortestSession && seconds <= longestSession))
    refuse(`a role session of ${seconds} s is not possible; it lasts ${shortestSession} to ${longestSession} s`);
  if (name !== undefined && !/^[\w+=,.@-]{2,64}$/.test(name))
    refuse(`"${name}" is no session name; it has 2 to 64 of the characters A-Z a-z 0-9 _ + = , . @ -`);
}

/** Without one, the chain writes to the console of whoever uses this. */
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function baseCredentials(settings: LakeSettings): () => Promise<AwsCredentialIdentity> {
  const { profile, region, requestHandler } = settings;
  const chain =
    settings.base ??
    defaultProvider({
      ...(profile === undefined ? {} : { profile }),
      logger: silent,
      clientConfig: {
        ...(region === undefined ? {} : { region }),
        ...(requestHandler === undefined ? {} : { requestHandler }),
      },
    });
  return async () => {
    try {
      // The chain has a memory of its own, in which a refresh that fails would not show.
      return await chain({ forceRefresh: true });
    } catch (error) {
      if (isPassing(error)) throw error;
      throw new AuthError("AUTH_BASE", explain(error, { profile }), error);
    }
  };
}

function assumeRole(
  settings: LakeSettings,
  roleArn: string,
  base: AwsCredentialIdentityProvider,
): () => Promise<AwsCredentialIdentity> {
  const { externalId, durationSeconds = defaultSession } = settings;
  const now = settings.now ?? Date.now;
  const [, partition = "aws"] = rolePattern.exec(roleArn) ?? [];
  const { sts, region } = stsClient({ ...settings, partition }, base);
  const command = () =>
    new AssumeRoleCommand({
      RoleArn: roleArn,
      RoleSessionName: settings.sessionName ?? sessionName("threatlockdown", hostname()),
      DurationSeconds: durationSeconds,
      ...(externalId === undefined ? {} : { ExternalId: externalId }),
    });

  return async () => {
    try {
      const { Credentials: given } = await sts.send(command());
      if (given?.AccessKeyId === undefined || given.SecretAccessKey === undefined)
        throw new AuthError("AUTH_ROLE", `sts:AssumeRole on ${roleArn}: STS answered without credentials`);
      return {
        accessKeyId: given.AccessKeyId,
        secretAccessKey: given.SecretAccessKey,
        ...(given.SessionToken === undefined ? {} : { sessionToken: given.SessionToken }),
        ...(given.Expiration === undefined
          ? {}
          : { expiration: onOurClock(given.Expiration, sts, now, durationSeconds) }),
      };
    } catch (error) {
      if (error instanceof AuthError || isPassing(error)) throw error;
      const circumstances = {
        action: "sts:AssumeRole",
        resource: roleArn,
        externalId,
        profile: settings.profile,
        region,
      };
      throw new AuthError("AUTH_ROLE", explain(error, circumstances), error);
    }
  };
}

/**
 * The end of a session on our clock. STS counts by its own, and the client has found out how far that is from this
 * machine's, if by minutes; a session never lasts longer than was asked for.
 */
function onOurClock(expiration: Date, sts: STSClient, now: () => number, durationSeconds: number): Date {
  const offset = sts.config.systemClockOffset;
  const remaining = expiration.getTime() - (offset === 0 ? now() : Date.now() + offset);
  return new Date(now() + Math.min(remaining, durationSeconds * 1000));
}
