export type AnalysisdErrorCode =
  | "NO_DATAGRAMS" // this runtime cannot open a unix datagram socket
  | "QUEUE_MISSING" // there is no socket at the path
  | "QUEUE_REFUSED" // nobody listens behind the socket
  | "QUEUE_DENIED" // this user may not write to it
  | "QUEUE_FULL" // the engine has not taken anything for as long as it is worth waiting
  | "QUEUE_FAILED" // any other error of the system
  | "EVENT_TOO_LARGE" // longer than the engine reads
  | "EVENT_UNREADABLE" // no JSON object
  | "EVENTS_DROPPED" // the engine took events and threw them away
  | "STATS_UNAVAILABLE"; // the engine does not say how full its queues are

/** What stands between an event and the analysis engine; the message names the path, the numbers and the fix. */
export class AnalysisdError extends Error {
  override readonly name = "AnalysisdError";
  readonly code: AnalysisdErrorCode;

  constructor(code: AnalysisdErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
