export type IndexerErrorCode = "denied" | "untrusted" | "closed" | "dead-letter" | "setup";

/**
 * What a person has to mend; trying again would change nothing. Rejects every write that is open.
 * - `denied`: 401 or 403; the message names the user and the missing permission as the indexer does.
 * - `untrusted`: TLS failed (certificate, authority, host name, protocol); the message is TLS's own.
 * - `closed`: the writer was closed or stopped.
 * - `dead-letter`: a document that was refused could not be kept either.
 * - `setup`: the indexer did not take what setup installs.
 */
export class IndexerError extends Error {
  override readonly name = "IndexerError";
  readonly code: IndexerErrorCode;

  constructor(code: IndexerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
