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
  /** One of all these writes events to where --output says, and not into the indexer. */
  readonly elsewhere: boolean;
  /** Files and folders that whoever runs this may not read, so that what is in them is not known. */
  readonly unread: readonly string[];
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
  readonly elsewhere: boolean;
}

const program = /(^|\/)security-lake-wodle$|\/wodle\/(dist|src)\/\w+\.[jt]s$/;
const commands = new Set(["run", "once"]);

/** The subscriber's command among the words of a command line; undefined where it is another program's. */
export function subscriberCommand(words: readonly string[]): string | undefined {
  const at = words.findIndex((word) => program.test(word));
  return at < 0 ? undefined : words.slice(at + 1).find((word) => commands.has(word));
}

/** Whether the subscriber that a command line starts writes events to another place than the indexer. */
export function writesElsewhere(words: readonly string[]): boolean {
  return subscriberCommand(words) !== undefined && /(^| )--output[= ](?!indexer\b)/.test(words.join(" "));
}

/** Reads what is below `root`; what is not there is as if it were empty. */
export async function readMachine(root: string): Promise<Machine> {
  const files = filesOf(root);
  const [lines, units, crons] = await Promise.all([commandLines(files), readUnits(files), readCrons(files)]);
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
    crons: crons.map(({ file }) => file),
    elsewhere: lines.some(([, words]) => writesElsewhere(words)) || [...units, ...crons].some((one) => one.elsewhere),
    unread: [...files.unread].sort(),
  };
}

/** Files below a root, by their paths without it. */
interface Files {
  list(folder: string): Promise<string[]>;
  read(file: string): Promise<string>;
  readonly unread: Set<string>;
}

function filesOf(root: string): Files {
  const unread = new Set<string>();
  const without =
    <T>(path: string, nothing: T) =>
    ({ code = "" }: NodeJS.ErrnoException): T => {
      // Thousands of processes are one thing that may not be looked at.
      if (code === "EACCES" || code === "EPERM") unread.add(path.replace(/^proc\/.*/, "proc").replace(/^/, "/"));
      return nothing;
    };
  return {
    list: (folder) => readdir(join(root, folder)).catch(without(folder, [])),
    read: (file) => readFile(join(root, file), "utf8").catch(without(file, "")),
    unread,
  };
}

async function commandLines({
  list,
  read,
  unread,
}: Files): Promise<(readonly [pid: number, words: readonly string[]])[]> {
  const folders = (await list("proc")).filter((name) => /^\d+$/.test(name));
  // The first process is always there; of some mounts only its owner sees it (proc(5), hidepid).
  const [, options = ""] = /^\S+ \S+ proc (\S+)/m.exec(await read("proc/mounts")) ?? [];
  if (/\bhidepid=(2|4|invisible|ptraceable)\b/.test(options) && !folders.includes("1")) unread.add("/proc");
  return Promise.all(
    folders.map(async (pid) => {
      const text = await read(`proc/${pid}/cmdline`);
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

async function readUnits({ list, read }: Files): Promise<Unit[]> {
  const units = new Map<string, Omit<Unit, "enabled">>();
  const wanted = new Set<string>();
  for (const folder of unitFolders) {
    for (const name of await list(folder)) {
      const path = `${folder}/${name}`;
      if (name.endsWith(".wants") || name.endsWith(".requires")) for (const one of await list(path)) wanted.add(one);
      if (!name.endsWith(".service") || units.has(name)) continue;
      const text = (await read(path)).replaceAll(/\\\n/g, " ");
      const started = text.match(/^\s*ExecStart\s*=.*$/gm) ?? [];
      const lines = started.map((line) => line.replace(/^[^=]*=[-@:+!]*/, "").split(/\s+/));
      const command = lines.map(subscriberCommand).find((found) => found !== undefined);
      if (command !== undefined) units.set(name, { name, command, elsewhere: lines.some(writesElsewhere) });
    }
  }
  return [...units.values()].map((unit) => ({
    ...unit,
    enabled: wanted.has(unit.name) || wanted.has(unit.name.replace(/\.service$/, ".timer")),
  }));
}

async function readCrons({ list, read }: Files): Promise<{ readonly file: string; readonly elsewhere: boolean }[]> {
  const folders = ["etc/cron.d", "var/spool/cron", "var/spool/cron/crontabs"];
  const files = await Promise.all(
    folders.map(async (folder) => (await list(folder)).map((name) => `${folder}/${name}`)),
  );
  const found = await Promise.all(
    ["etc/crontab", ...files.flat()].map(async (file) => {
      const lines = (await read(file)).split("\n").filter((line) => !line.trimStart().startsWith("#"));
      const words = lines.map((line) => line.split(/\s+/));
      const starts = words.some((line) => subscriberCommand(line) !== undefined);
      return starts ? [{ file: `/${file}`, elsewhere: words.some(writesElsewhere) }] : [];
    }),
  );
  return found.flat();
}
