import { S3Client } from "@aws-sdk/client-s3";
import { SQSClient } from "@aws-sdk/client-sqs";
import { AuthError, explain, findRegion, lakeCredentials, s3Endpoint } from "@threatlockdown/aws-auth";
import { type DeadLetter, IndexerError } from "@threatlockdown/indexer-client";
import { createIngest, createQuarantine, type Discard, type IngestEvent, type Sink } from "@threatlockdown/pipeline";
import {
  type ConsumeOptions,
  type ConsumerEvent,
  consume,
  Fatal,
  openQueue,
  type Queue,
  QueueError,
  type QueueErrorCode,
  sqsSettings,
} from "@threatlockdown/sqs-consumer";
import { requestHandlerOf } from "./aws-requests.ts";
import { exitCode, Failure } from "./exit-code.ts";
import { failureOf as indexerFailure } from "./indexer.ts";
import type { LakeOptions } from "./lake-options.ts";
import type { Log } from "./log.ts";
import { peakMemory } from "./peak-memory.ts";
import { type Count, counted, type Summary, startCount } from "./summary.ts";

/** One `<subscriber type="security_lake">`. */
export interface Subscription {
  /** Name, URL or ARN of the queue. */
  readonly queue: string;
  readonly roleArn?: string | undefined;
  readonly externalId?: string | undefined;
  /** Seconds of a role session. */
  readonly durationSeconds?: number | undefined;
  readonly profile?: string | undefined;
  readonly stsEndpoint?: string | undefined;
  readonly serviceEndpoint?: string | undefined;
  readonly discard?: Discard | undefined;
}

export interface RunOptions extends Pick<ConsumeOptions, "mode" | "stop" | "end"> {
  readonly deadLetter: DeadLetter;
  readonly concurrency: number;
  readonly lake: LakeOptions;
  readonly sink: Sink;
  /** Documents that the sink has sent with their data unindexed so far, those of earlier runs too. */
  readonly unindexed: () => number;
  readonly log: Log;
  /** Names the proxies. */
  readonly environment: NodeJS.ProcessEnv;
}

/** Milliseconds between two lines that tell how far a long run is. */
const progressInterval = 10_000;

/**
 * The wiring of one subscriber: credentials of the lake's role for queue and bucket, the ingest of a message as the
 * queue's handler, the quarantine for what can never succeed.
 *
 * @throws Failure with the line to print and the exit code
 */
export async function runSubscription(subscription: Subscription, options: RunOptions): Promise<Summary> {
  const { log, sink, deadLetter } = options;
  log.debug(`The SQS queue is: ${subscription.queue}`);
  const count = startCount(() => performance.now());
  const unindexedBefore = options.unindexed();
  try {
    await using clients = await awsClients(subscription, options);
    const { sqs, s3 } = clients;
    const queue = await openQueue(sqs, subscription.queue);
    log.debug(`Retrieving messages from: ${queue.url}`);
    const tellIngest = ingestTeller(log);
    const tellConsumer = consumerTeller(log, queue);
    const ingest = createIngest(s3, sink, {
      ...options.lake,
      columns: subscription.discard === undefined ? [] : [subscription.discard.field],
      on(event) {
        count.ingested(event);
        tellIngest(event);
      },
    });
    const progress = setInterval(() => log.info(progressLine(queue, count)), progressInterval).unref();
    try {
      const { left } = await consume(queue, ingest, {
        ...options,
        quarantine: tellingQuarantine(createQuarantine(deadLetter, queue.name)),
        on(event) {
          count.settled(event);
          tellConsumer(event);
        },
      });
      const unindexed = options.unindexed() - unindexedBefore;
      return { queue: queue.name, ...count.soFar(), unindexed, left, peakMemory: peakMemory() };
    } finally {
      clearInterval(progress);
    }
  } catch (error) {
    throw failureOf(error, subscription);
  }
}

/** A message that can never succeed could not be quarantined either: it comes again until somebody mends the dead letter. */
class NotKept extends Error {
  constructor(reason: Error, cause: Error) {
    const mend = "make room for the dead letter file or correct its path";
    super(
      `one can never succeed (${reason.message}), and could not be kept as a dead letter either: ${cause.message}; ${mend}`,
      { cause },
    );
  }
}

function tellingQuarantine(quarantine: ConsumeOptions["quarantine"]): ConsumeOptions["quarantine"] {
  return async (message, reason) => {
    try {
      await quarantine(message, reason);
    } catch (cause) {
      throw new NotKept(reason, cause as Error);
    }
  };
}

async function awsClients(
  subscription: Subscription,
  { concurrency, environment, log }: RunOptions,
): Promise<AsyncDisposable & { readonly sqs: SQSClient; readonly s3: S3Client }> {
  const region = await findRegion({ queue: subscription.queue, profile: subscription.profile });
  const requestHandler = requestHandlerOf(environment, Math.max(50, 2 * concurrency));
  const credentials = lakeCredentials({
    ...subscription,
    region,
    requestHandler,
    onFailure: (error, validForMs) =>
      log.warning(
        `The role's credentials could not be renewed and hold for ${Math.round(validForMs / 1000)} s more: ${explain(error)}`,
      ),
  });
  const endpoint = subscription.serviceEndpoint === undefined ? {} : s3Endpoint(subscription.serviceEndpoint);
  const sqs = new SQSClient({ region, credentials, requestHandler, ...sqsSettings(subscription.queue) });
  const s3 = new S3Client({ region, credentials, requestHandler, ...endpoint });
  // It makes a copy of every request and answer for a log that there is not.
  for (const { middlewareStack } of [sqs, s3]) middlewareStack.remove("loggerMiddleware");
  return {
    sqs,
    s3,
    async [Symbol.asyncDispose]() {
      requestHandler.httpAgent.destroy();
      requestHandler.httpsAgent.destroy();
    },
  };
}

/** The stock module's lines, where it has one for the case. */
function ingestTeller(log: Log): (event: IngestEvent) => void {
  const said = new Set<string>();
  return (event) => {
    if (event.type === "nothing-to-do") log.debug(`Message needs nothing: ${event.reason}`);
    if (event.type !== "object") return;
    const { key, bucket } = event.object;
    log.debug(`Processing file ${key} in ${bucket}`);
    log.debug(`Found ${event.rows} events in file ${key}`);
    for (const { column, count, firstRow } of event.lost) {
      // Said once a column; the summary counts all of them.
      log[said.has(column) ? "debug" : "warning"](
        `Column ${column} of s3://${bucket}/${key} has values without a JSON form (${count}, the first in row ${firstRow}): they are null in the events.`,
      );
      said.add(column);
    }
  };
}

function consumerTeller(log: Log, queue: Queue): (event: ConsumerEvent) => void {
  const said = new Set<string>();
  /** What many messages may suffer from is said once a cause, whatever object or message it shows on. */
  const once = (error: unknown, line: string): void => {
    const [outer, inner] = [error, (error as Error).cause] as Error[];
    const cause = [outer?.name, inner?.name, outer?.message.replaceAll(/s3:\/\/\S+|arn:\S+|\d+/g, "")].join();
    if (said.has(cause)) log.debug(line);
    else log.warning(line);
    said.add(cause);
  };
  return (event) => {
    switch (event.type) {
      case "received":
        for (const { body } of event.messages) log.debug(`The message is: ${body}`);
        break;
      case "deleted":
        log.debug(`Message deleted from queue: ${queue.name}`);
        break;
      case "quarantined":
        log.warning(`Message ${event.message.id} can never succeed and was quarantined: ${event.reason.message}`);
        break;
      case "returned": {
        const why = event.reason instanceof NotKept ? event.reason.message : explain(event.reason);
        once(event.reason, `Messages go back to queue ${queue.name} and are tried again later: ${why}`);
        break;
      }
      case "lost":
        log.warning(
          `The lease of message ${event.message.id} was lost; another consumer has it: ${explain(event.reason)}`,
        );
        break;
      case "trouble":
        once(event.error, `${event.action} on queue ${queue.name} failed and is tried again: ${explain(event.error)}`);
        break;
      case "renewal-denied":
        once(
          event.error,
          `Leases on queue ${queue.name} cannot be renewed, so fewer messages are taken at a time: ${explain(event.error)}; allow sqs:ChangeMessageVisibility`,
        );
    }
  };
}

function progressLine(queue: Queue, count: Count): string {
  const { events, objects, deleted, received } = count.soFar();
  return `Queue ${queue.name}: ${counted(events, "event")} of ${counted(objects, "object")} accepted, ${deleted} of ${counted(received, "message")} deleted so far.`;
}

const queueExitCodes: Readonly<Partial<Record<QueueErrorCode, number>>> = {
  QUEUE_NAME: exitCode.configuration,
  QUEUE_FIFO: exitCode.configuration,
  QUEUE_MISSING: exitCode.queueNotFound,
  QUEUE_CREDENTIALS: exitCode.credentials,
};

function failureOf(error: unknown, { queue, externalId, profile }: Subscription): unknown {
  const line = explain(error, { externalId, profile, secrets: externalId === undefined ? [] : [externalId] });
  const failure = (code: number, text: string) => new Failure(code, text, { cause: error });
  const refused = [error, (error as Error).cause].find((link) => link instanceof AuthError);
  if (refused !== undefined) {
    return failure(refused.code === "AUTH_REGION" ? exitCode.region : exitCode.credentials, `Access error: ${line}`);
  }
  if (error instanceof QueueError) {
    // A queue that may not be looked up is reported by the stock module as one that does not exist.
    const lookUp = error.action === "sqs:GetQueueUrl";
    // AWS denies the look-up of a queue that is not the role's own in the same words, be it there or not.
    const name =
      lookUp && error.code === "QUEUE_DENIED"
        ? "; or <sqs_name> is not the queue of this subscription: compare it"
        : "";
    return failure(queueExitCodes[error.code] ?? (lookUp ? exitCode.queueNotFound : exitCode.queue), `${line}${name}`);
  }
  if (error instanceof Fatal) {
    return error.cause instanceof IndexerError
      ? indexerFailure(error.cause)
      : failure(exitCode.unreachable, error.message);
  }
  return error instanceof Error && "$metadata" in error ? failure(exitCode.queue, `Queue ${queue}: ${line}`) : error;
}
