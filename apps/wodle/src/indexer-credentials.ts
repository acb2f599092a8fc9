import { readFile, stat } from "node:fs/promises";
import { exitCode, Failure } from "./exit-code.ts";

export interface IndexerCredentials {
  readonly username: string;
  readonly password: string;
}

/**
 * User and password of the indexer, from a file of two lines, `username=…` and `password=…`, that its owner alone can
 * read, or from INDEXER_USERNAME and INDEXER_PASSWORD. Never from arguments: any user of the machine can see those.
 *
 * @throws Failure where the file is missing, incomplete, or readable for others
 */
export async function readIndexerCredentials(
  file: string | undefined,
  environment: NodeJS.ProcessEnv,
): Promise<IndexerCredentials | undefined> {
  if (file !== undefined) return readCredentialsFile(file);
  const { INDEXER_USERNAME: username, INDEXER_PASSWORD: password } = environment;
  if (username === undefined && password === undefined) return undefined;
  if (username && password) return { username, password };
  const missing = username ? "INDEXER_PASSWORD" : "INDEXER_USERNAME";
  throw new Failure(exitCode.configuration, `${missing} is not set, its companion is: set both, or neither.`);
}

async function readCredentialsFile(file: string): Promise<IndexerCredentials> {
  const refuse = (why: string) => new Failure(exitCode.configuration, `The indexer credentials file ${file} ${why}`);
  const { mode } = await stat(file).catch((cause: NodeJS.ErrnoException) => {
    throw new Failure(exitCode.configuration, `The indexer credentials file ${file} cannot be read: ${cause.code}.`);
  });
  if ((mode & 0o077) !== 0) {
    throw refuse(`can be read by others (mode ${(mode & 0o777).toString(8).padStart(4, "0")}): chmod 0600 it.`);
  }
  const lines = (await readFile(file, "utf8")).split(/\r?\n/);
  const value = (name: string) => lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);
  const [username, password] = [value("username"), value("password")];
  if (!username || !password) throw refuse("needs two lines: username=… and password=…");
  return { username, password };
}
