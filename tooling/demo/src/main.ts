import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createLab, type Lab, realSamples } from "@threatlockdown/tooling-lab";
import { makeLake } from "@threatlockdown/tooling-lake";
import { askFiles, askIndexer } from "./answers.ts";
import { type Indexer, openIndexer } from "./indexer.ts";
import { createProgress, type Progress } from "./progress.ts";
import { reportText, type WodleSummary } from "./report.ts";

const help = `The main job of ThreatLockDown Security Lake, on embedded parts: an AWS stand-in, a real OpenSearch and a lake with
objects of every source. Each is announced in the queue; the wodle runs once; then OpenSearch is asked what an analyst asks.

Usage: npx -y pnpm@12 demo [options]

  --objects N   objects of each source (3)
  --rows N      events of each object (300)
  --keep        leave everything running and print the addresses, until ctrl-C
  --help

OPENSEARCH_URL   use this server (https://user:password@host:9200) instead of starting one; what the demo writes there is
                 removed at the end
Results go to standard output, progress to standard error.
`;

const { values } = parseArgs({
  options: {
    objects: { type: "string", default: "3" },
    rows: { type: "string", default: "300" },
    keep: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

if (values.help) process.stdout.write(help);
else process.exitCode = await demo(Number(values.objects), Number(values.rows), values.keep);

async function demo(objects: number, rows: number, keep: boolean): Promise<number> {
  const progress = createProgress(process.stderr);
  const interrupted = new Promise<"interrupted">((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve("interrupted"));
  });
  const open: { indexer?: Indexer | undefined; lab?: Lab } = {};
  try {
    const work = run(objects, rows, progress, open);
    work.catch(() => {}); // An interruption ends what it waits for.
    const ended = await Promise.race([work, interrupted]);
    if (ended === "interrupted") return 130;
    process.stdout.write(`\n${ended}\n`);
    process.stdout.write(furtherText(open, keep));
    if (keep) {
      progress.line("Everything is left running; ctrl-C ends it.");
      await interrupted;
    }
    return 0;
  } catch (error) {
    progress.line(`ERROR: ${(error as Error).message}`);
    return 1;
  } finally {
    progress.step("Ending");
    const bucket = open.lab?.subscription.bucket ?? "";
    await open.lab?.close();
    await open.indexer?.close(bucket);
    progress.line("Ended; nothing is left behind.");
  }
}

async function run(
  objects: number,
  rows: number,
  progress: Progress,
  open: { indexer?: Indexer | undefined; lab?: Lab },
): Promise<string> {
  progress.step("Starting OpenSearch and the AWS stand-in");
  open.indexer = await openIndexer(process.env.OPENSEARCH_URL, progress);
  const lab = await createLab(open.indexer === undefined ? {} : { indexer: open.indexer });
  open.lab = lab;
  const folder = open.indexer === undefined ? await mkdtemp(join(tmpdir(), "security-lake-demo-")) : undefined;

  progress.step("Filling the lake");
  const { files, events } = fill(lab, objects, rows, progress);
  progress.line(`${files} objects with ${events} events announced in queue ${lab.subscription.queueName}`);

  progress.step("The wodle works");
  const output = folder === undefined ? [] : ["--output", `file:${folder}`];
  const wodle = lab.wodle(["once", "--json", ...output], (text) => {
    for (const line of text.trimEnd().split("\n")) progress.line(`wodle: ${line}`);
  });
  const { code } = await wodle.ended;
  if (code !== 0) throw new Error(`the wodle ended with exit code ${code}`);
  const summary = JSON.parse(wodle.stdout()) as WodleSummary;

  const answers =
    open.indexer === undefined
      ? await askFiles(folder as string)
      : await askIndexer(open.indexer, lab.subscription.bucket);
  const deadLetters = (await lab.deadLetters()).length;
  const report = reportText(
    { answers, summary, messagesLeft: lab.messages(), deadLetters },
    process.stdout.isTTY && process.env.NO_COLOR === undefined,
  );
  if (answers.total !== events)
    throw new Error(`${events} events were announced, ${answers.total} were found\n${report}`);
  return folder === undefined ? report : `${report}The alert documents are in ${folder}\n`;
}

/** Real objects of Security Lake's own writer, and generated ones with events of the last hour, of every source. */
function fill(lab: Lab, objects: number, rows: number, progress: Progress): { files: number; events: number } {
  let files = 0;
  let events = 0;
  for (const { key, bytes, events: contained } of realSamples()) {
    lab.put({ key, bytes });
    files++;
    events += contained.length;
  }
  for (const object of makeLake({ objects, rows, seed: "demo" })) {
    lab.put(object);
    files++;
    events += object.rows;
    progress.step("Filling the lake", `${files} objects, ${events} events`);
  }
  return { files, events };
}

function furtherText({ indexer, lab }: { indexer?: Indexer | undefined; lab?: Lab }, keep: boolean): string {
  if (lab === undefined || indexer === undefined) return "";
  const user = indexer.username === undefined ? "" : `-u ${indexer.username} `;
  const query = (text: string): string => `  curl -s ${user}'${indexer.url}/wazuh-alerts-*/_search?pretty&q=${text}'\n`;
  const looks = [
    keep ? "Look further:\n" : "Look further, with `demo --keep`:\n",
    query("rule.groups:amazon_security_lake"),
    query("rule.level:%3E=10&sort=timestamp:desc"),
    query("data.src_endpoint.ip:%2210.0.0.0/8%22"),
    `  curl -s ${user}'${indexer.url}/_cat/indices/wazuh-alerts-*?v'\n`,
  ];
  if (!keep) return looks.join("");
  const environment = Object.entries(lab.environment).map(([name, value]) => `  export ${name}=${value}\n`);
  return [
    ...looks,
    "\nThe stand-in of AWS, and the wodle again:\n",
    ...environment,
    `  aws sqs get-queue-attributes --attribute-names All --queue-url ${lab.subscription.queueUrl}\n`,
    `  npx -y pnpm@12 -s wodle once --config ${join(lab.folder, "ossec.conf")}\n`,
  ].join("");
}
