import { setup as install } from "@threatlockdown/indexer-client";
import type { Command } from "../command.ts";
import { readConfiguration } from "../configuration.ts";
import { connectIndexer, failureOf } from "../destination.ts";
import { exitCode } from "../exit-code.ts";
import { readSubscriberOptions } from "../subscriber-options.ts";

export const setup: Command = {
  summary: "install the index template in the indexer, and say what was done",
  help: `Installs what the indexer needs for the events of Security Lake: the index template. An older one is upgraded; a newer
one, or one that is not of this product, is left alone.

Usage: security-lake-wodle setup [options]

  --config FILE               the manager's configuration
  --indexer-credentials FILE  user and password: two lines, username=… and password=…, mode 0600.
                              Otherwise INDEXER_USERNAME and INDEXER_PASSWORD are taken from the environment

The user needs the permission to manage index templates; the subscriber's own user can do without it afterwards.
`,
  options: { config: { type: "string" }, "indexer-credentials": { type: "string" } },

  async run(values, _positionals, context) {
    const { config, credentialsFile } = readSubscriberOptions(values);
    const settings = await readConfiguration(config, context.log);
    const client = await connectIndexer(settings.indexer, credentialsFile, context);
    const steps = await install(client).catch((error: unknown) => {
      throw failureOf(error);
    });
    for (const { message } of steps) context.print(`${message}\n`);
    return exitCode.ok;
  },
};
