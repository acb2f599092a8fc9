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
  /** `ossec.conf` cannot be used, or a file that it or an option names: certificates, credentials, dead letters. */
  configuration: 12,
  queueNotFound: 20,
  queue: 21,
  region: 22,
} as const;

/** For help: what each code says, on lines that fit a terminal. */
const meanings: Readonly<Record<keyof typeof exitCode, string>> = {
  ok: `nothing failed. What can never succeed is kept with its reason, events as dead letters and messages quarantined,
      and messages that failed for now wait in the queue again: neither is a failure; WARNING lines and the summary
      tell of them`,
  unknown: "an error of the program itself, or standard output cannot be written",
  usage: "wrong arguments, or ended by SIGINT before the work was done",
  credentials: "AWS credentials: there are none, they are refused, or the role may not be assumed",
  unreachable: "the indexer, or the manager's engine, cannot be reached, refuses its user, or is not set up",
  configuration: `ossec.conf, or a file that it or an option names, cannot be used: certificates, credentials, or the dead
      letter of the --state folder, without which nothing is deleted`,
  queueNotFound: "the queue does not exist, or may not be looked up",
  queue: "the queue refuses a call",
  region: "no AWS Region is known",
};

export const exitCodeHelp: string = `Exit codes, those of the stock aws-s3 module where it has one for the case:
${Object.entries(meanings)
  .map(([name, meaning]) => `  ${String(exitCode[name as keyof typeof exitCode]).padEnd(4)}${meaning}\n`)
  .join("")}`;

/** An end of the run that the user must be told of: one line with subject, cause and fix, and the exit code. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly exitCode: number;

  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = code;
  }
}
