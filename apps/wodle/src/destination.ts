import { join } from "node:path";
import { datagramsUnavailable, getStats, openQueue, pacedBy } from "@threatlockdown/analysisd-client";
import type { DeadLetter } from "@threatlockdown/indexer-client";
import type { Settings } from "@threatlockdown/ossec-config";
import {
  createAnalysisdSink,
  createDocuments,
  createFileSink,
  createIndexerSink,
  type Discard,
  managerOf,
  type Sink,
} from "@threatlockdown/pipeline";
import { createRuleset } from "@threatlockdown/ruleset";
import type { Context } from "./command.ts";
import { exitCode, Failure } from "./exit-code.ts";
import { openIndexer } from "./indexer.ts";
import type { IndexerOptions, WriterOptions } from "./indexer-options.ts";

export interface DestinationOptions {
  /** `indexer`, `analysisd`, or `file:` and a folder. */
  readonly output: string;
  /** The folder of the manager's sockets. */
  readonly sockets: string;
  readonly indexer: IndexerOptions & WriterOptions;
  readonly deadLetter: DeadLetter;
}

/** Where the events of all subscribers go. */
export interface Destination {
  sink(discard: Discard | undefined): Sink;
  /** Documents that were sent with their data unindexed so far. */
  readonly unindexed: () => number;
  /** Resolves when nothing is on its way any more. */
  close(): Promise<void>;
}

/**
 * Opens the indexer of the configuration, or a folder. The indexer's settings and user are used for nothing else, and the
 * lake's role never for the indexer.
 *
 * @throws Failure
 */
export async function openDestination(
  settings: Settings,
  options: DestinationOptions,
  context: Context,
): Promise<Destination> {
  const manager = managerOf(settings.cluster, context.hostname);
  const ruleset = createRuleset();
  const documents = (discard: Discard | undefined) => createDocuments(manager, ruleset, discard);
  const folder = /^file:(.+)$/.exec(options.output)?.[1];
  if (folder !== undefined) {
    return { sink: (discard) => createFileSink(documents(discard), folder), unindexed: none, close: async () => {} };
  }
  if (options.output === "analysisd") return openAnalysisd(options.sockets);
  if (options.output !== "indexer") {
    throw new Failure(exitCode.usage, `--output ${options.output} is none of indexer, analysisd and file:FOLDER.`);
  }
  const { writer, ...indexer } = await openIndexer(settings, options.indexer, options.deadLetter, context);
  return { sink: (discard) => createIndexerSink(documents(discard), writer), ...indexer };
}

const none = (): number => 0;

/** The stock module's way: the manager's own engine judges the bare events. */
function openAnalysisd(sockets: string): Destination {
  const unavailable = datagramsUnavailable();
  if (unavailable !== undefined) throw new Failure(exitCode.unreachable, `--output analysisd: ${unavailable}`);
  const pace = pacedBy(() => getStats(join(sockets, "analysis")));
  const queue = openQueue({ path: join(sockets, "queue"), pace });
  return { sink: (discard) => createAnalysisdSink(queue, discard), unindexed: none, close: async () => queue.close() };
}
