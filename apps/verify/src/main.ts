#!/usr/bin/env node
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { lakeCredentials } from "@threatlockdown/aws-auth";
import { issueLine, readSettings } from "@threatlockdown/ossec-config";
import { type Check, type Result, runChecks } from "./check.ts";
import { checks } from "./checks/table.ts";
import { createLake } from "./lake.ts";
import type { Manager } from "./manager.ts";
import { fixPlan } from "./report/fix-plan.ts";
import { htmlReport } from "./report/html.ts";
import { jsonList, jsonReport } from "./report/json.ts";
import { junitReport } from "./report/junit.ts";
import { mapResult, redaction, revealed } from "./report/redact.ts";
import { textList, textReport } from "./report/text.ts";
import { type Verdict, verdictOf } from "./verdict.ts";

const couldNotRun = 2;
const defaultConfiguration = "/var/ossec/etc/ossec.conf";
const checkMilliseconds = 10_000;
const watchMilliseconds = 10_000;

const help = `Checks a Security Lake subscription and says what is wrong, who must change what, and with which text.

Usage: security-lake-verify [options]

  --config FILE          the manager's configuration (${defaultConfiguration})
  --admin-profile NAME   AWS profile for what the lake's role may not look at; it is only ever looked with
  --accounts A,B         accounts that should send events
  --output FORM          text (default), json, junit or html
  --only A,B, --skip A,B checks to run, or to leave out
  --no-receive           leave out what receives a message from the queue
  --strict               exit code 3 where there are warnings only
  --redact               mask account numbers, ARNs and names, for pasting into a ticket
  --show-external-id     write the external ID into policies and commands, for pasting into AWS
  --fix-plan             print the changes as commands of the AWS CLI, and run none
  --watch                run again every ${watchMilliseconds / 1000} s until nothing fails, for the minutes after a set-up
  --state FOLDER         where the subscriber keeps dead letters
  --list                 print the checks, and run none
  --help

Nothing is changed: one message is received from the queue of each subscriber and given back at once.
Exit code: 0 nothing failed, 1 something failed, 2 it could not run, 3 warnings only, with --strict.
`;

/** Told as one line; nothing was checked. */
class CannotRun extends Error {}

type Options = ReturnType<typeof parse>["values"];

/** Prints the report and returns the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const { values } = parse(argv);
  const print = (text: string) => void process.stdout.write(text);
  if (values.help) {
    print(help);
    return 0;
  }
  const report = values["fix-plan"] ? fixPlanReport : reports[values.output];
  if (report === undefined) {
    throw new CannotRun(`--output ${values.output} is none of ${Object.keys(reports).join(", ")}.`);
  }
  const table = chosen(checks({ receive: !values["no-receive"] }), values);
  if (values.list) {
    print(values.output === "json" ? jsonList(table) : textList(table));
    return 0;
  }
  const manager = await readManager(values);
  for (;;) {
    const results = await verify(table, manager, values);
    const verdict = verdictOf(results, { strict: values.strict });
    print(report(verdict, results));
    if (!values.watch || verdict.exitCode !== 1) return verdict.exitCode;
    await delay(watchMilliseconds);
  }
}

async function verify(table: readonly Check[], manager: Manager, values: Options): Promise<Result[]> {
  const results: Result[] = [];
  const admin = values["admin-profile"];
  for (const subscriber of manager.settings.modules.flatMap((module) => module.subscribers)) {
    const lake = createLake(subscriber, {
      manager,
      accounts: listed(values.accounts),
      ...(admin !== undefined && { admin: lakeCredentials({ profile: admin }) }),
    });
    const found = await runChecks(table, lake, { timeout: checkMilliseconds });
    const { externalId } = subscriber;
    const reveal =
      values["show-external-id"] && externalId !== undefined ? revealed(externalId) : (text: string) => text;
    results.push(...found.map((result) => mapResult(result, reveal)));
  }
  if (!values.redact) return results;
  const redact = redaction(results.map(({ check: _, ...told }) => JSON.stringify(told)));
  return results.map((result) => mapResult(result, redact));
}

type Report = (verdict: Verdict, results: readonly Result[]) => string;

const reports: Readonly<Record<string, Report>> = {
  text: (verdict, results) => textReport(verdict, results, process.stdout.isTTY && !process.env.NO_COLOR),
  json: jsonReport,
  junit: (_, results) => junitReport(results),
  html: htmlReport,
};
const fixPlanReport: Report = (_, results) => fixPlan(results);

/** @throws CannotRun for a name that is no check's */
function chosen(table: readonly Check[], { only, skip }: Options): readonly Check[] {
  const known = new Set(table.map(({ id }) => id));
  const wrong = [...listed(only), ...listed(skip)].find((id) => !known.has(id));
  if (wrong !== undefined) throw new CannotRun(`There is no check "${wrong}"; --list shows them.`);
  const wanted = only === undefined ? known : new Set(listed(only));
  return table.filter(({ id }) => wanted.has(id) && !listed(skip).includes(id));
}

function listed(text: string | undefined): string[] {
  return (text ?? "").split(",").flatMap((part) => (part.trim() === "" ? [] : [part.trim()]));
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        config: { type: "string", default: defaultConfiguration },
        state: { type: "string" },
        "admin-profile": { type: "string" },
        accounts: { type: "string" },
        output: { type: "string", default: "text" },
        only: { type: "string" },
        skip: { type: "string" },
        "no-receive": { type: "boolean", default: false },
        strict: { type: "boolean", default: false },
        redact: { type: "boolean", default: false },
        "show-external-id": { type: "boolean", default: false },
        "fix-plan": { type: "boolean", default: false },
        watch: { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (cause) {
    throw new CannotRun(`${(cause as Error).message.split("\n")[0]} See --help.`);
  }
}

/** The subscribers of Security Lake, of disabled modules too. What is wrong with the file goes to standard error. */
async function readManager({ config: file, state }: Options): Promise<Manager> {
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
  if (settings.modules.some(({ subscribers }) => subscribers.length > 0)) {
    return { file, settings, issues, state: state ?? defaultState(file) };
  }
  throw new CannotRun(`The configuration ${file} has no <subscriber type="security_lake"> in a <wodle name="aws-s3">.`);
}

/** Where the wodle keeps it unless it is told otherwise: below the manager's folder, or beside the file. */
function defaultState(configuration: string): string {
  const folder = dirname(configuration);
  return basename(folder) === "etc" ? join(dirname(folder), "var", "security-lake") : join(folder, "security-lake");
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const line = error instanceof CannotRun ? error.message : `Unknown error: ${(error as Error).stack ?? String(error)}`;
  process.stderr.write(`ERROR: ${line}\n`);
  process.exitCode = couldNotRun;
}
