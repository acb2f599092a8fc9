import type { Command } from "../command.ts";
import { activeModules, readConfiguration } from "../configuration.ts";
import { exitCode } from "../exit-code.ts";
import { openOutlet } from "../outlet.ts";
import { readSubscriberOptions, subscriberOptions, subscriberOptionsHelp } from "../subscriber-options.ts";
import { summaryText } from "../summary.ts";

export const once: Command = {
  summary: "drain the queue of each subscriber, and end",
  help: `Takes all messages that wait in the queue of each security_lake subscriber, and ends.

Usage: security-lake-wodle once [options]

${subscriberOptionsHelp}  --json                      the summary as JSON, one line a subscriber

Standard output has the summary alone. A message is deleted only after each of its events is stored, was stored already,
or is kept as a dead letter. A subscriber that fails does not hold up the others. Exit codes are those of the stock aws-s3
module, the first failure's where there are several: 0 when nothing failed, 3 for credentials, 11 for the indexer, 12 for
the configuration, 20 and 21 for the queue, 22 for the region.
`,
  options: { ...subscriberOptions, json: { type: "boolean" } },

  async run(values, _positionals, context) {
    const options = readSubscriberOptions(values);
    const settings = await readConfiguration(options.config, context.log);
    const modules = activeModules(settings, options.config, context.log);
    if (modules.length === 0) return exitCode.ok;
    const outlet = await openOutlet(settings, options, context);
    const failed: number[] = [];
    try {
      for (const subscription of modules.flatMap(({ subscribers }) => subscribers)) {
        if (context.signals.stop.aborted) break;
        const outcome = await outlet.drain(subscription);
        if ("failed" in outcome) failed.push(outcome.failed);
        else context.print(values.json ? `${JSON.stringify(outcome)}\n` : summaryText(outcome));
      }
    } finally {
      await outlet.close();
    }
    return failed[0] ?? (context.signals.signal() === "SIGINT" ? exitCode.usage : exitCode.ok);
  },
};
