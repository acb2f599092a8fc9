export type OpenSearchErrorCode =
  | "NO_JAVA"
  | "DOWNLOAD_FAILED"
  | "CHECKSUM_MISMATCH"
  | "BAD_ARCHIVE"
  | "START_FAILED"
  | "REQUEST_FAILED";

/** Whatever keeps a server from running. The message is one line: subject, cause, fix. */
export class OpenSearchError extends Error {
  override readonly name = "OpenSearchError";
  readonly code: OpenSearchErrorCode;

  constructor(code: OpenSearchErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
