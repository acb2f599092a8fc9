import { setup as install } from "@threatlockdown/indexer-client";
import type { Command } from "../command.ts";
import { readConfiguration } from "../configuration.ts";
import { exitCode } from "../exit-code.ts";
import { connectIndexer, failureOf } from "../indexer.ts";
import { indexerOptions, indexerOptionsHelp } from "../indexer-options.ts";
import { readSetupOptions, setupOptions, setupOptionsHelp } from "../setup-options.ts";
import { readSubscriberOptions } from "../subscriber-options.ts";

export const setup: Command = {
  summary: "install the index template in the indexer, and say what was done",
  help: `Installs what the indexer needs for the events of Security Lake: the index template, and with --retention the policy
that deletes old indices. What is older is upgraded; what is newer, or not of this product, is left alone.

Usage: security-lake-wodle setup [options]

  --config FILE               the manager's configuration
${indexerOptionsHelp}
What is not given of these stays as it was installed; the values in brackets are those of a first setup:
${setupOptionsHelp}
They hold for indices that are made from then on. The user needs the role security_lake_setup; the subscriber's own user
can do without it afterwards.
`,
  options: { config: { type: "string" }, ...indexerOptions, ...setupOptions },

  async run(values, _positionals, context) {
    const options = readSetupOptions(values);
    const { config, indexer } = readSubscriberOptions(values);
    const settings = await readConfiguration(config, context.log);
    const client = await connectIndexer(settings.indexer, indexer, context);
    const steps = await install(client, options).catch((error: unknown) => {
      throw failureOf(error);
    });
    for (const { message } of steps) context.print(`${message}\n`);
    return exitCode.ok;
  },
};
