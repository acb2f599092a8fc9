import { stat } from "node:fs/promises";
import { type DeadLetter, openDeadLetter, type Replayed, replay as sendAgain } from "@threatlockdown/indexer-client";
import type { Command, Context } from "../command.ts";
import { deadLetterFile, readConfiguration } from "../configuration.ts";
import { exitCode, Failure } from "../exit-code.ts";
import { failureOf, openIndexer } from "../indexer.ts";
import { indexerOptions, indexerOptionsHelp, writerOptions, writerOptionsHelp } from "../indexer-options.ts";
import { readSubscriberOptions } from "../subscriber-options.ts";
import { counted } from "../summary.ts";
import { unreadable } from "../unreadable.ts";

export const replay: Command = {
  summary: "send the documents of a dead letter file to the indexer again",
  help: `Sends the documents of a dead letter file to the indexer again, under the same ids: what is stored already stays as it is.

Usage: security-lake-wodle replay --dead-letter FILE [options]

  --dead-letter FILE          one that the subscriber has written, or set aside
  --config FILE               the manager's configuration
  --state FOLDER              where documents that are refused again are kept
${indexerOptionsHelp}${writerOptionsHelp}  --json                      the result as JSON

FILE is read, never changed: delete it when all of it is stored. What is refused again is kept in dead-letter.ndjson of
the state folder, with its new reason; where that is FILE itself, it stays there as it is. Messages in FILE are counted,
not sent: once their cause is mended, put the body of each into the queue again, for example
(security-lake-verify --only dead-letters prints more of this, filled in):

  jq -r 'select(.kind == "message").body' FILE |
    while IFS= read -r body; do aws sqs send-message --queue-url URL --message-body "$body"; done
`,
  options: {
    "dead-letter": { type: "string" },
    config: { type: "string" },
    state: { type: "string" },
    ...indexerOptions,
    ...writerOptions,
    json: { type: "boolean" },
  },

  async run(values, _positionals, context) {
    const file = values["dead-letter"];
    if (typeof file !== "string") throw new Failure(exitCode.usage, "Give --dead-letter FILE. See --help.");
    const { config, indexer: options, state } = readSubscriberOptions(values);
    const settings = await readConfiguration(config, context.log);
    const deadLetter = await deadLetterOf(file, deadLetterFile(state));
    try {
      const indexer = await openIndexer(settings, options, deadLetter, context);
      try {
        const replayed = await sendAgain(file, indexer.writer, context.signals.stop);
        checkEntries(replayed, file);
        tell(replayed, file, state, context);
        context.print(values.json ? `${json(replayed)}\n` : text(replayed, file));
        return exitCode.ok;
      } finally {
        await indexer.close();
      }
    } catch (error) {
      throw endOf(error, file, context);
    } finally {
      await deadLetter.close();
    }
  },
};

/** Where the file that is read is that of the state folder, all that can be refused again stands in it already. */
async function deadLetterOf(file: string, own: string): Promise<DeadLetter> {
  const [read, kept] = await Promise.all([file, own].map((path) => stat(path).catch(() => undefined)));
  const same = read !== undefined && read.ino === kept?.ino && read.dev === kept.dev;
  return same ? { keep: async () => {}, close: async () => {} } : openDeadLetter(own);
}

/** @throws Failure */
function checkEntries({ stored, alreadyStored, deadLettered, others, unreadable }: Replayed, file: string): void {
  if (unreadable === 0 || stored + alreadyStored + deadLettered + others.size > 0) return;
  throw new Failure(exitCode.usage, `${file} is no dead letter file: ${counted(unreadable, "line")}, and no entry.`);
}

function endOf(error: unknown, file: string, { signals }: Context): unknown {
  if (signals.stop.aborted) {
    return new Failure(exitCode.usage, `${file}: stopped before its end; to replay all of it again is harmless.`);
  }
  const cause = error as NodeJS.ErrnoException;
  // A folder can be opened; the error of reading it names no path.
  if (cause.path !== file && cause.code !== "EISDIR") return failureOf(error);
  const line = unreadable("--dead-letter", file, cause, "name one that the subscriber has written");
  return new Failure(exitCode.usage, line, { cause });
}

function tell({ deadLettered, others, unreadable }: Replayed, file: string, state: string, { log }: Context): void {
  if (deadLettered > 0) {
    log.warning(`${file}: refused again: ${counted(deadLettered, "document")}, kept with the reason in ${state}.`);
  }
  if (unreadable > 0) {
    log.warning(`${file}: ${counted(unreadable, "line")} cannot be read as an entry; a crash may have torn one.`);
  }
  const messages = others.get("message") ?? 0;
  if (messages > 0) {
    log.warning(
      `${file}: not sent: ${counted(messages, "message")}, whose place is the queue: put the body there again, as --help shows.`,
    );
  }
}

function json({ others, ...counts }: Replayed): string {
  return JSON.stringify({ ...counts, others: Object.fromEntries(others) });
}

function text({ stored, alreadyStored, deadLettered, others, unreadable }: Replayed, file: string): string {
  const lines: [string, string | number][] = [
    ["Dead letter", file],
    ["Documents", stored + alreadyStored + deadLettered],
    ["  stored", stored],
    ["  already stored", alreadyStored],
    ["  refused again", deadLettered],
    ...[...others].map(([kind, count]): [string, string] => [`Of kind ${kind}`, `${count}, not sent`]),
    ["Unreadable lines", unreadable],
  ];
  return lines.map(([name, value]) => `${name.padEnd(20)}${value}\n`).join("");
}
