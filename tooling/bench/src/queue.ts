import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { createLab } from "@threatlockdown/tooling-lab";
import { makeObject, type SourceName } from "@threatlockdown/tooling-lake";
import { createSubscription, type LocalAwsOptions, startLocalAws } from "@threatlockdown/tooling-local-aws";
import { build } from "tsup";
import { appOptions } from "../../tsup/app.ts";
import type { Report } from "./figure.ts";
import { median } from "./median.ts";
import type { Order, Outcome } from "./queue-consumer.ts";

const start = promisify(execFile);
const repository = join(import.meta.dirname, "../../..");
const sources: readonly SourceName[] = ["vpc_flow_2_0", "cloud_trail_mgmt_2_0", "route53_2_0", "eks_audit_2_0"];
/** Different objects; each is announced many times under keys of its own. */
const variants = 40;
/** As the first line of the apps says. */
const flags = ["--max-semi-space-size=16"];
/** MiB that the process may take at most. */
const allowedMemory = 256;

interface Measured extends Outcome {
  readonly perSecond: number;
  readonly callsEach: number;
}

/**
 * Queue and objects alone: messages whose objects are small, 20 ms on every call to AWS, a sink that accepts at once.
 * Ours against one object after the other. The stand-in of AWS runs in this process, what is measured in one of its own;
 * rounds interleaved, median of each. The serial one gets a tenth of the objects; its rate does not depend on how many.
 */
export async function run(report: Report, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      objects: { type: "string", default: "2000" },
      rows: { type: "string", default: "100" },
      latency: { type: "string", default: "20" },
      concurrency: { type: "string", default: "64" },
      rounds: { type: "string", default: "3" },
    },
  });
  const objects = Number(values.objects);
  const files = Array.from({ length: variants }, (_, seed) =>
    makeObject({ source: sources[seed % sources.length] as SourceName, rows: Number(values.rows), seed }),
  );
  const aws = await startLocalAws();
  const built = await mkdtemp(join(tmpdir(), "bench-queue-"));
  try {
    const consumer = await bundle(join(import.meta.dirname, "queue-consumer.ts"), join(built, "consumer"));
    const wodle = await bundle(join(repository, "apps/wodle/src/main.ts"), join(built, "wodle"));
    const subscription = createSubscription(aws);
    aws.faults.add({ latency: Number(values.latency) });
    const fill = (count: number) => {
      for (let number = 0; number < count; number++) {
        const { key, bytes } = files[number % variants] as (typeof files)[number];
        aws.putObject({ bucket: subscription.bucket, key: key.replace(/[^/]*$/, `${number}-$&`), body: bytes });
      }
    };
    const measure = async (mode: Order["mode"], count: number): Promise<Measured> => {
      fill(count);
      const { accessKeyId, secretAccessKey } = subscription.userCredentials;
      const { queueName: queue, region, roleArn, externalId } = subscription;
      const order: Order = {
        ...{ mode, url: aws.url, queue, region, roleArn, externalId, accessKeyId, secretAccessKey },
        ...{ objects: count, concurrency: Number(values.concurrency) },
      };
      const { stdout } = await start(process.execPath, [...flags, consumer, JSON.stringify(order)]);
      const outcome = JSON.parse(stdout) as Outcome;
      if (outcome.rows !== count * Number(values.rows)) throw new Error(`${outcome.rows} rows came, not all`);
      const left = aws.messages(subscription.queueUrl).length;
      if (left > 0) throw new Error(`${left} messages are left`);
      const calls = aws.requests.count({ service: "sqs" });
      aws.requests.clear();
      return { ...outcome, perSecond: count / outcome.seconds, callsEach: calls / count };
    };

    const ours: Measured[] = [];
    const serial: Measured[] = [];
    for (let round = 0; round < Number(values.rounds); round++) {
      ours.push(await measure("ours", objects));
      serial.push(await measure("serial", Math.max(10, Math.round(objects / 10))));
      const [a, b] = [ours.at(-1), serial.at(-1)] as [Measured, Measured];
      report.remark(
        `round ${round + 1}: ours ${Math.round(a.perSecond)} objects/s, ${((a.cpu / objects) * 1_000).toFixed(2)} ms CPU each, ` +
          `${Math.round(a.peakMemory / 2 ** 20)} MiB; serial ${b.perSecond.toFixed(1)} objects/s`,
      );
    }
    const shape = `${objects} objects of ${values.rows} rows, ${values.latency} ms`;
    const of = (rounds: readonly Measured[], value: keyof Measured) => median(rounds.map((one) => one[value]));
    const figure = (peer: string, a: number, b: number, unit: string, larger: boolean) =>
      report.figure({ bench: "queue", case: shape, peer, ratio: larger ? a / b : b / a, ours: a, theirs: b, unit });
    figure("serial", of(ours, "perSecond"), of(serial, "perSecond"), "objects/s", true);
    figure("serial", of(ours, "callsEach"), of(serial, "callsEach"), "SQS calls/message", false);
    const [first, bare] = await timeToFirstReceive(wodle, Number(values.rounds));
    figure("node -e 0", first, bare, "ms to the first receive", false);
    figure("allowed", of(ours, "peakMemory") / 2 ** 20, allowedMemory, "MiB at the most", false);
  } finally {
    await aws.close();
    await rm(built, { recursive: true });
  }
}

/**
 * From the start of the wodle's process, as it is built, to its first ReceiveMessage; beside a process that does nothing.
 * Best of each, after one start that leaves compiled code behind.
 */
async function timeToFirstReceive(wodle: string, rounds: number): Promise<[first: number, bare: number]> {
  let firstAt = Number.NaN;
  const onRequest: LocalAwsOptions["onRequest"] = ({ operation, at, duration }) => {
    if (operation === "ReceiveMessage" && Number.isNaN(firstAt)) firstAt = at.getTime() - duration;
  };
  await using lab = await createLab({ aws: { onRequest } });
  const timed = async (...args: readonly string[]): Promise<number> => {
    const started = performance.timeOrigin + performance.now();
    firstAt = Number.NaN;
    await start(process.execPath, args, { env: { PATH: process.env.PATH, ...lab.environment } });
    const ended = performance.timeOrigin + performance.now();
    return (Number.isNaN(firstAt) ? ended : firstAt) - started;
  };
  const config = join(lab.folder, "ossec.conf");
  const once = [...flags, wodle, "once", "--quiet", "--config", config, "--output", `file:${lab.folder}/out`];
  await timed(...once);
  const first: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < 5 * rounds; round++) {
    bare.push(await timed("-e", "0"));
    first.push(await timed(...once));
  }
  return [Math.min(...first), Math.min(...bare)];
}

/** Bundled as the apps are, so that neither its start nor its memory has in it what running from source takes. */
async function bundle(program: string, folder: string): Promise<string> {
  const launch = join(repository, "tooling/tsup/launch.ts");
  await build({ ...appOptions, config: false, entry: { main: launch, app: program }, outDir: folder });
  return join(folder, "main.js");
}
