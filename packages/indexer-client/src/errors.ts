/** What a writer stops for: each `code` needs a person to change a setting, so trying again would change nothing. */
export type IndexerErrorCode = "denied" | "untrusted" | "closed" | "dead-letter";

/**
 * Rejects every write that is open when the indexer cannot be used.
 * - `denied`: 401 or 403; the message names the user and the missing permission as the indexer does.
 * - `untrusted`: TLS failed (certificate, authority, host name, protocol); the message is TLS's own.
 * - `closed`: the writer was closed or stopped.
 * - `dead-letter`: a document that was refused could not be kept either.
 */
export class IndexerError extends Error {
  override readonly name = "IndexerError";
  readonly code: IndexerErrorCode;

  constructor(code: IndexerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
