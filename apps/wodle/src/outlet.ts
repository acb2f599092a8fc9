import { openDeadLetter } from "@threatlockdown/indexer-client";
import type { Settings } from "@threatlockdown/ossec-config";
import type { Context } from "./command.ts";
import { deadLetterFile } from "./configuration.ts";
import { openDestination } from "./destination.ts";
import { exitCode, Failure } from "./exit-code.ts";
import { recordRun } from "./last-run.ts";
import type { Log } from "./log.ts";
import type { SubscriberOptions } from "./subscriber-options.ts";
import { runSubscription, type Subscription } from "./subscription.ts";
import { counted, type Summary } from "./summary.ts";

/** Destination and dead letters, open for the subscribers of one run. */
export interface Outlet {
  /** Drains the queue of a subscriber. A failure is logged, and its exit code returned, so that the next one has its turn. */
  drain(subscription: Subscription): Promise<Summary | { readonly failed: number }>;
  close(): Promise<void>;
}

/** @throws Failure */
export async function openOutlet(settings: Settings, options: SubscriberOptions, context: Context): Promise<Outlet> {
  const { log, signals, environment } = context;
  const deadLetter = openDeadLetter(deadLetterFile(options.state));
  const failed = (queue: string, error: unknown) =>
    recordRun(options.state, queue, { exitCode: exitCodeOf(error), reason: (error as Error).message }, log);
  const destination = await openDestination(settings, { ...options, deadLetter }, context).catch((error: unknown) => {
    const { modules } = settings;
    const queues = modules.filter(({ enabled }) => enabled).flatMap(({ subscribers }) => subscribers);
    for (const { queue } of queues) failed(queue, error);
    throw error;
  });
  return {
    async drain(subscription) {
      try {
        const summary = await runSubscription(subscription, {
          mode: "drain",
          ...signals,
          deadLetter,
          concurrency: options.concurrency,
          lake: options.lake,
          sink: destination.sink(subscription.discard),
          unindexed: destination.unindexed,
          log,
          environment,
        });
        warnOfLoss(summary, options, log);
        recordRun(options.state, subscription.queue, { summary }, log);
        return summary;
      } catch (error) {
        failed(subscription.queue, error);
        return { failed: tellFailure(error, log, `Subscriber: security_lake ${subscription.queue}  - `) };
      }
    },
    async close() {
      await destination.close();
      await deadLetter.close();
    },
  };
}

/** One line with the reason; returns the exit code. Anything that is no Failure is an error of the program itself. */
export function tellFailure(error: unknown, log: Log, title?: string): number {
  const code = exitCodeOf(error);
  const reason = error instanceof Failure ? error.message : `Unknown error: ${(error as Error).stack ?? String(error)}`;
  // The stock module's pair of lines, in which managers look for the reason.
  if (title !== undefined) log.warning(`${title} Returned exit code ${code}`);
  log.error(title === undefined ? reason : `${title} ${reason}`);
  return code;
}

function exitCodeOf(error: unknown): number {
  return error instanceof Failure ? error.exitCode : exitCode.unknown;
}

/** Dead letters are nothing that should be found by chance. */
function warnOfLoss({ queue, deadLettered, quarantined }: Summary, options: SubscriberOptions, { warning }: Log): void {
  if (deadLettered + quarantined === 0) return;
  const kept = [
    ...(deadLettered > 0 ? [counted(deadLettered, "event")] : []),
    ...(quarantined > 0 ? [counted(quarantined, "message")] : []),
  ];
  const fixes = [
    ...(deadLettered > 0 ? [`send the events again by ${options.replayCommand}`] : []),
    ...(quarantined > 0 ? ["put the messages into their queue again, as security-lake-wodle replay --help shows"] : []),
  ];
  warning(
    `Queue ${queue}: ${kept.join(" and ")} could not be processed, and kept with the reason in ${deadLetterFile(options.state)}: once the cause is mended, ${fixes.join("; ")}`,
  );
}
