import { join } from "node:path";
import { datagramsUnavailable, getStats, openQueue, pacedBy } from "@threatlockdown/analysisd-client";
import {
  type BulkWriter,
  checkSetup,
  connect,
  createBulkWriter,
  type DeadLetter,
  IndexerError,
  type IndexerEvent,
  readConnection,
  readCredentials,
  setup,
} from "@threatlockdown/indexer-client";
import type { Indexer, Settings } from "@threatlockdown/ossec-config";
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
import type { Log } from "./log.ts";

export interface DestinationOptions {
  /** `indexer`, `analysisd`, or `file:` and a folder. */
  readonly output: string;
  /** The folder of the manager's sockets. */
  readonly sockets: string;
  readonly credentialsFile?: string | undefined;
  readonly deadLetter: DeadLetter;
}

/** Where the events of all subscribers go. */
export interface Destination {
  sink(discard: Discard | undefined): Sink;
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
    return { sink: (discard) => createFileSink(documents(discard), folder), close: async () => {} };
  }
  if (options.output === "analysisd") return openAnalysisd(options.sockets);
  if (options.output !== "indexer") {
    throw new Failure(exitCode.usage, `--output ${options.output} is none of indexer, analysisd and file:FOLDER.`);
  }
  const { writer, close } = await openIndexer(settings, options, context);
  return { sink: (discard) => createIndexerSink(documents(discard), writer), close };
}

/**
 * The indexer of the configuration, with its template in place.
 *
 * @throws Failure
 */
export async function openIndexer(
  { indexer }: Settings,
  { credentialsFile, deadLetter }: Pick<DestinationOptions, "credentialsFile" | "deadLetter">,
  context: Context,
): Promise<{ readonly writer: BulkWriter; readonly close: () => Promise<void> }> {
  const client = await connectIndexer(indexer, credentialsFile, context);
  await ensureTemplate(client, context);
  const writer = createBulkWriter(client, deadLetter, {
    signal: context.signals.end,
    on: indexerTeller(context.log),
  });
  return {
    writer,
    async close() {
      await writer.close();
      await client.close();
    },
  };
}

/** The stock module's way: the manager's own engine judges the bare events. */
function openAnalysisd(sockets: string): Destination {
  const unavailable = datagramsUnavailable();
  if (unavailable !== undefined) throw new Failure(exitCode.unreachable, `--output analysisd: ${unavailable}`);
  const pace = pacedBy(() => getStats(join(sockets, "analysis")));
  const queue = openQueue({ path: join(sockets, "queue"), pace });
  return { sink: (discard) => createAnalysisdSink(queue, discard), close: async () => queue.close() };
}

function indexerTeller(log: Log): (event: IndexerEvent) => void {
  return (event) => {
    if (event.type === "answered") {
      log.debug(`Indexer: ${event.documents} documents, ${event.bytes} bytes in ${Math.round(event.milliseconds)} ms`);
    } else if (event.type === "resumed" || event.type === "smaller") log.info(event.message);
    else log.warning(event.message);
  };
}

/** @throws Failure */
export async function connectIndexer(
  indexer: Indexer | undefined,
  credentialsFile: string | undefined,
  context: Context,
): Promise<ReturnType<typeof connect>> {
  if (indexer === undefined || !indexer.enabled || indexer.hosts.length === 0) {
    const problem = indexer === undefined ? "is missing" : indexer.enabled ? "names no host" : "is disabled";
    throw new Failure(
      exitCode.configuration,
      `<indexer> ${problem} in the configuration, so events have no destination: write <indexer><hosts><host>https://…:9200</host></hosts></indexer>.`,
    );
  }
  const read = () => readCredentials(credentialsFile, context.environment);
  const [connection, credentials] = await Promise.all([readConnection(indexer), read()]).catch((error: unknown) => {
    throw failureOf(error);
  });
  if (credentials === undefined && indexer.hosts.some((host) => host.startsWith("https:")) && !indexer.certificate) {
    context.log.warning(
      "No user of the indexer is set: set INDEXER_USERNAME and INDEXER_PASSWORD, or give --indexer-credentials FILE.",
    );
  }
  return connect({
    ...connection,
    // Read again for each request, so that a changed password needs no restart.
    ...(credentials !== undefined && { credentials: async () => (await read()) ?? credentials }),
  });
}

/**
 * Without the template the indexer would guess types and fields from what comes first. A user who may not look goes on
 * with a warning; one who may not install what is missing does not.
 */
async function ensureTemplate(client: ReturnType<typeof connect>, { log }: Context): Promise<void> {
  const found = await checkSetup(client).catch((error: unknown) => {
    if (!isForbidden(error)) throw failureOf(error);
    log.warning(
      `${error.message}; whether the index template is in place is not known: let an administrator run setup.`,
    );
    return [];
  });
  const missing = found.some(({ outcome }) => outcome === "missing");
  const current = !missing && found.every(({ outcome }) => outcome !== "older");
  const steps = current
    ? found
    : await setup(client).catch((error: unknown) => {
        // With an older template the events are stored as they were before.
        if (missing || !isForbidden(error)) throw failureOf(error);
        return found;
      });
  for (const step of steps) {
    if (step.outcome === "current") log.debug(step.message);
    else if (step.outcome === "installed" || step.outcome === "upgraded") log.info(step.message);
    else log.warning(step.message);
  }
}

function isForbidden(error: unknown): error is IndexerError {
  return error instanceof IndexerError && error.status === 403;
}

export function failureOf(error: unknown): unknown {
  if (!(error instanceof IndexerError)) return error;
  const code = error.code === "INDEXER_SETTINGS" ? exitCode.configuration : exitCode.unreachable;
  return new Failure(code, error.message, { cause: error });
}
