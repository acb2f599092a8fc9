import { AuthError, findSigner } from "@threatlockdown/aws-auth";
import {
  type BulkWriter,
  type Client,
  type ConnectionOptions,
  checkDashboards,
  checkSetup,
  connect,
  createBulkWriter,
  type DeadLetter,
  IndexerError,
  type IndexerEvent,
  readConnection,
  readCredentials,
  type SigV4,
  setup,
} from "@threatlockdown/indexer-client";
import type { Indexer, Settings } from "@threatlockdown/ossec-config";
import { requestHandlerOf } from "./aws-requests.ts";
import type { Context } from "./command.ts";
import { exitCode, Failure } from "./exit-code.ts";
import type { IndexerOptions, Signing, WriterOptions } from "./indexer-options.ts";
import type { Log } from "./log.ts";
import { counted } from "./summary.ts";

export interface OpenIndexer {
  readonly writer: BulkWriter;
  /** Documents that were sent with their data unindexed so far. */
  readonly unindexed: () => number;
  readonly close: () => Promise<void>;
}

/**
 * The indexer of the configuration, with its template in place.
 *
 * @throws Failure
 */
export async function openIndexer(
  { indexer }: Settings,
  options: IndexerOptions & WriterOptions,
  deadLetter: DeadLetter,
  context: Context,
): Promise<OpenIndexer> {
  const client = await connectIndexer(indexer, options, context);
  await ensureTemplate(client, context);
  if (options.dashboards !== undefined) await lookAtDashboards(indexer as Indexer, options, context);
  const teller = indexerTeller(context.log);
  const writer = createBulkWriter(client, deadLetter, {
    ...options,
    signal: context.signals.end,
    on: teller.tell,
  });
  return {
    writer,
    unindexed: teller.unindexed,
    async close() {
      await writer.close();
      teller.tellTotals();
      await client.close();
    },
  };
}

/** So many documents are named one by one: a source that no mapping fits would fill the manager's log. */
const mostNamed = 10;

interface Teller {
  tell(event: IndexerEvent): void;
  /** How many documents there were in all, where not each was named. */
  tellTotals(): void;
  unindexed(): number;
}

function indexerTeller(log: Log): Teller {
  const told = { unindexed: 0, "dead-letter": 0 };
  return {
    tell(event) {
      switch (event.type) {
        case "answered":
          log.debug(
            `Indexer: ${event.documents} documents, ${event.bytes} bytes in ${Math.round(event.milliseconds)} ms`,
          );
          break;
        case "resumed":
        case "smaller":
          log.info(event.message);
          break;
        case "unindexed":
        case "dead-letter":
          if (++told[event.type] <= mostNamed) log.warning(event.message);
          else log.debug(event.message);
          break;
        default:
          log.warning(event.message);
      }
    },
    unindexed: () => told.unindexed,
    tellTotals() {
      const { unindexed, "dead-letter": deadLetters } = told;
      if (unindexed > mostNamed)
        log.warning(
          `Indexer: ${counted(unindexed, "document")} were sent with their data unindexed, of which ${mostNamed} are named above; those that were taken have the reason in security_lake.rejected.`,
        );
      if (deadLetters > mostNamed)
        log.warning(
          `Indexer: ${counted(deadLetters, "document")} went to the dead letter, of which ${mostNamed} are named above.`,
        );
    },
  };
}

/** @throws Failure */
export async function connectIndexer(
  indexer: Indexer | undefined,
  options: IndexerOptions & Partial<Pick<WriterOptions, "gzip">>,
  context: Context,
): Promise<Client> {
  if (indexer === undefined || !indexer.enabled || indexer.hosts.length === 0) {
    const write = "write <indexer><hosts><host>https://…:9200</host></hosts></indexer>";
    const [problem, fix] =
      indexer === undefined
        ? ["is missing", write]
        : indexer.enabled
          ? ["names no host", write]
          : ["is disabled", "write <enabled>yes</enabled> into it"];
    throw new Failure(
      exitCode.configuration,
      `<indexer> ${problem} in the configuration, so events have no destination: ${fix}.`,
    );
  }
  try {
    return await connect({
      ...(await readConnection(indexer)),
      ...(options.gzip === true && { compression: "gzip" }),
      ...(options.signing === undefined
        ? await basic(indexer, options.credentialsFile, context)
        : { sigv4: await signature(indexer, options.signing, context) }),
    });
  } catch (error) {
    throw failureOf(error);
  }
}

/** @throws IndexerError */
async function basic(
  { hosts, certificate }: Indexer,
  credentialsFile: string | undefined,
  { environment, log }: Context,
): Promise<Pick<ConnectionOptions, "credentials">> {
  const read = () => readCredentials(credentialsFile, environment);
  const credentials = await read();
  if (credentials === undefined && hosts.some((host) => host.startsWith("https:")) && !certificate) {
    log.warning(
      "No user of the indexer is set: set INDEXER_USERNAME and INDEXER_PASSWORD, or give --indexer-credentials FILE.",
    );
  }
  // Read again for each request, so that a changed password needs no restart.
  return credentials === undefined ? {} : { credentials: async () => (await read()) ?? credentials };
}

/** The profile's or the role's own credentials, which serve the indexer only. @throws AuthError */
async function signature(
  { hosts }: Indexer,
  { service, ...settings }: Signing,
  { environment }: Context,
): Promise<SigV4> {
  return { service, ...(await findSigner({ hosts, ...settings, requestHandler: requestHandlerOf(environment) })) };
}

/** Dashboards shows what the indexer has, and knows its users. @throws Failure */
export async function connectDashboards(
  indexer: Indexer,
  url: string,
  options: IndexerOptions,
  context: Context,
): Promise<Client> {
  return connectIndexer({ ...indexer, hosts: [url] }, options, context);
}

/** Without saved objects nothing is lost: whatever is wrong is a warning. */
async function lookAtDashboards(indexer: Indexer, options: IndexerOptions, context: Context): Promise<void> {
  const { log } = context;
  const client = await connectDashboards(indexer, options.dashboards as string, options, context);
  try {
    const { outcome, message } = await checkDashboards(client);
    if (outcome === "current") log.debug(message);
    else log.warning(message);
  } catch (error) {
    log.warning(`Dashboards: whether the saved objects are in place is not known: ${(error as Error).message}`);
  } finally {
    await client.close();
  }
}

/**
 * Without the template the indexer would guess types and fields from what comes first. A user who may not look goes on
 * with a warning; one who may not install a template that is missing does not. Whatever else is amiss (an older template,
 * no retention), events are stored all the same.
 */
async function ensureTemplate(client: Client, { log }: Context): Promise<void> {
  const found = await checkSetup(client).catch((error: unknown) => {
    if (!isForbidden(error)) throw failureOf(error);
    log.warning(
      `${error.message}; whether the index template is in place is not known: let an administrator run setup.`,
    );
    return [];
  });
  const [template] = found;
  const current = found.every(({ outcome }) => outcome !== "missing" && outcome !== "older");
  const steps = current
    ? found
    : await setup(client).catch((error: unknown) => {
        if (template?.outcome === "missing" || !(error instanceof IndexerError)) throw failureOf(error);
        if (error.status !== 403) log.warning(error.message);
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
  if (error instanceof AuthError) {
    const code = error.code === "AUTH_REGION" ? exitCode.region : exitCode.configuration;
    return new Failure(code, `Indexer: ${error.message}`, { cause: error });
  }
  if (!(error instanceof IndexerError)) return error;
  const file = error.code === "INDEXER_SETTINGS" || error.code === "INDEXER_DEAD_LETTER";
  const code = file ? exitCode.configuration : exitCode.unreachable;
  return new Failure(code, error.message, { cause: error });
}
