import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { AuthError, endpointUrl, lakeCredentials } from "@threatlockdown/aws-auth";
import { issueLine, readSettings, type Subscriber } from "@threatlockdown/ossec-config";
import { QueueError, queueAddress } from "@threatlockdown/sqs-consumer";
import { CannotRun } from "./cannot-run.ts";
import { configuration, remarks } from "./checks/configuration.ts";
import { counted } from "./count.ts";
import type { Manager } from "./manager.ts";
import { defaultConfiguration, type Options } from "./options.ts";
import { externalIdVariable } from "./setting.ts";

/** What is to be checked. */
export interface Subscribers {
  readonly subscribers: readonly Subscriber[];
  /** Absent where the options describe the subscriber. */
  readonly manager?: Manager;
}

const describing = [
  "role-arn",
  "external-id-file",
  "role-duration",
  "profile",
  "sts-endpoint",
  "service-endpoint",
] as const;

/** @throws CannotRun */
export async function readSubscribers(
  options: Options,
  environment: NodeJS.ProcessEnv,
  complain: (line: string) => void,
): Promise<Subscribers> {
  if (options.queue !== undefined) {
    if (options.config !== undefined) throw new CannotRun("Give --config or --queue, not both.");
    return { subscribers: [await described(options, options.queue, environment)] };
  }
  const alone = describing.find((name) => options[name] !== undefined);
  if (alone !== undefined)
    throw new CannotRun(`--${alone} describes a subscriber together with --queue; give that too.`);
  const manager = await readManager(options, complain);
  return { manager, subscribers: manager.settings.modules.flatMap((module) => module.subscribers) };
}

/** @throws CannotRun where a value cannot be right */
async function described(options: Options, queue: string, environment: NodeJS.ProcessEnv): Promise<Subscriber> {
  const externalId = await readExternalId(options["external-id-file"], environment);
  const { profile, "role-arn": roleArn, "sts-endpoint": stsEndpoint, "service-endpoint": serviceEndpoint } = options;
  const duration = options["role-duration"];
  const subscriber: Subscriber = {
    line: 0,
    queue,
    ...(roleArn !== undefined && { roleArn }),
    ...(externalId !== undefined && { externalId }),
    ...(duration !== undefined && { durationSeconds: Number(duration) }),
    ...(profile !== undefined && { profile }),
    ...(stsEndpoint !== undefined && { stsEndpoint }),
    ...(serviceEndpoint !== undefined && { serviceEndpoint }),
  };
  const given = options["external-id-file"] === undefined ? externalIdVariable : "--external-id-file";
  check("--queue", () => queueAddress(queue));
  check("--role-arn", () => lakeCredentials({ roleArn }));
  check(given, () => lakeCredentials({ roleArn, externalId }));
  check("--role-duration", () => lakeCredentials(subscriber));
  check("--sts-endpoint", () => stsEndpoint !== undefined && endpointUrl(stsEndpoint));
  check("--service-endpoint", () => serviceEndpoint !== undefined && endpointUrl(serviceEndpoint));
  return subscriber;
}

function check(name: string, read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof QueueError || error instanceof AuthError)) throw error;
    throw new CannotRun(`${name}: ${error.message}.`);
  }
}

/** Never from arguments: any user of the machine can see those. */
async function readExternalId(file: string | undefined, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  if (file === undefined) return environment[externalIdVariable] || undefined;
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new CannotRun(`The file of the external ID ${file} cannot be read (${cause.code}).`);
  });
  if (text.trim() === "") throw new CannotRun(`The file of the external ID ${file} is empty.`);
  return text.trim();
}

/** The subscribers of Security Lake, of disabled modules too. Where there are none, what is wrong with the file is complained of. */
async function readManager(
  { config: file = defaultConfiguration, state }: Options,
  complain: (line: string) => void,
): Promise<Manager> {
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    const fix = /^(EACCES|EPERM)$/.test(cause.code ?? "")
      ? "run this as root, or describe the subscriber by --queue and others"
      : "give the manager's ossec.conf by --config, or the queue by --queue";
    throw new CannotRun(`The configuration ${file} cannot be read (${cause.code}): ${fix}.`);
  });
  const { settings, issues } = readSettings(text);
  // With a subscriber that can be read, what is wrong beside it is a finding among others.
  if (settings.modules.some(({ subscribers }) => subscribers.length > 0)) {
    return { file, settings, issues, state: state ?? defaultState(file), hostname: hostname(), root: "/" };
  }
  for (const issue of issues) if (issue.severity !== "info") complain(issueLine(issue, file));
  const errors = issues.filter(({ severity }) => severity === "error").length;
  const problem =
    errors > 0
      ? `has ${counted(errors, "error")}: nothing was checked`
      : 'has no <subscriber type="security_lake"> in a <wodle name="aws-s3">';
  throw new CannotRun(
    `The configuration ${file} ${problem}.`,
    remarks({ file, issues }).map((finding) => ({ check: configuration, subject: file, ...finding })),
  );
}

/** Where the wodle keeps it unless it is told otherwise: below the manager's folder, or beside the file. */
function defaultState(configuration: string): string {
  const folder = dirname(configuration);
  return basename(folder) === "etc" ? join(dirname(folder), "var", "security-lake") : join(folder, "security-lake");
}
