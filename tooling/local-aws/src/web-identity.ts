import { generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { AwsError } from "./aws-error.ts";
import type { Account } from "./identity.ts";

/** An issuer of tokens that an account trusts, as pods of EKS have one. */
export interface OidcProvider {
  /** arn:aws:iam::ACCOUNT:oidc-provider/HOST/PATH */
  readonly arn: string;
  /** https://HOST/PATH, the `iss` of its tokens. */
  readonly issuer: string;
  /** Of which a token has to name one in `aud`. */
  readonly audiences: readonly string[];
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export type Claims = Readonly<Record<string, unknown>>;

export interface WebIdentity {
  readonly provider: OidcProvider;
  readonly subject: string;
  readonly audience: string;
}

/** Made twice, the second has another key: tokens of the first are no longer believed. */
export function addOidcProvider(account: Account, issuer: string, audiences: readonly string[]): OidcProvider {
  const arn = `arn:${account.partition}:iam::${account.id}:oidc-provider/${issuer.replace(/^https:\/\//, "")}`;
  const provider = { arn, issuer, audiences, ...generateKeyPairSync("ec", { namedCurve: "P-256" }) };
  account.oidcProviders.set(issuer, provider);
  return provider;
}

const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");

/** A JSON Web Token with ES256. Source: RFC 7515 and RFC 7518, section 3.4. */
export function signToken({ privateKey }: OidcProvider, claims: Claims): string {
  const signed = `${encoded({ alg: "ES256", typ: "JWT" })}.${encoded(claims)}`;
  const signature = sign("sha256", Buffer.from(signed), { key: privateKey, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}

const invalid = (message: string): AwsError => new AwsError(400, "InvalidIdentityToken", message);

/**
 * Whom a token is about, in the eyes of the account whose role it is to open.
 *
 * @throws AwsError as STS words it
 */
export function readToken(account: Account | undefined, token: string, now: number): WebIdentity {
  const claims = claimsOf(token);
  const { iss: issuer, sub: subject, aud, azp, exp } = claims;
  const provider = account?.oidcProviders.get(String(issuer));
  if (provider === undefined) throw invalid(`No OpenIDConnect provider found in your account for ${issuer}`);
  const end = token.lastIndexOf(".");
  const signature = Buffer.from(token.slice(end + 1), "base64url");
  const key = { key: provider.publicKey, dsaEncoding: "ieee-p1363" } as const;
  if (!verify("sha256", Buffer.from(token.slice(0, end)), key, signature)) {
    throw invalid(
      "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements",
    );
  }
  const seconds = Math.floor(now / 1000);
  if (!(Number(exp) > seconds)) {
    throw new AwsError(
      400,
      "ExpiredTokenException",
      `Token expired: current date/time ${seconds} must be before the expiration date/time ${exp}`,
    );
  }
  const audience = [azp ?? aud]
    .flat()
    .map(String)
    .find((name) => provider.audiences.includes(name));
  if (audience === undefined) throw invalid("Incorrect token audience");
  return { provider, subject: String(subject), audience };
}

function claimsOf(token: string): Claims {
  const [, payload, signature, ...more] = token.split(".");
  try {
    if (payload === undefined || signature === undefined || more.length > 0) throw new Error("three parts");
    return JSON.parse(Buffer.from(payload, "base64url").toString()) as Claims;
  } catch {
    throw invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)");
  }
}
