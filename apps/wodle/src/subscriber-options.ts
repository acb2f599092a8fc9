import { join } from "node:path";
import { type DeadLetter, openDeadLetter } from "@threatlockdown/indexer-client";
import type { Settings } from "@threatlockdown/ossec-config";
import { createQuarantine, type Sink } from "@threatlockdown/pipeline";
import type { Command, Context, Values } from "./command.ts";
import { defaultConfiguration, defaultState } from "./configuration.ts";
import { openDestination } from "./destination.ts";
import { exitCode, Failure } from "./exit-code.ts";
import { runSubscription, type Subscription } from "./subscription.ts";
import type { Summary } from "./summary.ts";

/** What the commands that run subscribers understand. */
export const subscriberOptions: Command["options"] = {
  config: { type: "string" },
  state: { type: "string" },
  output: { type: "string" },
  "indexer-credentials": { type: "string" },
  concurrency: { type: "string" },
};

export const subscriberOptionsHelp = `  --config FILE               the manager's configuration (${defaultConfiguration})
  --state FOLDER              where dead letters are kept (var/security-lake beside the manager's etc)
  --output indexer|file:DIR   the indexer of the configuration (default), or a folder of NDJSON files
  --indexer-credentials FILE  user and password of the indexer: two lines, username=… and password=…, mode 0600.
                              Otherwise INDEXER_USERNAME and INDEXER_PASSWORD are taken from the environment
  --concurrency N             messages in work at a time (32)
`;

export interface SubscriberOptions {
  readonly config: string;
  readonly state: string;
  readonly output: string;
  readonly credentialsFile: string | undefined;
  readonly concurrency: number;
}

/** @throws Failure */
export function readSubscriberOptions(values: Values): SubscriberOptions {
  const text = (name: string) => values[name] as string | undefined;
  const config = text("config") ?? defaultConfiguration;
  const concurrency = Number(text("concurrency") ?? 32);
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 1000) {
    throw new Failure(exitCode.usage, `--concurrency ${text("concurrency")} is not a whole number from 1 to 1000.`);
  }
  return {
    config,
    state: text("state") ?? defaultState(config),
    output: text("output") ?? "indexer",
    credentialsFile: text("indexer-credentials"),
    concurrency,
  };
}

/** Sink and dead letters, open for as many runs as wanted. */
export interface Outlet {
  drain(subscription: Subscription): Promise<Summary>;
  close(): Promise<void>;
}

/** @throws Failure */
export async function openOutlet(settings: Settings, options: SubscriberOptions, context: Context): Promise<Outlet> {
  const deadLetter = openDeadLetter(join(options.state, "dead-letter.ndjson"));
  const sink = await openDestination(settings, { ...options, deadLetter }, context);
  return {
    drain: (subscription) => drain(subscription, sink, deadLetter, options, context),
    async close() {
      await sink.close();
      await deadLetter.close();
    },
  };
}

function drain(
  subscription: Subscription,
  sink: Sink,
  deadLetter: DeadLetter,
  { concurrency }: SubscriberOptions,
  { log, signals }: Context,
): Promise<Summary> {
  return runSubscription(subscription, {
    mode: "drain",
    ...signals,
    quarantine: createQuarantine(deadLetter),
    concurrency,
    sink,
    log,
  });
}
