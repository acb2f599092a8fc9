import { isAbsolute } from "node:path";
import type { Subscriber } from "@threatlockdown/ossec-config";
import { queueAddress } from "@threatlockdown/sqs-consumer";
import { nameOf } from "./arn.ts";
import type { Indexer } from "./indexer.ts";
import type { Manager } from "./manager.ts";
import { listed } from "./options.ts";
import type { Names } from "./report/redact.ts";

/** What is this installation's own beside the names that AWS gives, as options say it. */
export function namesOfOptions(options: Readonly<Record<string, unknown>>): Names {
  return Object.entries(naming).flatMap(([option, names]) => {
    const value = options[option];
    return typeof value === "string" && value !== "" ? names(value) : [];
  });
}

/** The same of arguments that are wrong elsewhere. */
export function namesOfArguments(args: readonly string[]): Names {
  const options = args.flatMap((arg, at) => {
    const [, option, value = args[at + 1]] = /^--([\w-]+)(?:=(.*))?$/s.exec(arg) ?? [];
    return option === undefined ? [] : [[option, value] as const];
  });
  return namesOfOptions(Object.fromEntries(options));
}

const naming: Readonly<Record<string, (value: string) => Names>> = {
  queue: ofQueue,
  "role-arn": ofRole,
  profile: ofProfile,
  "admin-profile": ofProfile,
  "indexer-profile": ofProfile,
  "indexer-role": ofRole,
  config: ofPath,
  state: ofPath,
  "external-id-file": ofPath,
  "indexer-credentials": ofPath,
  "indexer-admin": ofPath,
  bucket: (names) => listed(names).map((name) => [name, "bucket"]),
};

function ofQueue(queue: string): Names {
  try {
    return [[queueAddress(queue).name, "sqs"]];
  } catch {
    return [[queue, "sqs"]];
  }
}

function ofRole(arn: string): Names {
  return [[nameOf(arn), "iam"]];
}

function ofProfile(name: string): Names {
  return [[name, "profile"]];
}

/** Where the manager, and filebeat, are by default. */
const usual = /^\/(var\/ossec|etc\/filebeat)(\/|$)/;

/** The file, and the folders that it is in: a folder can stand alone. */
function ofPath(path: string): Names {
  const parts = path.split("/");
  if (!isAbsolute(path) || usual.test(path)) return [];
  return parts.flatMap((part, at) => (at < 2 || part === "" ? [] : [[parts.slice(0, at + 1).join("/"), "path"]]));
}

/** The files of AWS, which its own variables name. */
export function namesOfEnvironment(environment: NodeJS.ProcessEnv): Names {
  const { AWS_CONFIG_FILE: config, AWS_SHARED_CREDENTIALS_FILE: credentials } = environment;
  return [config, credentials].flatMap((path) => ofPath(path ?? ""));
}

export function namesOfSubscriber({ queue, roleArn, profile }: Subscriber): Names {
  return [
    ...ofQueue(queue),
    ...(roleArn === undefined ? [] : ofRole(roleArn)),
    ...(profile === undefined ? [] : ofProfile(profile)),
  ];
}

export async function namesOfManager(manager: Manager | undefined, indexer: Indexer | undefined): Promise<Names> {
  const user = await ifKnown(indexer?.own.user());
  const identity = await ifKnown(indexer?.identity());
  const hosts = indexer?.settings.hosts.map((host) => new URL(host).hostname) ?? [];
  const { cluster } = manager?.settings ?? {};
  const { certificateAuthorities = [], certificate = "", key = "" } = indexer?.settings ?? {};
  const files = [manager?.file ?? "", manager?.state ?? "", ...certificateAuthorities, certificate, key];
  return [
    ...files.flatMap(ofPath),
    ...hosts.filter((host) => !/^(localhost|127\.[\d.]+|\[::1\])$/.test(host)).map((host) => [host, "host"] as const),
    ...[user, identity?.name].flatMap((name) => (name === undefined ? [] : [[name, "user"] as const])),
    ...(manager?.hostname === undefined ? [] : [[manager.hostname, "manager"] as const]),
    ...(cluster?.enabled === true ? [[cluster.name, "cluster"] as const, [cluster.nodeName, "node"] as const] : []),
  ];
}

/** What a check has not found out is in no result, and is not waited for: the run's time is over. */
function ifKnown<T>(found: Promise<T> | undefined): Promise<T | undefined> {
  const notYet = new Promise<undefined>((resolve) => setImmediate(resolve, undefined));
  return Promise.race([found, notYet]).catch(() => undefined);
}
