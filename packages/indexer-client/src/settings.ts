import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { BasicCredentials, ConnectionOptions } from "./connection.ts";
import { IndexerError } from "./errors.ts";

/** Where the indexer is, as a configuration says it: certificates are files. */
export interface ConnectionSettings {
  /** URLs. */
  readonly hosts: readonly string[];
  readonly certificateAuthorities: readonly string[];
  readonly certificate?: string;
  readonly key?: string;
}

/**
 * The same with the content of the files, for `connect`.
 *
 * @throws IndexerError `INDEXER_SETTINGS` where a file cannot be read, or one of authorities holds no certificate
 */
export async function readConnection(settings: ConnectionSettings): Promise<ConnectionOptions> {
  const { hosts, certificateAuthorities, certificate, key } = settings;
  const ca = await Promise.all(certificateAuthorities.map(readAuthority));
  return {
    nodes: hosts,
    ...(ca.length > 0 && { ca }),
    ...(certificate !== undefined && { certificate: await readPem(certificate, "<certificate>") }),
    ...(key !== undefined && { key: await readPem(key, "<key>") }),
  };
}

async function readAuthority(file: string): Promise<string> {
  const pem = await readPem(file, "<ca>");
  if (/-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/.test(pem)) return pem;
  throw refusal(`<indexer>: the file ${file} of <ca> holds no certificate: give the authority's, in PEM.`);
}

async function readPem(file: string, element: string): Promise<string> {
  return readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw refusal(`<indexer>: the file ${file} of ${element} ${unreadable(cause)}`, cause);
  });
}

function unreadable({ code }: NodeJS.ErrnoException): string {
  return `cannot be read (${code}): ${fixes[code ?? ""] ?? "correct its path"}.`;
}

const fixes: Readonly<Record<string, string>> = {
  EACCES: "let the user read it that this program runs as",
  EISDIR: "it is a folder; name the file",
};

/** The names of the variables that hold user and password. */
export interface CredentialVariables {
  readonly username: string;
  readonly password: string;
}

export const credentialVariables: CredentialVariables = { username: "INDEXER_USERNAME", password: "INDEXER_PASSWORD" };

/**
 * User and password from a file of two lines, `username=…` and `password=…`, that its owner alone can read. Without it,
 * each from the credential that systemd hands to the service (`indexer-username`, `indexer-password` for the default
 * variables; systemd.exec(5), LoadCredential=), else from its variable of the environment given. Never from arguments:
 * any user of the machine can see those. Undefined where none is set.
 *
 * @throws IndexerError `INDEXER_SETTINGS` where a file is missing, incomplete, or readable for others
 */
export async function readCredentials(
  file: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
  variables: CredentialVariables = credentialVariables,
): Promise<BasicCredentials | undefined> {
  if (file !== undefined) return readCredentialsFile(file);
  const value = async (variable: string): Promise<string | undefined> =>
    (await readSystemdCredential(variable, environment)) ?? environment[variable];
  const [username, password] = [await value(variables.username), await value(variables.password)];
  if (username === undefined && password === undefined) return undefined;
  if (username && password) return { username, password };
  const missing = username ? variables.password : variables.username;
  throw refusal(`${missing} is not set, its companion is: set both, or neither.`);
}

/** Undefined where the service got none of that name. */
async function readSystemdCredential(
  variable: string,
  { CREDENTIALS_DIRECTORY: folder }: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  if (folder === undefined || folder === "") return undefined;
  const path = join(folder, variable.toLowerCase().replaceAll("_", "-"));
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw refusal(`The credential ${path} ${unreadable(cause)}`, cause);
  });
  return text?.replace(/\r?\n$/, "");
}

async function readCredentialsFile(file: string): Promise<BasicCredentials> {
  const subject = `The indexer credentials file ${file}`;
  const refuse = (cause: NodeJS.ErrnoException) => {
    throw refusal(`${subject} ${unreadable(cause)}`, cause);
  };
  const { mode } = await stat(file).catch(refuse);
  if ((mode & 0o077) !== 0) {
    const shown = (mode & 0o777).toString(8).padStart(4, "0");
    throw refusal(`${subject} can be read by others (mode ${shown}): chmod 0600 it.`);
  }
  const lines = (await readFile(file, "utf8").catch(refuse)).split(/\r?\n/);
  const value = (name: string) => lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);
  const [username, password] = [value("username"), value("password")];
  if (!username || !password) throw refusal(`${subject} needs two lines: username=… and password=…`);
  return { username, password };
}

function refusal(message: string, cause?: unknown): IndexerError {
  return new IndexerError("INDEXER_SETTINGS", message, cause === undefined ? {} : { cause });
}
