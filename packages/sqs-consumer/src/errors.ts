/** Thrown by a handler: this message can never succeed. It goes to the quarantine, or is left to the queue's redrive policy. */
export class Poison extends Error {
  override name = "Poison";
}

/** Thrown by a handler: no message can succeed before somebody repairs something. The run ends, all messages go back, `consume` rejects with it. */
export class Fatal extends Error {
  override name = "Fatal";
}

export type QueueErrorCode =
  | "QUEUE_NAME" // what was given is no name, URL or ARN of a queue
  | "QUEUE_FIFO" // FIFO queues are not consumed
  | "QUEUE_MISSING" // the queue does not exist, or AWS does not say
  | "QUEUE_DENIED" // a permission is missing, of IAM or of the queue's key
  | "QUEUE_CREDENTIALS" // no credentials, or AWS does not accept them
  | "QUEUE_UNREACHABLE" // no usable answer for as long as it is worth asking
  | "QUEUE_REQUEST"; // AWS refuses the request

/** What stands between the consumer and its queue until somebody repairs it; `cause` is the error of the SDK. */
export class QueueError extends Error {
  override name = "QueueError";
  readonly code: QueueErrorCode;
  /** As IAM writes it, such as `sqs:ReceiveMessage`; absent where no call was made. */
  readonly action: string | undefined;
  /** Name, URL or ARN as it was given or found out. */
  readonly queue: string;

  constructor(
    code: QueueErrorCode,
    queue: string,
    problem: string,
    about: { readonly action?: string; readonly cause?: unknown } = {},
  ) {
    super(
      `${about.action === undefined ? "" : `${about.action} on `}queue ${queue}: ${problem}`,
      about.cause === undefined ? undefined : { cause: about.cause },
    );
    this.code = code;
    this.queue = queue;
    this.action = about.action;
  }
}

/**
 * What an error of SQS means to a consumer.
 * - `retry`: the same call may succeed later
 * - `stale`: the receipt handle holds the message no longer
 * - `spent`: the message has been held for the 12 hours that SQS allows
 * - the others stand until somebody repairs something
 */
export type Meaning = "retry" | "stale" | "spent" | "expired" | "denied" | "missing" | "credentials" | "refused";

const meanings: Readonly<Record<string, Meaning>> = {
  ReceiptHandleIsInvalid: "stale",
  MessageNotInflight: "stale",
  AccessDenied: "denied",
  AccessDeniedException: "denied",
  KmsAccessDenied: "denied",
  KmsDisabled: "denied",
  KmsNotFound: "denied",
  KmsInvalidState: "denied",
  KmsInvalidKeyUsage: "denied",
  KmsOptInRequired: "denied",
  QueueDoesNotExist: "missing",
  NonExistentQueue: "missing",
  InvalidAddress: "missing",
  CredentialsProviderError: "credentials",
  InvalidClientTokenId: "credentials",
  UnrecognizedClientException: "credentials",
  InvalidSecurity: "credentials",
  SignatureDoesNotMatch: "credentials",
  InvalidSignatureException: "credentials",
  ExpiredToken: "expired",
  ExpiredTokenException: "expired",
  RequestExpired: "expired",
  // Too many messages in flight in the whole queue: room comes as others settle theirs.
  OverLimit: "retry",
  KmsThrottled: "retry",
  RequestThrottled: "retry",
  RequestLimitExceeded: "retry",
  Throttling: "retry",
  ThrottlingException: "retry",
  ThrottledException: "retry",
  TooManyRequestsException: "retry",
  RequestTimeout: "retry",
  TimeoutError: "retry",
  InternalError: "retry",
  InternalFailure: "retry",
  ServiceUnavailable: "retry",
};

/** The error's name as AWS knows it, without the namespace that the older protocol puts before it. */
export function errorName(error: unknown): string {
  const name = error instanceof Error ? error.name : String(error);
  return name.slice(Math.max(name.lastIndexOf("."), name.lastIndexOf("#")) + 1);
}

export function meaning(error: unknown): Meaning {
  const name = errorName(error);
  const known = meanings[name];
  if (known !== undefined) return known;
  if (name === "InvalidParameterValue" || name === "InvalidParameterValueException") return ofParameter(String(error));
  // A fault of the client that is not in the table will not go away by itself; all else (5xx, network, a cut answer) may.
  const fault = error as { readonly $fault?: unknown; readonly $metadata?: { readonly httpStatusCode?: number } };
  const status = fault.$metadata?.httpStatusCode ?? 0;
  if (status === 401 || status === 403) return "denied";
  return fault.$fault === "client" && status < 500 && status !== 429 ? "refused" : "retry";
}

/** SQS reports a handle that ran out, and a lease at its limit, as a bad parameter; only the text tells them apart. */
function ofParameter(text: string): Meaning {
  if (/beyond the limit/i.test(text)) return "spent";
  return /receipt ?handle|expired|not available for visibility/i.test(text) ? "stale" : "refused";
}

const codes: Readonly<Partial<Record<Meaning, QueueErrorCode>>> = {
  denied: "QUEUE_DENIED",
  missing: "QUEUE_MISSING",
  credentials: "QUEUE_CREDENTIALS",
  expired: "QUEUE_CREDENTIALS",
  retry: "QUEUE_UNREACHABLE",
};

const fixes: Readonly<Partial<Record<QueueErrorCode, string>>> = {
  QUEUE_MISSING:
    "check name, account and region of the queue; AWS gives the same answer where the caller may not see it",
  QUEUE_DENIED: "allow the action for this principal in its policy, the queue's policy and the key's policy",
  QUEUE_CREDENTIALS: "check the credentials and the clock of this machine",
  QUEUE_UNREACHABLE: "check network, proxy and endpoint",
};

/** The error of a call to SQS as a user reads it: action, queue, what AWS says (it names the principal), what to do. */
export function queueError(queue: string, action: string, cause: unknown): QueueError {
  const code = codes[meaning(cause)] ?? "QUEUE_REQUEST";
  const name = errorName(cause);
  // What follows the first line of a signature error is the request itself, with its security token.
  const [said] = (cause instanceof Error ? cause.message || name : String(cause)).split("\n", 1) as [string];
  // Credentials that cannot be had are not SQS's word; whoever provides them has said what to do.
  if (name === "CredentialsProviderError") return new QueueError(code, queue, said, { action, cause });
  const fix = fixes[code];
  return new QueueError(code, queue, `${name}: ${said}${fix === undefined ? "" : ` (${fix})`}`, { action, cause });
}
