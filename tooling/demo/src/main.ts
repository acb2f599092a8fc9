import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { createLab, type Lab, type LakeFile, realSamples } from "@threatlockdown/tooling-lab";
import { makeLake } from "@threatlockdown/tooling-lake";
import { askFiles, askIndexer } from "./answers.ts";
import { type Indexer, openIndexer } from "./indexer.ts";
import { help, type Options, readOptions, UsageError } from "./options.ts";
import { createProgress, type Progress } from "./progress.ts";
import { reportText, type WodleSummary } from "./report.ts";

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = readOptions(args, process.env);
    if (options !== "help") return await demo(options);
    process.stdout.write(help);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`ERROR: ${error.message}\n`);
    return 2;
  }
}

async function demo(options: Options): Promise<number> {
  const { keep } = options;
  const progress = createProgress(process.stderr);
  const interruption = new AbortController();
  const { signal } = interruption;
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(name, () => interruption.abort());
  try {
    await using parts = new AsyncDisposableStack();
    parts.defer(() => progress.line("Ended; nothing is left running."));
    const { report, further } = await run(options, progress, parts, signal);
    process.stdout.write(`\n${report}\n${further}`);
    if (keep) {
      progress.line("Everything is left running; ctrl-C ends it.");
      await until(signal, new Promise(() => {}));
    }
    return 0;
  } catch (error) {
    if (signal.aborted) return keep ? 0 : 130;
    progress.line(`ERROR: ${(error as Error).message}`);
    return 1;
  }
}

/** What has to end later is given to `parts` as soon as it begins. */
async function run(
  { objects, rows, keep, server }: Options,
  progress: Progress,
  parts: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<{ report: string; further: string }> {
  const starting = openIndexer(server, progress, signal);
  starting.catch(() => {}); // It is awaited when the lake is made.
  let bucket = "";
  parts.defer(async () => (await starting.catch(() => undefined))?.close(bucket));
  // OpenSearch starts in the meantime.
  const files = await make(objects, rows, signal);
  const events = files.reduce((sum, file) => sum + file.events, 0);
  const indexer = await starting;
  const lab = parts.use(await createLab(indexer === undefined ? {} : { indexer }));
  ({ bucket } = lab.subscription);
  const folder = indexer === undefined ? await mkdtemp(join(tmpdir(), "security-lake-demo-")) : undefined;

  for (const file of files) lab.put(file);
  progress.line(`${files.length} objects with ${events} events announced in queue ${lab.subscription.queueName}`);

  progress.step("The wodle runs");
  const output = folder === undefined ? [] : ["--output", `file:${folder}`];
  const wodle = lab.wodle(["once", "--json", ...output], (text) => {
    for (const line of text.trimEnd().split("\n")) progress.line(`wodle: ${line}`);
  });
  const { code } = await until(signal, wodle.ended);
  if (code !== 0) throw new Error(`the wodle ended with exit code ${code}`);
  const summary = JSON.parse(wodle.stdout()) as WodleSummary;

  const answers = await until(signal, indexer === undefined ? askFiles(folder as string) : askIndexer(indexer, bucket));
  const deadLetters = (await lab.deadLetters()).length;
  const report = reportText(
    { answers, summary, messagesLeft: lab.messages(), deadLetters },
    process.stdout.isTTY && process.env.NO_COLOR === undefined,
  );
  if (answers.total !== events) {
    // What is there tells what is missing; the reason of the end is the last that is said.
    process.stdout.write(`\n${report}\n`);
    throw new Error(`${events} events were announced, ${answers.total} were found`);
  }
  return {
    report: folder === undefined ? report : `${report}The alert documents are in ${folder}\n`,
    further: indexer === undefined ? "" : furtherText(indexer, lab, keep ? await administratorOf(lab) : undefined),
  };
}

/** Rejects as soon as the signal is given; what it waited for may go on. */
async function until<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

interface DemoFile extends LakeFile {
  readonly events: number;
}

/** Real objects of Security Lake's own writer, and generated ones with events of the last hour, of every source. */
async function make(objects: number, rows: number, signal: AbortSignal): Promise<DemoFile[]> {
  const files: DemoFile[] = realSamples().map(({ key, bytes, events }) => ({ key, bytes, events: events.length }));
  for (const { key, bytes, rows: events } of makeLake({ objects, rows, seed: "demo" })) {
    files.push({ key, bytes, events });
    // Making is pure computation; signals and downloads have to get their turn.
    await turn();
    signal.throwIfAborted();
  }
  return files;
}

interface Administrator {
  readonly profile: string;
  /** AWS_SHARED_CREDENTIALS_FILE */
  readonly file: string;
}

async function administratorOf({ aws, folder }: Lab): Promise<Administrator> {
  const [profile, file] = ["administrator", join(folder, "aws-credentials")];
  const { accessKeyId, secretAccessKey } = aws.credentials;
  const lines = [`[${profile}]`, `aws_access_key_id=${accessKeyId}`, `aws_secret_access_key=${secretAccessKey}`];
  await writeFile(file, `${lines.join("\n")}\n`, { mode: 0o600 });
  return { profile, file };
}

/** @param administrator where everything is left running */
function furtherText(indexer: Indexer, lab: Lab, administrator: Administrator | undefined): string {
  const user = indexer.username === undefined ? "" : `-u ${indexer.username} `;
  const query = (text: string): string => `  curl -s ${user}'${indexer.url}/wazuh-alerts-*/_search?pretty&q=${text}'\n`;
  const looks = [
    administrator ? "Look further:\n" : "Look further, with `demo --keep`:\n",
    query("rule.groups:amazon_security_lake"),
    query("rule.level:%3E=10&sort=timestamp:desc"),
    query("data.src_endpoint.ip:%2210.0.0.0/8%22"),
    `  curl -s ${user}'${indexer.url}/_cat/indices/wazuh-alerts-*?v'\n`,
  ];
  if (administrator === undefined) return looks.join("");
  // The indexer's password is the user's own where OPENSEARCH_URL was given, and shown nowhere.
  const environment = Object.entries(lab.environment)
    .filter(([name]) => name.startsWith("AWS_"))
    .map(([name, value]) => `  export ${name}=${value}\n`);
  return [
    ...looks,
    "\nThe stand-in of AWS, and the wodle again:\n",
    ...environment,
    // Version 1 of the AWS CLI does not take the endpoint of SQS from the environment.
    `  aws sqs get-queue-attributes --endpoint-url $AWS_ENDPOINT_URL --attribute-names All --queue-url ${lab.subscription.queueUrl}\n`,
    `  npx -y pnpm@12 -s wodle once --config ${join(lab.folder, "ossec.conf")}\n`,
    "\nIs all of it right? As the subscriber sees it, and with an administrator of the stand-in:\n",
    `  npx -y pnpm@12 -s verify --config ${join(lab.folder, "ossec.conf")}\n`,
    `  export AWS_SHARED_CREDENTIALS_FILE=${administrator.file}\n`,
    `  npx -y pnpm@12 -s verify --config ${join(lab.folder, "ossec.conf")} --admin-profile ${administrator.profile}\n`,
  ].join("");
}
