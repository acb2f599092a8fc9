/** A refusal as AWS words it. Each service renders it in its own protocol. */
export class AwsError extends Error {
  override readonly name = "AwsError";
  readonly code: string;
  readonly status: number;
  readonly detail: ErrorDetail;

  constructor(status: number, code: string, message: string, detail: ErrorDetail = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.detail = detail;
  }
}

export interface ErrorDetail {
  /** Elements beside code and message in an XML error (S3 adds Key, BucketName, Region and the like). */
  readonly fields?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** What `x-amzn-query-error` names when it differs from the code (SQS). */
  readonly queryCode?: string;
}

/** What this stand-in does not do says so, by name. */
export function notImplemented(what: string): AwsError {
  return new AwsError(501, "NotImplemented", `The local stand-in of AWS does not implement ${what}.`);
}
