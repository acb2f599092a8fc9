export type AuthErrorCode =
  | "AUTH_SETTING" // a setting cannot be right
  | "AUTH_BASE" // no credentials to start from
  | "AUTH_ROLE" // the role was not given
  | "AUTH_REGION"; // no region is known

/**
 * What has to be repaired before AWS can be used. Its name is the one that the SDK gives to credentials that cannot be had:
 * thrown out of a call to a client, it is told by that from a call that AWS refused.
 */
export class AuthError extends Error {
  override name = "CredentialsProviderError";
  readonly code: AuthErrorCode;

  constructor(code: AuthErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
