import { setTimeout as delay } from "node:timers/promises";
import { explain, findSigner, lakeCredentials } from "@threatlockdown/aws-auth";
import { readCredentials } from "@threatlockdown/indexer-client";
import { administratorPolicy } from "./administrator-rights.ts";
import { CannotRun } from "./cannot-run.ts";
import { type Check, type Result, runChecks } from "./check.ts";
import { areRefused } from "./checks/credentials.ts";
import { checks } from "./checks/table.ts";
import { type Asker, type Indexer, openIndexer } from "./indexer.ts";
import { createLake, requestHandlerOf, type Surroundings } from "./lake.ts";
import type { Manager } from "./manager.ts";
import { namesOfArguments, namesOfEnvironment, namesOfManager, namesOfOptions, namesOfSubscriber } from "./names.ts";
import { type Form, formIn, help, listed, type Options, parseOptions, watchMilliseconds } from "./options.ts";
import { explained } from "./report/docs.ts";
import { fixPlan } from "./report/fix-plan.ts";
import { htmlReport } from "./report/html.ts";
import { jsonList, jsonReport } from "./report/json.ts";
import { junitReport } from "./report/junit.ts";
import { mapResult, type Names, redaction, revealed } from "./report/redact.ts";
import { textList, textReport } from "./report/text.ts";
import { externalIdVariable } from "./setting.ts";
import { readSubscribers, type Subscribers } from "./subscribers.ts";
import { type Look, notRun, type Verdict, verdictOf } from "./verdict.ts";

/** The way out of the program, and what tests put in its place. */
export interface World {
  readonly environment: NodeJS.ProcessEnv;
  readonly print: (text: string) => void;
  readonly complain: (line: string) => void;
  readonly colours: boolean;
  readonly wait: (milliseconds: number) => Promise<unknown>;
  /** Default: `limits`. */
  readonly limits?: typeof limits;
  /** Since when somebody waits, by `performance.now()`. Default: the call of `run`. */
  readonly started?: number;
  /** Beside what the options say. */
  readonly surroundings?: Surroundings;
}

/** Milliseconds: of one check, and of a whole run, which a person waits for; what comes before its checks counts. */
export const limits = { timeout: 6_000, total: 9_000 };

/**
 * Prints the report and returns the exit code.
 * @throws CannotRun
 */
export async function run(argv: readonly string[], world: World): Promise<number> {
  const form = formIn(argv);
  const report = reportOf(form);
  const look = { colours: world.colours };
  try {
    return await answer(parseOptions(argv), world, (verdict, results) => report(verdict, results, look));
  } catch (error) {
    if (!(error instanceof CannotRun)) throw error;
    const told = form.redact ? redacted(error, namesOfArguments(argv)) : error;
    // Who reads the report with a program finds one; a person reads the line that follows.
    if (report !== textReport) world.print(report(notRun(told.message, told.results), told.results, look));
    throw told;
  }
}

type Tell = (verdict: Verdict, results: readonly Result[]) => string;

/** @throws CannotRun */
async function answer(options: Options, world: World, report: Tell): Promise<number> {
  if (options.help) {
    world.print(help);
    return 0;
  }
  if (options["admin-policy"]) {
    world.print(`${JSON.stringify(administratorPolicy, null, 2)}\n`);
    return 0;
  }
  checkOutput(options);
  const all = checks({ receive: !options["no-receive"], probe: !options["no-probe"] });
  if (options.explain !== undefined) {
    world.print(explained(checkOf(options.explain, all)));
    return 0;
  }
  if (options.list) {
    const table = chosen(all, options);
    world.print(options.output === "json" ? jsonList(table) : textList(table));
    return 0;
  }
  return keepTelling(all, options, world, report);
}

/** @throws CannotRun */
async function keepTelling(all: readonly Check[], options: Options, world: World, report: Tell): Promise<number> {
  const table = chosen(all, options);
  const redacting = (line: string) => world.complain(redaction([line], namesOfOptions(options))(line));
  const complain = options.redact ? redacting : world.complain;
  const { total } = world.limits ?? limits;
  let end = (world.started ?? performance.now()) + total;
  const found = await readSubscribers(options, world.environment, complain);
  const surroundings = await surroundingsOf(options, world, found, end);
  await checkAdministrator(options, world, found, surroundings, end);
  await readIndexerAdmin(options, world);
  const service = options["indexer-sigv4"];
  if (service !== undefined && service !== "es") {
    throw new CannotRun(`--indexer-sigv4 ${service}: only es, domains of Amazon OpenSearch, can be looked at.`);
  }
  let told: string | undefined;
  for (;;) {
    const results = await verify(table, found, surroundings, options, world, end);
    const verdict = verdictOf(results, { strict: options.strict });
    const states = JSON.stringify(results.map(({ state }) => state));
    const open = results.filter(({ state, awaited }) => state === "failed" || awaited);
    const ends = !options.watch || open.length === 0;
    if (states !== told) {
      world.print(report(verdict, results));
      if (!ends) complain(waitingFor(open));
    }
    told = states;
    if (ends) return verdict.exitCode;
    await world.wait(watchMilliseconds);
    end = performance.now() + total;
  }
}

function waitingFor(open: readonly Result[]): string {
  const ids = [...new Set(open.map(({ check }) => check.id))].join(", ");
  return `Waiting for ${ids}: it runs again every ${watchMilliseconds / 1000} s and tells all anew when a check has changed; Ctrl-C ends it.`;
}

function redacted({ message, results }: CannotRun, names: Names): CannotRun {
  const redact = redactionOf(results, names, message);
  return new CannotRun(
    redact(message),
    results.map((result) => mapResult(result, redact)),
  );
}

function redactionOf(results: readonly Result[], names: Names, ...more: string[]): (text: string) => string {
  return redaction([...more, ...results.map(({ check: _, ...told }) => JSON.stringify(told))], names);
}

async function surroundingsOf(
  options: Options,
  world: World,
  { manager }: Subscribers,
  end: number,
): Promise<Surroundings> {
  const { region, accounts, bucket, "admin-profile": profile } = options;
  const stale = Number(options.stale);
  checkProxies(world.environment);
  if (!(stale > 0)) throw new CannotRun(`--stale ${options.stale} is no number of hours.`);
  // A file that is given counts, and the variable does not.
  const unused = options["external-id-file"] === undefined ? {} : { [externalIdVariable]: undefined };
  return {
    environment: { ...world.environment, ...unused },
    announced: new Map(),
    ...world.surroundings,
    staleHours: stale,
    ...(manager !== undefined && { manager }),
    ...(region !== undefined && { region }),
    ...(accounts !== undefined && { accounts: listed(accounts) }),
    ...(bucket !== undefined && { buckets: listed(bucket) }),
    ...(profile !== undefined && { admin: await administrator(profile, world, end) }),
  };
}

/** Node tells the whole URL in its own error, and that may have a password in it. */
function checkProxies(environment: NodeJS.ProcessEnv): void {
  try {
    requestHandlerOf(environment);
  } catch {
    throw new CannotRun("HTTP_PROXY or HTTPS_PROXY is no URL of a proxy; write it as http://host:port.");
  }
}

/** Looked up before anything else: a name that is wrong would make every check of the administrator's say so. */
async function administrator(
  profile: string,
  { environment, limits: { timeout: most } = limits }: World,
  end: number,
): Promise<NonNullable<Surroundings["admin"]>> {
  const credentials = lakeCredentials({ profile, requestHandler: requestHandlerOf(environment) });
  const timeout = Math.max(1, Math.min(most, end - performance.now()));
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const seconds = Math.round(timeout / 1000);
    timer = setTimeout(() => reject(new Error(`it has given no credentials within ${seconds} s`)), timeout);
  });
  try {
    await Promise.race([credentials(), late]);
  } catch (error) {
    throw new CannotRun(`--admin-profile ${profile}: ${(error as Error).message}.`);
  } finally {
    clearTimeout(timer);
  }
  return credentials;
}

/**
 * The same of keys that AWS does not take: what the role could show would be left open, too, and no check is about them.
 * What else keeps AWS from answering is told by the checks.
 */
async function checkAdministrator(
  { "admin-profile": profile }: Options,
  { limits: { timeout: most } = limits }: World,
  { subscribers: [subscriber] }: Subscribers,
  surroundings: Surroundings,
  end: number,
): Promise<void> {
  if (profile === undefined || subscriber === undefined) return;
  const { admin } = createLake(subscriber, surroundings);
  const waiting = new AbortController();
  const late = delay(Math.max(1, Math.min(most, end - performance.now())), undefined, { signal: waiting.signal });
  try {
    await Promise.race([admin?.(), late]);
  } catch (error) {
    if (!areRefused(error)) return;
    throw new CannotRun(`--admin-profile ${profile}: AWS does not take its credentials: ${explain(error)}.`);
  } finally {
    waiting.abort();
    await late.catch(() => {});
  }
}

/** A file that is wrong would make every check of that user's say so. */
async function readIndexerAdmin({ "indexer-admin": file }: Options, { environment }: World): Promise<void> {
  if (file === undefined) return;
  await readCredentials(file, environment).catch((error: Error) => {
    throw new CannotRun(`--indexer-admin: ${error.message}`);
  });
}

/** All subscribers at once: together they take no longer than the slowest. */
async function verify(
  table: readonly Check[],
  { subscribers }: Subscribers,
  surroundings: Surroundings,
  options: Options,
  world: World,
  end: number,
): Promise<Result[]> {
  await using indexer = indexerOf(surroundings.manager, options, world.environment);
  const all = { ...surroundings, ...(indexer !== undefined && { indexer }) };
  const found = await Promise.all(
    subscribers.map(async (subscriber, at) => {
      const own = at === 0 ? table : table.filter(({ once }) => !once);
      const { timeout } = world.limits ?? limits;
      const results = await runChecks(own, createLake(subscriber, all), { timeout, total: end - performance.now() });
      const { externalId } = subscriber;
      if (!options["show-external-id"] || externalId === undefined) return results;
      return results.map((result) => mapResult(result, revealed(externalId)));
    }),
  );
  const results = found.flat();
  if (!options.redact) return results;
  const names = [
    ...namesOfOptions(options),
    ...namesOfEnvironment(world.environment),
    ...subscribers.flatMap(namesOfSubscriber),
    ...(await namesOfManager(surroundings.manager, indexer)),
  ];
  const redact = redactionOf(results, names);
  return results.map((result) => mapResult(result, redact));
}

/** The indexer that the subscriber writes to, found as it finds it; another one for each run. */
function indexerOf(
  manager: Manager | undefined,
  options: Options,
  environment: NodeJS.ProcessEnv,
): Indexer | undefined {
  const settings = manager?.settings.indexer;
  if (settings?.enabled !== true || settings.hosts.length === 0) return undefined;
  const { "indexer-credentials": own, "indexer-admin": admin, "indexer-sigv4": service } = options;
  const basic = (file: string | undefined) => async () => {
    const found = await readCredentials(file, environment);
    return found && { basic: found };
  };
  return openIndexer(settings, {
    own: service === undefined ? basic(own) : () => signerOf(settings.hosts, options, environment),
    ...(admin !== undefined && { admin: basic(admin) }),
  });
}

async function signerOf(hosts: readonly string[], options: Options, environment: NodeJS.ProcessEnv): Promise<Asker> {
  const { "indexer-region": region, "indexer-profile": profile, "indexer-role": roleArn } = options;
  const signer = await findSigner({
    hosts,
    region,
    profile,
    roleArn,
    requestHandler: requestHandlerOf(environment),
  });
  const name = roleArn ?? (profile === undefined ? "of AWS who signs" : `of the profile ${profile}`);
  return { sigv4: { service: "es", ...signer }, name };
}

type Report = (verdict: Verdict, results: readonly Result[], look: Look) => string;

const reports: Readonly<Record<string, Report>> = {
  text: textReport,
  json: jsonReport,
  junit: junitReport,
  html: htmlReport,
};
const fixPlanReport: Report = ({ error }, results) => fixPlan(results, error);

/** A plan is text; a form that there is not is told in text. */
function reportOf({ output, plan }: Form): Report {
  if (plan && output === "text") return fixPlanReport;
  return Object.hasOwn(reports, output) ? (reports[output] as Report) : textReport;
}

/** A form that is not given would be taken for the one that was asked for. @throws CannotRun */
function checkOutput({ output, list, "fix-plan": plan, redact, "show-external-id": show }: Options): void {
  if (redact && show)
    throw new CannotRun("Give --redact or --show-external-id, not both: the one masks secrets, the other shows one.");
  if (!Object.hasOwn(reports, output)) {
    throw new CannotRun(`--output ${output} is none of ${Object.keys(reports).join(", ")}.`);
  }
  if (plan && output !== "text")
    throw new CannotRun(`--fix-plan prints commands, which --output ${output} does not hold.`);
  if (list && output !== "text" && output !== "json") throw new CannotRun("--list is printed as text or json.");
}

/** @throws CannotRun for a name that is no check's */
function checkOf(id: string, table: readonly Check[]): Check {
  const found = table.find((check) => check.id === id);
  if (found === undefined) throw new CannotRun(`There is no check "${id}"; --list shows them.`);
  return found;
}

/** @throws CannotRun for a name that is no check's, and where none is left */
function chosen(table: readonly Check[], { only, skip }: Options): readonly Check[] {
  for (const id of [...listed(only), ...listed(skip)]) checkOf(id, table);
  const wanted = new Set(only === undefined ? table.map(({ id }) => id) : listed(only));
  const left = table.filter(({ id }) => wanted.has(id) && !listed(skip).includes(id));
  if (left.length === 0) throw new CannotRun("--only and --skip leave no check; --list shows them.");
  return left;
}
