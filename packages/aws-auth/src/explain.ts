import { AuthError } from "./errors.ts";

/** What is known about a call beside its error. */
export interface Circumstances {
  /** As IAM writes it: `sts:AssumeRole`. */
  readonly action?: string | undefined;
  /** ARN, URL or name of what the call was about. */
  readonly resource?: string | undefined;
  /** ARN of the caller, where it is known. */
  readonly caller?: string | undefined;
  readonly profile?: string | undefined;
  /** The external id that was sent. Only whether there was one is told. */
  readonly externalId?: string | undefined;
  readonly region?: string | undefined;
  /** Values that must not appear. */
  readonly secrets?: readonly string[] | undefined;
}

interface Facts extends Circumstances {
  readonly name: string;
  /** What AWS or Node says, on one line. */
  readonly said: string;
  /** The part of a refusal in which AWS says why. */
  readonly reason: string | undefined;
  readonly status: number | undefined;
}

interface Row {
  readonly when: (facts: Facts) => boolean;
  /** The likely causes, the most likely first. */
  readonly causes: (facts: Facts) => readonly string[];
}

const named =
  (...names: readonly string[]) =>
  ({ name }: Facts) =>
    names.includes(name);
const deniedNames = ["AccessDenied", "AccessDeniedException", "Forbidden", "UnauthorizedOperation"];
const denied = (service: string) => (facts: Facts) =>
  deniedNames.includes(facts.name) && facts.action?.toLowerCase().startsWith(`${service}:`) === true;

/** Where AWS says which policy is to blame, the other causes are not guessed. */
function byReason({ reason, action = "the action" }: Facts): readonly string[] | undefined {
  if (reason === undefined) return undefined;
  const [, forbidding] = /explicit deny in an? ([\w -]*(?:policy|boundary))/i.exec(reason) ?? [];
  if (forbidding !== undefined) return [`a statement with Effect Deny in a ${forbidding} forbids ${action}`];
  if (/no identity-based policy/i.test(reason))
    return [`no policy of this user or role allows ${action}; add a statement that does`];
  if (/no resource-based policy/i.test(reason)) return ["the policy of the resource does not name this principal"];
  if (/no session policy/i.test(reason)) return [`the session policy does not allow ${action}`];
  if (/permissions boundary/i.test(reason)) return [`the permissions boundary does not allow ${action}`];
  if (/no role trust policy/i.test(reason)) return ["the trust policy of the role does not allow this principal"];
  if (/no VPC endpoint policy/i.test(reason))
    return [`the policy of the VPC endpoint that the request went through does not allow ${action}`];
  if (/service control policy|resource control policy/i.test(reason))
    return [`a policy of the AWS organization does not allow ${action}`];
  return undefined;
}

/** OpenSSL's words for an answer that is no TLS. */
const noTls = /wrong version number|packet length too long/;
const tlsCode = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|^ERR_TLS|^ERR_SSL|^EPROTO/;
const clock = "the clock of this machine is wrong; synchronize it (chrony, ntpd)";

/** By what STS says of a token of a web identity. */
const webIdentityCauses: readonly (readonly [said: RegExp, causes: readonly string[]])[] = [
  [/no openidconnect provider/i, ["the account of the role has no identity provider for this issuer; add it in IAM"]],
  [/audience/i, ["the identity provider in IAM does not list the audience of the token; add it there"]],
  [/verification key/i, ["STS cannot reach the keys of the issuer, or the token is not signed by one of them"]],
  [/not a valid JWT/i, ["the file of AWS_WEB_IDENTITY_TOKEN_FILE holds no token of an identity provider"]],
];

/** What errors of AWS and of the way there mean; the first row that fits. */
const table: readonly Row[] = [
  {
    when: denied("sts"),
    causes: (facts) =>
      byReason(facts) ?? [
        facts.externalId === undefined
          ? "the trust policy of the role asks for an external id (sts:ExternalId) and none is set"
          : "the external id is not the one in the trust policy of the role (sts:ExternalId)",
        "the trust policy of the role does not name this principal",
        "no policy of this user or role allows sts:AssumeRole on the role",
        "there is no such role: AWS does not tell",
      ],
  },
  {
    when: ({ name, said }) => deniedNames.includes(name) && /sts:AssumeRoleWithWebIdentity/.test(said),
    causes: () => [
      "the trust policy of the role does not allow the token of this pod: compare its provider, audience and subject",
      "there is no such role: AWS does not tell",
    ],
  },
  {
    when: named("InvalidIdentityToken", "InvalidIdentityTokenException"),
    causes: ({ said }) => webIdentityCauses.find(([pattern]) => pattern.test(said))?.[1] ?? [],
  },
  {
    when: ({ said }) => /^Token (?:expired|too old)\b/i.test(said),
    causes: () => ["the file of AWS_WEB_IDENTITY_TOKEN_FILE is not renewed any more", clock],
  },
  {
    when: ({ said }) => /role chaining/i.test(said),
    causes: () => [
      "the credentials to start from are those of a role, and from role to role a session lasts one hour at most; set iam_role_duration to 3600 or less",
    ],
  },
  {
    when: ({ said }) => /MaxSessionDuration/i.test(said),
    causes: () => [
      "the role allows shorter sessions only; set a shorter iam_role_duration or raise the role's maximum session duration",
    ],
  },
  {
    when: named("RegionDisabledException"),
    causes: () => ["STS is not active in this region for the account; activate it or use another region"],
  },
  {
    when: named("RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture"),
    causes: () => [clock],
  },
  {
    when: (facts) =>
      named("SignatureDoesNotMatch", "InvalidSignatureException")(facts) &&
      /expired|not yet current|earlier than|later than/i.test(facts.said),
    causes: () => [clock],
  },
  {
    when: named("SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "AuthFailure"),
    causes: () => ["the secret access key does not belong to the access key id", clock, "a proxy changes the requests"],
  },
  {
    when: named(
      "InvalidClientTokenId",
      "UnrecognizedClientException",
      "InvalidAccessKeyId",
      "InvalidSecurity",
      "InvalidToken",
    ),
    causes: () => [
      "the access key does not exist or is inactive",
      "temporary keys are used without their session token, or with an old one",
      "the key belongs to another partition (aws, aws-cn, aws-us-gov) than the region",
    ],
  },
  {
    when: named("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"),
    causes: ({ profile }) => [
      `temporary credentials have expired and cannot be renewed from here; ${profile === undefined ? "give new ones" : `renew those of profile ${profile}`}, or use keys that last or a role of the instance`,
    ],
  },
  {
    when: ({ name, said }) => /SSO|TokenProvider/i.test(`${name} ${said}`) && /expired|invalid|login/i.test(said),
    causes: ({ profile }) => [
      `the SSO session is over; run "aws sso login${profile === undefined ? "" : ` --profile ${profile}`}"`,
    ],
  },
  {
    when: (facts) => named("CredentialsProviderError", "ProviderError")(facts) && facts.profile !== undefined,
    causes: ({ profile }) => [
      `there is no profile ${profile} with credentials in ~/.aws/credentials or ~/.aws/config of the user that runs this`,
      "the profile names a source_profile, process or token file that cannot be read",
    ],
  },
  {
    when: named("CredentialsProviderError", "ProviderError"),
    causes: () => [
      "no credentials are set: put them into ~/.aws/credentials of the user that runs this (root: /root/.aws/credentials), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the instance or container a role",
    ],
  },
  {
    when: ({ said }) => /^region is missing/i.test(said),
    causes: () => ['no region is set: give the queue by URL or ARN, set AWS_REGION, or "region" in ~/.aws/config'],
  },
  {
    when: named("QueueDoesNotExist", "NonExistentQueue"),
    causes: ({ region }) => [
      `there is no queue of this name in ${region === undefined ? "this region" : `region ${region}`} and the caller's account; give its URL or ARN`,
      "the caller may not see it: AWS then gives the same answer",
    ],
  },
  {
    when: (facts) => deniedNames.includes(facts.name) && /kms:|\bKMS\b/i.test(`${facts.action} ${facts.said}`),
    causes: (facts) =>
      byReason(facts) ?? [
        "the policy of the KMS key does not name this principal",
        "no policy of this role allows kms:Decrypt on the key",
      ],
  },
  {
    when: ({ name }) => /^KMS(?!Throttl)/i.test(name),
    causes: () => ["the KMS key is disabled, deleted or not allowed for this principal; look at its state and policy"],
  },
  {
    when: denied("sqs"),
    causes: (facts) =>
      byReason(facts) ?? [
        `no policy of this role allows ${facts.action} on the queue`,
        "the queue is another one, or in another account, than the role is meant for",
        "the policy of the queue or of its KMS key does not name this principal",
      ],
  },
  {
    when: denied("s3"),
    causes: (facts) =>
      byReason(facts) ?? [
        "the object does not exist: without s3:ListBucket AWS does not tell",
        `no policy of this role allows ${facts.action} on the object`,
        "the bucket's policy or the KMS key of the object does not allow this principal",
      ],
  },
  {
    when: named(...deniedNames),
    causes: (facts) => byReason(facts) ?? [`no policy of this principal allows ${facts.action ?? "the call"}`],
  },
  { when: named("NoSuchBucket"), causes: () => ["the bucket does not exist, or has been deleted"] },
  {
    when: named("NoSuchKey", "NotFound"),
    causes: () => ["the object has been deleted, or the announcement names another one"],
  },
  {
    when: named("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"),
    causes: () => ["the bucket is in another region than the client"],
  },
  {
    when: named("InvalidObjectState"),
    causes: () => ["the object is archived; restore it, or change the lifecycle rule that archives objects so early"],
  },
  {
    when: ({ name }) => /Throttl|^SlowDown$|^TooManyRequests|^RequestLimitExceeded$|^OverLimit$/.test(name),
    causes: () => ["AWS has had too many requests of this account; it passes"],
  },
  {
    when: named("ENOTFOUND", "EAI_AGAIN"),
    causes: () => [
      "the name of the endpoint is wrong",
      "the DNS of this machine does not know it",
      "a proxy is needed",
    ],
  },
  {
    when: named("ECONNREFUSED"),
    causes: () => ["nothing listens at the endpoint", "a firewall refuses the connection", "the proxy is down"],
  },
  {
    when: ({ said }) => /source of the AWS credentials did not answer/.test(said),
    causes: () => [
      "the metadata service of the instance or container is not reachable from here",
      "STS is not reachable: network, proxy, or sts_endpoint",
      "the credential_process of the profile does not end",
    ],
  },
  {
    when: named("ETIMEDOUT", "TimeoutError", "EHOSTUNREACH", "ENETUNREACH", "ECONNRESET", "EPIPE"),
    causes: () => [
      "there is no way to the endpoint: network, firewall, or the security group of the VPC endpoint",
      "a proxy is needed",
    ],
  },
  {
    when: ({ said }) => noTls.test(said),
    causes: () => ["the endpoint's URL says https, and what listens there speaks http"],
  },
  {
    when: ({ name }) => tlsCode.test(name),
    causes: () => [
      "a proxy answers with its own certificate; name its CA in NODE_EXTRA_CA_CERTS",
      "the name of the endpoint is not in its certificate",
    ],
  },
  {
    when: ({ status }) => status !== undefined && status >= 500,
    causes: () => ["the service has a problem; it passes"],
  },
];

/**
 * An error of AWS, or of the way there, as one line: what was to be done, on what, by whom, what AWS says, and what is
 * likely the cause. Where AWS hides the cause, the possible ones are listed, the most likely first. Never a secret.
 */
export function explain(error: unknown, circumstances: Circumstances = {}): string {
  const explained = chain(error).find((link) => link instanceof AuthError);
  if (explained !== undefined) return (explained as AuthError).message;
  const facts = factsOf(error, circumstances);
  const causes = outer(error).causes ?? table.find((row) => row.when(facts))?.causes(facts) ?? [];
  const subject = [
    facts.action,
    facts.resource === undefined ? undefined : `on ${facts.resource}`,
    facts.caller === undefined ? undefined : `as ${facts.caller}`,
  ].filter((part) => part !== undefined);
  const likely =
    causes.length < 2
      ? causes.map((cause) => `; likely cause: ${cause}`).join("")
      : `; likely causes, in this order: ${causes.map((cause, place) => `(${place + 1}) ${cause}`).join("; ")}`;
  const said = facts.said === facts.name ? facts.name : `${facts.name}: ${facts.said}`;
  return `${subject.join(" ")}${subject.length === 0 ? "" : ": "}${said}${likely}`;
}

const passing: ReadonlySet<string> = new Set([
  ...["ECONNRESET", "ECONNREFUSED", "ECONNABORTED", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH"],
  ...["ENETUNREACH", "TimeoutError", "RequestTimeout", "RequestTimeoutException", "Throttling", "ThrottlingException"],
  ...["RequestThrottled", "TooManyRequestsException", "SlowDown"],
]);

/** Whether the same call may succeed later with nothing changed. */
export function isPassing(error: unknown): boolean {
  const { name, status } = factsOf(error, {});
  return (status !== undefined && status >= 500) || passing.has(name);
}

/** Whether no answer of AWS came at all: what stands in the way is the network's, or TLS's. */
export function isUnanswered(error: unknown): boolean {
  const { name, said, status } = factsOf(error, {});
  return status === undefined && (passing.has(name) || tlsCode.test(name) || noTls.test(said));
}

/** AWS: `User: <arn> is not authorized to perform: <action> on resource: <arn> because …` or `… with an explicit deny in …` */
const refusal =
  /User: (\S+) is not authorized to perform: ([\w-]+:[\w*]+)(?: on resource: ("?[^\s"]+"?))?(?:[, ]*\b((?:because|with an explicit deny)\b.*))?/;

function factsOf(error: unknown, circumstances: Circumstances): Facts {
  const origin = originOf(error);
  const message = withoutSecrets(oneLine(origin.message ?? String(error)), circumstances);
  const [, caller, action, resource, reason] = refusal.exec(message) ?? [];
  const name = nameOf(origin);
  return {
    ...circumstances,
    name,
    said: caller === undefined ? message || name : (reason ?? "not authorized"),
    reason,
    status: origin.$metadata?.httpStatusCode,
    caller: circumstances.caller ?? caller,
    action: circumstances.action ?? text(outer(error).action) ?? action,
    resource:
      circumstances.resource ??
      text(outer(error).queue) ??
      text(outer(error).resource) ??
      resource?.replaceAll('"', ""),
  };
}

interface ErrorLike {
  readonly name?: string;
  readonly message?: string;
  readonly code?: unknown;
  readonly cause?: unknown;
  readonly errors?: readonly unknown[];
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly action?: unknown;
  readonly queue?: unknown;
  readonly resource?: unknown;
  /** Likely causes by whoever knows more of the call than its answer tells. */
  readonly causes?: readonly string[];
}

const outer = (error: unknown): ErrorLike => (typeof error === "object" && error !== null ? (error as ErrorLike) : {});
const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/** The error and what it wraps, the outermost first. */
function chain(error: unknown): readonly unknown[] {
  const links: unknown[] = [];
  for (let link = error; link !== undefined && link !== null && links.length < 10; ) {
    links.push(link);
    const { cause, errors } = outer(link);
    link = cause ?? errors?.[0];
  }
  return links;
}

/** What AWS or Node said before others wrapped it. */
function originOf(error: unknown): ErrorLike {
  return outer(chain(error).at(-1));
}

/** AWS names errors, the older protocol with a namespace; Node gives codes. */
function nameOf({ name = "Error", code }: ErrorLike): string {
  if (name === "Error" || name === "AggregateError" || name === "TypeError") return text(code) ?? name;
  return name.slice(Math.max(name.lastIndexOf("."), name.lastIndexOf("#")) + 1);
}

const longest = 400;

function oneLine(message: string): string {
  const line = message.split(/\r?\n/, 1)[0]?.replace(/\s+/g, " ").trim() ?? "";
  return line.length > longest ? `${line.slice(0, longest)}…` : line;
}

/** What AWS says can repeat what it was sent. */
function withoutSecrets(said: string, { externalId, secrets = [] }: Circumstances): string {
  const safe = said
    .replace(/\b(A[KS]IA)[A-Z0-9]{12}([A-Z0-9]{4})\b/g, "$1…$2")
    .replace(/\b(X-Amz-(?:Signature|Security-Token|Credential)=)[^&\s]+/gi, "$1…")
    // Secret keys have 40 characters, tokens hundreds.
    .replace(/(?<![\w/+=:.-])[A-Za-z0-9/+]{40}(?![\w/+=:.-])/g, "…")
    .replace(/[A-Za-z0-9/+=_-]{100,}/g, "…");
  return [externalId, ...secrets]
    .filter((secret) => secret !== undefined && secret !== "")
    .reduce<string>((text, secret) => text.replaceAll(secret as string, "…"), safe);
}
