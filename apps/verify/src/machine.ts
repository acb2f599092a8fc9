import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";

/** What of a machine concerns the subscriber. */
export interface Machine {
  readonly processes: readonly Process[];
  /** The manager's own modules run here. */
  readonly managerRuns: boolean;
  readonly units: readonly Unit[];
  /** Files of cron that start it. */
  readonly crons: readonly string[];
}

/** A subscriber that runs now. */
export interface Process {
  readonly pid: number;
  readonly command: string;
  readonly config?: string;
  readonly state?: string;
}

/** A service of systemd that starts it. */
export interface Unit {
  readonly name: string;
  readonly command: string;
  /** It is started with the machine, or by a timer that is. */
  readonly enabled: boolean;
}

const program = /(^|\/)security-lake-wodle$|\/wodle\/(dist|src)\/\w+\.[jt]s$/;
const commands = new Set(["run", "once"]);

/** The subscriber's command among the words of a command line; undefined where it is another program's. */
export function subscriberCommand(words: readonly string[]): string | undefined {
  const at = words.findIndex((word) => program.test(word));
  return at < 0 ? undefined : words.slice(at + 1).find((word) => commands.has(word));
}

/** Reads what is below `root`; what may not be read, or is not there, is as if it were not. */
export async function readMachine(root: string): Promise<Machine> {
  const [lines, units, crons] = await Promise.all([commandLines(root), readUnits(root), readCrons(root)]);
  return {
    processes: lines.flatMap(([pid, words]) => {
      const command = subscriberCommand(words);
      const option = (name: string) => {
        const at = words.findIndex((word) => word === name || word.startsWith(`${name}=`));
        return words[at]?.includes("=") ? words[at]?.slice(name.length + 1) : at < 0 ? undefined : words[at + 1];
      };
      const [config, state] = [option("--config"), option("--state")];
      return command === undefined
        ? []
        : [{ pid, command, ...(config !== undefined && { config }), ...(state !== undefined && { state }) }];
    }),
    managerRuns: lines.some(([, [name = ""]]) => /-modulesd$/.test(basename(name))),
    units,
    crons,
  };
}

async function commandLines(root: string): Promise<(readonly [pid: number, words: readonly string[]])[]> {
  const folders = (await list(join(root, "proc"))).filter((name) => /^\d+$/.test(name));
  return Promise.all(
    folders.map(async (pid) => {
      const text = await textOf(join(root, "proc", pid, "cmdline"));
      return [Number(pid), text.split("\0").filter((word) => word !== "")] as const;
    }),
  );
}

/** In the order in which systemd prefers them. */
const unitFolders = [
  "etc/systemd/system",
  "run/systemd/system",
  "usr/local/lib/systemd/system",
  "usr/lib/systemd/system",
  "lib/systemd/system",
];

async function readUnits(root: string): Promise<Unit[]> {
  const units = new Map<string, Omit<Unit, "enabled">>();
  const wanted = new Set<string>();
  for (const folder of unitFolders) {
    for (const name of await list(join(root, folder))) {
      const path = join(root, folder, name);
      if (name.endsWith(".wants") || name.endsWith(".requires")) for (const one of await list(path)) wanted.add(one);
      if (!name.endsWith(".service") || units.has(name)) continue;
      const text = (await textOf(path)).replaceAll(/\\\n/g, " ");
      const started = text.match(/^\s*ExecStart\s*=.*$/gm) ?? [];
      const command = started
        .map((line) => subscriberCommand(line.replace(/^[^=]*=[-@:+!]*/, "").split(/\s+/)))
        .find((found) => found !== undefined);
      if (command !== undefined) units.set(name, { name, command });
    }
  }
  return [...units.values()].map((unit) => ({
    ...unit,
    enabled: wanted.has(unit.name) || wanted.has(unit.name.replace(/\.service$/, ".timer")),
  }));
}

async function readCrons(root: string): Promise<string[]> {
  const folders = ["etc/cron.d", "var/spool/cron", "var/spool/cron/crontabs"];
  const files = await Promise.all(
    folders.map(async (folder) => (await list(join(root, folder))).map((name) => `${folder}/${name}`)),
  );
  const found = await Promise.all(
    ["etc/crontab", ...files.flat()].map(async (file) => {
      const lines = (await textOf(join(root, file))).split("\n").filter((line) => !line.trimStart().startsWith("#"));
      return lines.some((line) => subscriberCommand(line.split(/\s+/)) !== undefined) ? [`/${file}`] : [];
    }),
  );
  return found.flat();
}

async function list(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

async function textOf(file: string): Promise<string> {
  return readFile(file, "utf8").catch(() => "");
}
