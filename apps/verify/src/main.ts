#!/usr/bin/env node
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { issueLine, readSettings, type Subscriber } from "@threatlockdown/ossec-config";
import { type Result, runChecks } from "./check.ts";
import { checks } from "./checks/table.ts";
import { createLake } from "./lake.ts";
import { jsonList, jsonReport } from "./report/json.ts";
import { textList, textReport } from "./report/text.ts";
import { verdictOf } from "./verdict.ts";

const couldNotRun = 2;
const defaultConfiguration = "/var/ossec/etc/ossec.conf";
const checkMilliseconds = 20_000;

const help = `Checks the AWS side of a Security Lake subscription and says what to fix.

Usage: security-lake-verify [options]

  --config FILE       the manager's configuration (${defaultConfiguration})
  --output text|json  for people (default), or for programs
  --no-receive        leave out what receives a message from the queue
  --list              print the checks, and run none
  --help

Nothing is changed: one message is received from the queue of each subscriber and given back at once.
Exit code: 0 nothing failed, 1 something failed, 2 it could not run.
`;

/** Told as one line; nothing was checked. */
class CannotRun extends Error {}

/** Prints the report and returns the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const { values } = parse(argv);
  const print = (text: string) => void process.stdout.write(text);
  if (values.help) {
    print(help);
    return 0;
  }
  const { output } = values;
  if (output !== "text" && output !== "json") throw new CannotRun(`--output ${output} is neither text nor json.`);
  const table = checks({ receive: !values["no-receive"] });
  if (values.list) {
    print(output === "json" ? jsonList(table) : textList(table));
    return 0;
  }
  const subscribers = await readSubscribers(values.config);
  const results: Result[] = [];
  for (const subscriber of subscribers) {
    results.push(...(await runChecks(table, createLake(subscriber), { timeout: checkMilliseconds })));
  }
  const verdict = verdictOf(results);
  const colours = process.stdout.isTTY && !process.env.NO_COLOR;
  print(output === "json" ? jsonReport(verdict, results) : textReport(verdict, results, colours));
  return verdict.exitCode;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        config: { type: "string", default: defaultConfiguration },
        output: { type: "string", default: "text" },
        "no-receive": { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (cause) {
    throw new CannotRun(`${(cause as Error).message.split("\n")[0]} See --help.`);
  }
}

/** The subscribers of Security Lake, of disabled modules too. What is wrong with the file goes to standard error. */
async function readSubscribers(file: string): Promise<readonly Subscriber[]> {
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new CannotRun(
      `The configuration ${file} cannot be read (${cause.code}): give the manager's ossec.conf by --config.`,
    );
  });
  const { settings, issues } = readSettings(text);
  for (const issue of issues) if (issue.severity !== "info") process.stderr.write(`${issueLine(issue, file)}\n`);
  const errors = issues.filter(({ severity }) => severity === "error").length;
  if (errors > 0)
    throw new CannotRun(`The configuration ${file} has ${errors} error${errors === 1 ? "" : "s"}, see above.`);
  const subscribers = settings.modules.flatMap((module) => module.subscribers);
  if (subscribers.length > 0) return subscribers;
  throw new CannotRun(`The configuration ${file} has no <subscriber type="security_lake"> in a <wodle name="aws-s3">.`);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const line = error instanceof CannotRun ? error.message : `Unknown error: ${(error as Error).stack ?? String(error)}`;
  process.stderr.write(`ERROR: ${line}\n`);
  process.exitCode = couldNotRun;
}
