import { join } from "node:path";
import type { Command, Values } from "./command.ts";
import { deadLetterFile, defaultConfiguration, defaultState, managerFolder } from "./configuration.ts";
import { exitCode, Failure } from "./exit-code.ts";
import {
  type IndexerOptions,
  indexerOptions,
  indexerOptionsHelp,
  readIndexerOptions,
  readWriterOptions,
  type WriterOptions,
  writerOptions,
  writerOptionsHelp,
} from "./indexer-options.ts";
import { type LakeOptions, lakeOptions, lakeOptionsHelp, readLakeOptions } from "./lake-options.ts";

/** What the commands that run subscribers understand. */
export const subscriberOptions: Command["options"] = {
  config: { type: "string" },
  state: { type: "string" },
  output: { type: "string" },
  ...indexerOptions,
  ...writerOptions,
  concurrency: { type: "string" },
  ...lakeOptions,
};

export const subscriberOptionsHelp = `  --config FILE               the manager's configuration (${defaultConfiguration})
  --state FOLDER              where dead letters are kept (var/security-lake beside the manager's etc)
  --output WHERE              indexer: the one of the configuration (default); file:FOLDER: NDJSON files;
                              analysisd: the manager's own engine, through its socket, as the stock module does
  --concurrency N             messages in work at a time at the most (32); those beyond 32 where it has time to spare
${lakeOptionsHelp}${indexerOptionsHelp}${writerOptionsHelp}`;

export interface SubscriberOptions {
  readonly config: string;
  readonly state: string;
  /** What sends its dead letters again, as it is typed. */
  readonly replayCommand: string;
  readonly output: string;
  /** The folder of the manager's sockets. */
  readonly sockets: string;
  readonly indexer: IndexerOptions & WriterOptions;
  readonly concurrency: number;
  readonly lake: LakeOptions;
}

/** @throws Failure */
export function readSubscriberOptions(values: Values): SubscriberOptions {
  const text = (name: string) => values[name] as string | undefined;
  const config = text("config") ?? defaultConfiguration;
  const concurrency = Number(text("concurrency") ?? 32);
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 1000) {
    throw new Failure(exitCode.usage, `--concurrency ${text("concurrency")} is not a whole number from 1 to 1000.`);
  }
  const state = text("state") ?? defaultState(config);
  return {
    config,
    state,
    replayCommand: replayCommand(values, state),
    output: text("output") ?? "indexer",
    sockets: join(managerFolder(config), "queue", "sockets"),
    indexer: { ...readIndexerOptions(values), ...readWriterOptions(values) },
    concurrency,
    lake: readLakeOptions(values),
  };
}

/** With those of the options that say where things are and who the indexer's user is. */
function replayCommand(values: Values, state: string): string {
  const given = ["config", "state", ...Object.keys(indexerOptions)].filter((name) => values[name] !== undefined);
  return [
    `security-lake-wodle replay --dead-letter ${quote(deadLetterFile(state))}`,
    ...given.map((name) => `--${name} ${quote(String(values[name]))}`),
  ].join(" ");
}

/** A word of the shell. */
function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
