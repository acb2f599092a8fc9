import { join } from "node:path";
import { openDeadLetter } from "@threatlockdown/indexer-client";
import type { Settings } from "@threatlockdown/ossec-config";
import { createDocuments, createQuarantine } from "@threatlockdown/pipeline";
import { createRuleset } from "@threatlockdown/ruleset";
import type { Command, Context, Values } from "./command.ts";
import { defaultConfiguration, defaultState } from "./configuration.ts";
import { managerOf, openDestination } from "./destination.ts";
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

/** Destination and dead letters, open for the subscribers of one run. */
export interface Outlet {
  drain(subscription: Subscription): Promise<Summary>;
  close(): Promise<void>;
}

/** @throws Failure */
export async function openOutlet(settings: Settings, options: SubscriberOptions, context: Context): Promise<Outlet> {
  const deadLetter = openDeadLetter(join(options.state, "dead-letter.ndjson"));
  const destination = await openDestination(settings, { ...options, deadLetter }, context);
  const manager = managerOf(settings, context.hostname);
  const ruleset = createRuleset();
  return {
    drain: (subscription) =>
      runSubscription(subscription, {
        mode: "drain",
        ...context.signals,
        quarantine: createQuarantine(deadLetter),
        concurrency: options.concurrency,
        sink: destination.sink(createDocuments(manager, ruleset, subscription.discard)),
        log: context.log,
        environment: context.environment,
      }),
    async close() {
      await destination.close();
      await deadLetter.close();
    },
  };
}
