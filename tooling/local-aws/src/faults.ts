export type ServiceName = "sqs" | "s3" | "sts" | "iam" | "events" | "kms" | "organizations" | "monitoring";

/** What goes wrong. Several can be combined: a latency with anything, a truncated body with a stale object. */
export interface Effect {
  /** ms before the call is worked on; Infinity: it is never answered. */
  readonly latency?: number;
  /** The call is refused with this code instead of being worked on, before anything else is looked at. */
  readonly error?: string;
  /** HTTP status of `error`; by default the one AWS sends with that code. */
  readonly status?: number;
  readonly message?: string;
  /** The connection is reset: before the call is worked on, or after it when its answer is due. */
  readonly reset?: "before" | "after";
  /** The body of the answer ends after so many bytes of what Content-Length promised. */
  readonly truncate?: number;
  /** One byte in the middle of the answer's body is changed. */
  readonly corrupt?: true;
  /** S3 reads: the object as it was before it was last written, or as if it were not there. */
  readonly stale?: "previous" | "missing";
  /** SQS ReceiveMessage: the messages stay visible, so that they are delivered again (at least once is not once). */
  readonly duplicate?: true;
  /** SQS batches: entries come back in Failed[] and nothing is done with them. */
  readonly failEntries?: { readonly code: string; readonly senderFault?: boolean; readonly count?: number };
}

export type TextMatch = string | RegExp | ((text: string) => boolean);

/** Which calls, how often, and what goes wrong. Absent members match everything. */
export interface Fault extends Effect {
  readonly service?: ServiceName;
  /** GetObject, ReceiveMessage, … */
  readonly operation?: TextMatch;
  readonly bucket?: TextMatch;
  readonly key?: TextMatch;
  /** Name of the queue. */
  readonly queue?: TextMatch;
  readonly accessKeyId?: TextMatch;
  /** Calls that match and go through before the first one that does not. */
  readonly after?: number;
  /** How many calls it hits. Default: all until it is removed. */
  readonly times?: number;
  /** 0 to 1 */
  readonly probability?: number;
  /** Of the draw by probability. Default 1. */
  readonly seed?: number;
}

export interface FaultSubject {
  readonly service: ServiceName;
  readonly operation: string;
  readonly bucket?: string | undefined;
  readonly key?: string | undefined;
  readonly queue?: string | undefined;
  readonly accessKeyId?: string | undefined;
}

export interface Faults {
  /** @returns a function that takes the fault away */
  add(fault: Fault): () => void;
  clear(): void;
}

export interface FaultTable extends Faults {
  /** What goes wrong with a call: latencies are added up, otherwise the fault that was added first wins. */
  strike(subject: FaultSubject): Effect;
}

interface Entry {
  readonly fault: Fault;
  readonly draw: () => number;
  seen: number;
  hits: number;
}

const nothing: Effect = {};

export function createFaults(): FaultTable {
  const entries = new Set<Entry>();
  return {
    add(fault) {
      const entry: Entry = { fault, draw: randomNumbers(fault.seed ?? 1), seen: 0, hits: 0 };
      entries.add(entry);
      return () => entries.delete(entry);
    },
    clear: () => entries.clear(),
    strike(subject) {
      let effect = nothing;
      for (const entry of entries) {
        if (!concerns(entry.fault, subject) || !due(entry)) continue;
        effect = together(effect, entry.fault);
      }
      return effect;
    },
  };
}

function together(first: Effect, then: Effect): Effect {
  const latency = (first.latency ?? 0) + (then.latency ?? 0);
  // A refusal is of one piece: the code of one fault does not go with the status of another.
  const { error, status, message, ...rest } = then;
  const refusal = first.error === undefined && error !== undefined ? { error, status, message } : {};
  return { ...rest, ...refusal, ...first, latency } as Effect;
}

function concerns(fault: Fault, subject: FaultSubject): boolean {
  return (
    (fault.service === undefined || fault.service === subject.service) &&
    fits(fault.operation, subject.operation) &&
    fits(fault.bucket, subject.bucket) &&
    fits(fault.key, subject.key) &&
    fits(fault.queue, subject.queue) &&
    fits(fault.accessKeyId, subject.accessKeyId)
  );
}

function fits(match: TextMatch | undefined, text: string | undefined): boolean {
  if (match === undefined) return true;
  if (text === undefined) return false;
  if (typeof match === "string") return match === text;
  return match instanceof RegExp ? text.search(match) !== -1 : match(text);
}

function due(entry: Entry): boolean {
  const { after = 0, times = Number.POSITIVE_INFINITY, probability = 1 } = entry.fault;
  entry.seen++;
  if (entry.seen <= after || entry.hits >= times || (probability < 1 && entry.draw() >= probability)) return false;
  entry.hits++;
  return true;
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** The HTTP status that AWS sends with an error code. */
export function statusOf(code: string, service: ServiceName): number {
  if (/^ExpiredToken/.test(code)) return service === "s3" ? 400 : 403;
  if (/^(SlowDown|ServiceUnavailable|Unavailable|RequestLimitExceeded)$/.test(code)) return 503;
  if (/^Internal(Error|Failure|ServerError)$/.test(code)) return 500;
  if (/^(AccessDenied|RequestTimeTooSkewed|SignatureDoesNotMatch|InvalidAccessKeyId|InvalidClientTokenId)/.test(code)) {
    return 403;
  }
  if (/^(NoSuch\w+|NotFound)$/.test(code)) return 404;
  return code === "PreconditionFailed" ? 412 : 400;
}
