import { setTimeout as delay } from "node:timers/promises";
import { type Module, nextRun } from "@threatlockdown/ossec-config";
import type { Command, Context } from "../command.ts";
import { activeModules, readConfiguration } from "../configuration.ts";
import { exitCode } from "../exit-code.ts";
import { type Outlet, openOutlet, tellFailure } from "../outlet.ts";
import { readSubscriberOptions, subscriberOptions, subscriberOptionsHelp } from "../subscriber-options.ts";
import { summaryText } from "../summary.ts";

export const run: Command = {
  summary: "drain the queues at the interval of the configuration, until told to stop",
  help: `Takes the messages of each security_lake subscriber at the module's interval (or day, wday, time), until SIGTERM.

Usage: security-lake-wodle run [options]

${subscriberOptionsHelp}
The first SIGTERM or SIGINT lets what is running finish; the second one ends at once. A run that fails is logged, and the
next one comes at its time. Standard output has the summary of each run that received something.
`,
  options: subscriberOptions,

  async run(values, _positionals, context) {
    const options = readSubscriberOptions(values);
    const settings = await readConfiguration(options.config, context.log);
    const modules = activeModules(settings, options.config, context.log);
    if (modules.length > 0) context.log.info("Module AWS started");
    await Promise.all(modules.map((module) => keepRunning(module, () => fetchAll(module), context)));
    return exitCode.ok;

    async function fetchAll({ subscribers }: Module): Promise<void> {
      context.log.info("Starting fetching of logs.");
      // Opened anew for each run, so that a password or certificate repaired in between is taken up.
      const outlet = await openOutlet(settings, options, context);
      try {
        await drainAll(outlet, subscribers);
      } finally {
        await outlet.close();
      }
      context.log.info("Fetching logs finished.");
    }

    async function drainAll(outlet: Outlet, subscribers: Module["subscribers"]): Promise<void> {
      for (const subscription of subscribers) {
        if (context.signals.stop.aborted) return;
        context.log.info(`Executing Subscriber fetch: (Type and SQS: security_lake ${subscription.queue})`);
        const outcome = await outlet.drain(subscription);
        if (!("failed" in outcome) && outcome.received > 0) context.print(summaryText(outcome));
      }
    }
  },
};

async function keepRunning(
  { schedule, runOnStart }: Module,
  work: () => Promise<void>,
  context: Context,
): Promise<void> {
  const { stop } = context.signals;
  let due = runOnStart ? new Date() : nextRun(schedule, new Date()).at;
  while (await reached(due, stop)) {
    await work().catch((error: unknown) => tellFailure(error, context.log, "Subscriber: security_lake  - "));
    const next = nextRun(schedule, new Date(), due);
    if (next.overtaken) context.log.warning("Interval overtaken.");
    context.log.debug(`Sleeping until: ${next.at.toLocaleString()}`);
    due = next.at;
  }
}

const longestSleep = 86_400_000;

/** False when stopped before. In steps, since a timer cannot wait longer than 24 days. */
async function reached(due: Date, stop: AbortSignal): Promise<boolean> {
  for (;;) {
    if (stop.aborted) return false;
    const left = due.getTime() - Date.now();
    if (left <= 0) return true;
    await delay(Math.min(left, longestSleep), undefined, { signal: stop }).catch(() => {});
  }
}
