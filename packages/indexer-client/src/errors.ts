export type IndexerErrorCode =
  | "INDEXER_DENIED" // 401 or 403; the message names the user and the missing permission as the indexer does
  | "INDEXER_UNTRUSTED" // TLS failed (certificate, authority, host name, protocol); the message is TLS's own
  | "INDEXER_CLOSED" // the writer was closed
  | "INDEXER_DEAD_LETTER" // a document that was refused could not be kept either
  | "INDEXER_SETUP" // the indexer did not take what setup installs
  | "INDEXER_SETTINGS"; // an address, or a file of certificates or credentials, cannot be used

/** What a person has to mend; trying again would change nothing. Rejects every write that is open. */
export class IndexerError extends Error {
  override readonly name = "IndexerError";
  readonly code: IndexerErrorCode;
  /** Of HTTP, or of one document in an answer; absent where none came. */
  readonly status: number | undefined;

  constructor(
    code: IndexerErrorCode,
    message: string,
    about: { readonly status?: number | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, about.cause === undefined ? undefined : { cause: about.cause });
    this.code = code;
    this.status = about.status;
  }
}
