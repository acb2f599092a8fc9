import { decodeChunked } from "./aws-chunked.ts";
import { AwsError, notImplemented } from "./aws-error.ts";
import { type AccessKey, anonymous, findEntity, type Identity, type Principal } from "./identity.ts";
import { type HttpRequest, headerOf } from "./request.ts";
import { readSignature, type Signature, sha256, signatureOf, signedAt, timestamp } from "./sigv4.ts";

/** Why a caller is not believed; each service has its own code and words for it. */
export type AuthenticationTrouble =
  | { readonly kind: "unsigned" | "malformed" | "unknown-key" | "wrong-token" | "expired" | "signature" }
  | { readonly kind: "clock"; readonly signedAt: number; readonly now: number; readonly limit: number };

export interface Authenticated {
  readonly caller: Principal;
  readonly accessKeyId: string | undefined;
  readonly region: string | undefined;
  readonly body: Buffer;
  readonly trailers: ReadonlyMap<string, string>;
}

export interface AuthenticateOptions {
  readonly service: string;
  readonly identity: Identity;
  readonly now: number;
  /** ms */
  readonly clockSkew: number;
  readonly distrust: (trouble: AuthenticationTrouble) => AwsError;
}

const noTrailers: ReadonlyMap<string, string> = new Map();

/** @throws AwsError in the service's words */
export function authenticate(request: HttpRequest, options: AuthenticateOptions): Authenticated {
  const { service, identity, now, distrust } = options;
  if (request.query.has("X-Amz-Signature")) throw notImplemented("presigned URLs");
  if (request.headers.authorization === undefined) {
    return { caller: anonymous, accessKeyId: undefined, region: undefined, body: request.body, trailers: noTrailers };
  }
  const signature = readSignature(request);
  if (signature === undefined || signature.service !== service) throw distrust({ kind: "malformed" });
  const key = identity.accessKeys.get(signature.accessKeyId);
  if (key === undefined || !key.active || !stillThere(identity, key)) throw distrust({ kind: "unknown-key" });
  const at = signedAt(request);
  if (!(Math.abs(at - now) <= options.clockSkew)) {
    throw distrust({ kind: "clock", signedAt: at, now, limit: options.clockSkew });
  }
  const payload = payloadHash(request, service);
  if (signatureOf(request, signature, key.secretAccessKey, payload) !== signature.signature) {
    throw distrust({ kind: "signature" });
  }
  // The signature proves that the client has the secret; only then is the session's state told.
  if (headerOf(request, "x-amz-security-token") !== key.sessionToken) throw distrust({ kind: "wrong-token" });
  if (key.expiresAt <= now) throw distrust({ kind: "expired" });
  return {
    caller: key.principal,
    accessKeyId: key.accessKeyId,
    region: signature.region,
    ...readPayload(request, payload, signature, key),
  };
}

/** The user or role behind a key may have been deleted, or made anew under the same name. */
function stillThere(identity: Identity, { principal }: AccessKey): boolean {
  return principal.entity !== undefined && findEntity(identity, principal.entity.arn) === principal.entity;
}

function payloadHash(request: HttpRequest, service: string): string {
  if (service !== "s3") return sha256(request.body);
  const given = headerOf(request, "x-amz-content-sha256");
  if (given === undefined) {
    throw new AwsError(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256");
  }
  return given;
}

function readPayload(request: HttpRequest, given: string, signature: Signature, key: AccessKey) {
  if (given.startsWith("STREAMING-")) return decodeChunked(request, given, signature, key.secretAccessKey);
  if (given !== "UNSIGNED-PAYLOAD" && request.body.length > 0 && sha256(request.body) !== given) {
    throw new AwsError(
      400,
      "XAmzContentSHA256Mismatch",
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
    );
  }
  return { body: request.body, trailers: noTrailers };
}

/** How STS, IAM and SQS word a clock that is off; S3 has a code of its own. */
export function clockMessage({ signedAt, now, limit }: { signedAt: number; now: number; limit: number }): string {
  const minutes = `${Math.round(limit / 60_000)} min.`;
  const at = Number.isNaN(signedAt) ? "an unreadable time" : timestamp(signedAt);
  return signedAt < now
    ? `Signature expired: ${at} is now earlier than ${timestamp(now - limit)} (${timestamp(now)} - ${minutes})`
    : `Signature not yet current: ${at} is still later than ${timestamp(now + limit)} (${timestamp(now)} + ${minutes})`;
}
