import type { Command } from "../command.ts";
import { activeModules, readConfiguration } from "../configuration.ts";
import { exitCode, exitCodeHelp } from "../exit-code.ts";
import { openOutlet } from "../outlet.ts";
import { readSubscriberOptions, subscriberOptions, subscriberOptionsHelp } from "../subscriber-options.ts";
import { summaryText } from "../summary.ts";

export const once: Command = {
  summary: "drain the queue of each subscriber, and end",
  help: `Takes all messages that wait in the queue of each security_lake subscriber, and ends.

Usage: security-lake-wodle once [options]

${subscriberOptionsHelp}  --json                      the summary as JSON, one line a subscriber

Standard output has the summary alone. A message is deleted only after each of its events is stored, was stored already,
or is kept as a dead letter. A subscriber that fails does not hold up the others; where several fail, the exit code is
that of the first.

${exitCodeHelp}`,
  options: { ...subscriberOptions, json: { type: "boolean" } },

  async run(values, _positionals, context) {
    const options = readSubscriberOptions(values);
    const settings = await readConfiguration(options.config, context.log);
    const modules = activeModules(settings, options.config, context.log);
    if (modules.length === 0) return exitCode.ok;
    const outlet = await openOutlet(settings, options, context);
    const subscribers = modules.flatMap((module) => module.subscribers);
    const failed: number[] = [];
    try {
      for (const subscription of subscribers) {
        if (context.signals.stop.aborted) break;
        const outcome = await outlet.drain(subscription);
        if ("failed" in outcome) failed.push(outcome.failed);
        else context.print(values.json ? `${JSON.stringify(outcome)}\n` : summaryText(outcome));
      }
    } finally {
      await outlet.close();
    }
    // What stopped one of several stands above what the others have to say.
    if (failed.length > 0 && subscribers.length > 1) {
      const codes = failed.length === 1 ? `exit code ${failed[0]}` : `exit codes ${failed.join(", ")}`;
      context.log.error(
        `${failed.length} of ${subscribers.length} subscribers failed (${codes}); the ERROR line of each is above.`,
      );
    }
    return failed[0] ?? (context.signals.signal() === "SIGINT" ? exitCode.usage : exitCode.ok);
  },
};
