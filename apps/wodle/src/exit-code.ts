/**
 * Exit codes of the stock `aws-s3` module, where it has one for the case.
 * Source: behaviour of Wazuh 4.9 to 4.14, whose documents call them the errors of the AWS integration.
 */
export const exitCode = {
  ok: 0,
  unknown: 1,
  /** Wrong arguments, or ended by SIGINT before the work was done. */
  usage: 2,
  /** AWS refused the credentials, or there are none. */
  credentials: 3,
  /** The indexer cannot be reached or refuses its user; the stock module uses it for the Wazuh queue. */
  unreachable: 11,
  /** `ossec.conf` cannot be used. */
  configuration: 12,
  queueNotFound: 20,
  queue: 21,
  region: 22,
} as const;

/** An end of the run that the user must be told of: one line with subject, cause and fix, and the exit code. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly exitCode: number;

  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = code;
  }
}
