import { readFile } from "node:fs/promises";
import {
  checkSetup,
  connect,
  createBulkWriter,
  type DeadLetter,
  IndexerError,
  type IndexerEvent,
  setup,
} from "@threatlockdown/indexer-client";
import type { Indexer, Settings } from "@threatlockdown/ossec-config";
import { createFileSink, createIndexerSink, type Documents, type Manager, type Sink } from "@threatlockdown/pipeline";
import type { Context } from "./command.ts";
import { exitCode, Failure } from "./exit-code.ts";
import { readIndexerCredentials } from "./indexer-credentials.ts";
import type { Log } from "./log.ts";

export interface DestinationOptions {
  /** `indexer`, or `file:` and a folder. */
  readonly output: string;
  readonly credentialsFile?: string | undefined;
  readonly deadLetter: DeadLetter;
}

/** Where the events of all subscribers go. */
export interface Destination {
  sink(documents: Documents): Sink;
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
  const folder = /^file:(.+)$/.exec(options.output)?.[1];
  if (folder !== undefined) return { sink: (documents) => createFileSink(documents, folder), close: async () => {} };
  if (options.output !== "indexer") {
    throw new Failure(exitCode.usage, `--output ${options.output} is neither "indexer" nor "file:FOLDER".`);
  }
  const client = await connectIndexer(settings.indexer, options.credentialsFile, context);
  await ensureTemplate(client, context);
  const writer = createBulkWriter(client, options.deadLetter, {
    signal: context.signals.end,
    on: indexerTeller(context.log),
  });
  return { sink: (documents) => createIndexerSink(documents, writer), close: () => writer.close() };
}

function indexerTeller(log: Log): (event: IndexerEvent) => void {
  return (event) => {
    if (event.kind === "answered") {
      log.debug(`Indexer: ${event.documents} documents, ${event.bytes} bytes in ${Math.round(event.milliseconds)} ms`);
    } else if (event.kind === "resumed" || event.kind === "smaller") log.info(event.message);
    else log.warning(event.message);
  };
}

/** Whose alerts they are. */
export function managerOf({ cluster }: Settings, hostname: string): Manager {
  const named = cluster?.enabled === true && !cluster.hidden;
  return { name: hostname, ...(named && { cluster: { name: cluster.name, node: cluster.nodeName } }) };
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
  const credentials = await readIndexerCredentials(credentialsFile, context.environment);
  if (credentials === undefined && indexer.hosts.some((host) => host.startsWith("https:")) && !indexer.certificate) {
    context.log.warning(
      "No user of the indexer is set: set INDEXER_USERNAME and INDEXER_PASSWORD, or give --indexer-credentials FILE.",
    );
  }
  const pem = (file: string) =>
    readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
      throw new Failure(exitCode.configuration, `<indexer>: the file ${file} cannot be read (${cause.code}).`, {
        cause,
      });
    });
  const ca = await Promise.all(indexer.certificateAuthorities.map(pem));
  return connect({
    nodes: indexer.hosts,
    ...(ca.length > 0 && { ca }),
    ...(indexer.certificate !== undefined && { certificate: await pem(indexer.certificate) }),
    ...(indexer.key !== undefined && { key: await pem(indexer.key) }),
    ...(credentials !== undefined && {
      // Read again for each request, so that a changed password needs no restart.
      credentials: async () => (await readIndexerCredentials(credentialsFile, context.environment)) ?? credentials,
    }),
  });
}

/**
 * Without the template the indexer would guess types and fields from what comes first. A user who may not look goes on
 * with a warning; one who may not install what is missing does not.
 */
async function ensureTemplate(client: ReturnType<typeof connect>, { log }: Context): Promise<void> {
  const found = await checkSetup(client).catch((error: unknown) => {
    if (!(error instanceof IndexerError) || error.code !== "denied") throw failureOf(error);
    log.warning(
      `${error.message}; whether the index template is in place is not known: let an administrator run setup.`,
    );
    return [];
  });
  const current = found.every(({ outcome }) => outcome !== "missing" && outcome !== "older");
  const steps = current
    ? found
    : await setup(client).catch((error: unknown) => {
        throw failureOf(error);
      });
  for (const step of steps) {
    if (step.outcome === "current") log.debug(step.message);
    else if (step.outcome === "installed" || step.outcome === "upgraded") log.info(step.message);
    else log.warning(step.message);
  }
}

export function failureOf(error: unknown): unknown {
  return error instanceof IndexerError ? new Failure(exitCode.unreachable, error.message, { cause: error }) : error;
}
