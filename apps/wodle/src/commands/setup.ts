import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  IndexerError,
  type SetupStep,
  savedObjectsFile,
  setupDashboards,
  setup as setupIndexer,
  setupRole,
  setupRoleName,
  writerRole,
  writerRoleName,
} from "@threatlockdown/indexer-client";
import type { Indexer } from "@threatlockdown/ossec-config";
import type { Command, Context } from "../command.ts";
import { readConfiguration } from "../configuration.ts";
import { exitCode, Failure } from "../exit-code.ts";
import { connectDashboards, connectIndexer, failureOf } from "../indexer.ts";
import { indexerOptions, indexerOptionsHelp } from "../indexer-options.ts";
import { readSetupOptions, setupOptions, setupOptionsHelp } from "../setup-options.ts";
import { readSubscriberOptions, type SubscriberOptions } from "../subscriber-options.ts";

export const setup: Command = {
  summary: "install index template, retention and saved objects, and say what was done",
  help: `Installs what the indexer needs for the events of Security Lake: the index template, with --retention the policy that
deletes old indices, and with --dashboards index pattern, search and dashboard of OpenSearch Dashboards; otherwise these
are written to a file to import there. What is older is upgraded; what is newer, or not of this product, is left alone.

Usage: security-lake-wodle setup [options]

  --config FILE               the manager's configuration
  --state FOLDER              where the file with the saved objects is written (var/security-lake beside the manager's etc)
${indexerOptionsHelp}
What is not given of these stays as it was installed; the values in brackets are those of a first setup:
${setupOptionsHelp}
They hold for indices that are made from then on. The user needs the role security_lake_setup; the subscriber's own user
can do without it afterwards.

  --print-roles               print both roles for the security plugin, as roles.yml has them, and do nothing else

Where another template is in the way, or Dashboards cannot be reached, the exit code is ${exitCode.unreachable}.
`,
  options: {
    config: { type: "string" },
    state: { type: "string" },
    ...indexerOptions,
    ...setupOptions,
    "print-roles": { type: "boolean" },
  },

  async run(values, _positionals, context) {
    if (values["print-roles"] === true) {
      context.print(roles);
      return exitCode.ok;
    }
    const setupWith = readSetupOptions(values);
    const options = readSubscriberOptions(values);
    const settings = await readConfiguration(options.config, context.log);
    const client = await connectIndexer(settings.indexer, options.indexer, context);
    const steps = await setupIndexer(client, setupWith).catch((error: unknown) => {
      throw failureOf(error);
    });
    for (const step of steps) {
      if (isInTheWay(step)) context.log.error(step.message);
      else context.print(`${step.message}\n`);
    }
    const installed = await installSavedObjects(settings.indexer as Indexer, options, context);
    return installed && !steps.some(isInTheWay) ? exitCode.ok : exitCode.unreachable;
  },
};

/** YAML may be written as JSON. */
const roles = `${JSON.stringify({ [writerRoleName]: writerRole, [setupRoleName]: setupRole }, null, 2)}\n`;

/** Events would not be stored as they should, whatever else was done. */
function isInTheWay({ because }: SetupStep): boolean {
  return because === "foreign" || because === "overrides";
}

/** Says what was done; whether it is what was asked for. */
async function installSavedObjects(
  indexer: Indexer,
  { indexer: options, state }: SubscriberOptions,
  context: Context,
): Promise<boolean> {
  const { dashboards: url } = options;
  if (url === undefined) {
    const why = "Dashboards: not asked for, since no --dashboards URL is given";
    context.print(`${await writeSavedObjects(state, why)}\n`);
    return true;
  }
  const client = await connectDashboards(indexer, url, options, context);
  try {
    context.print(`${(await setupDashboards(client)).message}\n`);
    return true;
  } catch (error) {
    if (!(error instanceof IndexerError)) throw error;
    context.log.error(await writeSavedObjects(state, error.message));
    return false;
  } finally {
    await client.close();
  }
}

/** Returns the line that says where they are, and why there. */
async function writeSavedObjects(state: string, why: string): Promise<string> {
  const file = join(state, "saved-objects.ndjson");
  try {
    await mkdir(state, { recursive: true, mode: 0o700 });
    await writeFile(file, savedObjectsFile());
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new Failure(
      exitCode.configuration,
      `${why}; the saved objects could not be written to ${file} either (${code}): give another --state FOLDER.`,
      { cause },
    );
  }
  return `${why}; import ${file} under Dashboards Management, Saved objects`;
}
