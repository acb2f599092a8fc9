import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { issueLine, type Module, readSettings, type Settings } from "@threatlockdown/ossec-config";
import { exitCode, Failure } from "./exit-code.ts";
import type { Log } from "./log.ts";
import { counted } from "./summary.ts";
import { unreadable } from "./unreadable.ts";

export const defaultConfiguration = "/var/ossec/etc/ossec.conf";

/**
 * The manager's settings. Each issue of the file is logged, one line each.
 *
 * @throws Failure where the file cannot be read or has errors
 */
export async function readConfiguration(file: string, log: Log): Promise<Settings> {
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new Failure(
      exitCode.configuration,
      unreadable("The configuration", file, cause, "give the manager's ossec.conf by --config FILE"),
      { cause },
    );
  });
  const { settings, issues } = readSettings(text);
  const level = { error: log.error, warning: log.warning, info: log.debug } as const;
  const errors = issues.filter(({ severity }) => severity === "error");
  // What stops the run comes last, where it is read.
  for (const issue of [...issues.filter((one) => !errors.includes(one)), ...errors]) {
    level[issue.severity](issueLine(issue, file));
  }
  if (errors.length > 0) {
    throw new Failure(
      exitCode.configuration,
      `The configuration ${file} has ${counted(errors.length, "error")}, see above: nothing was done.`,
    );
  }
  return settings;
}

/** The enabled modules that have a subscriber of Security Lake. */
export function activeModules({ modules }: Settings, file: string, log: Log): readonly Module[] {
  const active = modules.filter(({ enabled, subscribers }) => enabled && subscribers.length > 0);
  if (active.length > 0) return active;
  if (modules.some(({ enabled }) => !enabled)) log.info("Module AWS is disabled. Exiting...");
  else log.warning(`${file}: No AWS buckets, services or subscribers defined. Exiting...`);
  return active;
}

/** The folder in which the manager is installed: the one above `etc`. */
export function managerFolder(configuration: string): string {
  return basename(dirname(configuration)) === "etc" ? dirname(dirname(configuration)) : dirname(configuration);
}

/** Where dead letters are kept unless said otherwise: below the manager's folder, beside the file where it is no manager's. */
export function defaultState(configuration: string): string {
  const manager = managerFolder(configuration);
  return manager === dirname(configuration) ? join(manager, "security-lake") : join(manager, "var", "security-lake");
}

/** In the state folder, the one that is written now; full ones stand beside it under names that begin alike. */
export function deadLetterFile(state: string): string {
  return join(state, "dead-letter.ndjson");
}
