import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { issueLine, type ManagerCommand } from "@threatlockdown/ossec-config";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import { onceCommand } from "../command.ts";
import { counted } from "../count.ts";
import { readDeadLetters } from "../dead-letters.ts";
import type { Lake } from "../lake.ts";
import { lastRunFile, readLastRun } from "../last-run.ts";
import { type Machine, readMachine, subscriberCommand } from "../machine.ts";
import type { Manager } from "../manager.ts";
import { resendText } from "../resend.ts";
import { betweenRuns, span } from "../time.ts";

const late = "Look whether the disks of this machine answer";

export const configuration: Check = {
  id: "configuration",
  title: "The manager's configuration is right",
  explain:
    "The manager, and the subscriber, do what ossec.conf says, and are silent about what it only seems to say. With an error in it the subscriber does nothing at all.",
  needs: [],
  once: true,
  late,
  async run({ manager }) {
    if (manager === undefined) return { state: "not applicable", seen: "no ossec.conf was read" };
    const { file, settings } = manager;
    const found = remarks(manager);
    const enabled = settings.modules.some((module) => module.enabled && module.subscribers.length > 0);
    if (!enabled) {
      found.push({
        state: "failed",
        seen: `${file}: the module of the subscriber is disabled`,
        fix: 'Write <disabled>no</disabled> into <wodle name="aws-s3"> and restart the manager, or the subscriber',
      });
    }
    return found.length > 0 ? found : { state: "ok", seen: `${file}, without remarks` };
  },
};

/** What is wrong with the text of the file, each with its place. */
export function remarks({ file, issues }: Pick<Manager, "file" | "issues">): Finding[] {
  return issues
    .filter(({ severity }) => severity !== "info")
    .map((issue) => ({
      state: issue.severity === "error" ? "failed" : "warning",
      seen: issueLine(issue, file).replace(`. ${issue.fix}.`, ""),
      fix: issue.fix.replace(/\.$/, ""),
      place: `line ${issue.line} of ${file}`,
    }));
}

const mebibyte = 2 ** 20;
const little = 1_024 * mebibyte;
const tooLittle = 64 * mebibyte;

export const disk: Check = {
  id: "disk",
  title: "There is room for what could not be stored",
  explain:
    "Events that the indexer refuses for good are kept in a file; without room the run ends, and nothing is deleted from the queue.",
  needs: [],
  once: true,
  late,
  async run({ manager }) {
    if (manager === undefined) return { state: "not applicable", seen: "no ossec.conf was read" };
    const space = await spaceOf(manager.state).catch((error: Error) => error);
    if (space instanceof Error) return unreadable(manager.state, space, late);
    const { folder, stats } = space;
    const free = Number(stats.bavail) * Number(stats.bsize);
    const seen = `${Math.round(free / mebibyte)} MiB are free for ${manager.state}${folder === manager.state ? "" : ", which is not there yet"}`;
    if (free >= little) return { state: "ok", seen };
    return { state: free < tooLittle ? "failed" : "warning", seen, fix: `Make room on the file system of ${folder}` };
  },
};

/** Of the folder, or of the first above it that is there. */
async function spaceOf(folder: string): Promise<{ folder: string; stats: Awaited<ReturnType<typeof statfs>> }> {
  try {
    return { folder, stats: await statfs(folder) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || dirname(folder) === folder) throw error;
    return spaceOf(dirname(folder));
  }
}

const notLooked: Finding = { state: "not applicable", seen: "no manager's machine is looked at" };

/** The machine on which the manager's files are. */
function onMachine(run: (manager: Manager & { root: string }, lake: Lake) => Promise<Finding | readonly Finding[]>) {
  return async (lake: Lake): Promise<Finding | readonly Finding[]> => {
    const { manager } = lake;
    return manager?.root === undefined ? notLooked : run({ ...manager, root: manager.root }, lake);
  };
}

export const runner: Check = {
  id: "runner",
  title: "Something runs the subscriber",
  explain:
    "A subscriber that nothing starts takes no message, and nobody is told: the queue grows, and after some days forgets.",
  needs: [],
  once: true,
  late,
  run: onMachine(async (manager) => {
    const machine = await readMachine(manager.root);
    const commands = (manager.settings.commands ?? []).filter(
      ({ command }) => subscriberCommand(command.split(/\s+/)) !== undefined,
    );
    const stock = stockModule(machine, manager);
    const found = judgeRunner(machine, commands, manager, stock === true);
    if (found.state !== "ok" || stock === false) return found;
    return [found, stock ? alsoStock(manager) : notSeen(processes(machine), "whether the manager takes messages too")];
  }),
};

/** The folder in which the manager is installed; undefined where the file is in none. */
function managerFolder({ file }: Manager): string | undefined {
  const folder = dirname(dirname(file));
  return basename(dirname(file)) === "etc" && existsSync(join(folder, "bin")) ? folder : undefined;
}

/** Whether the manager itself, by its own module, takes messages as the same file says; undefined where nobody sees that. */
function stockModule(machine: Machine, manager: Manager): boolean | undefined {
  const folder = managerFolder(manager);
  const enabled = manager.settings.modules.some((module) => module.enabled && module.subscribers.length > 0);
  const may = enabled && folder !== undefined && existsSync(join(folder, "wodles", "aws", "aws-s3"));
  return may && !machine.managerRuns && processes(machine).length > 0 ? undefined : may && machine.managerRuns;
}

/** The processes, where they may not be seen. */
const processes = ({ unread }: Machine): readonly string[] => unread.filter((path) => path === "/proc");

function notSeen(unread: readonly string[], what: string): Finding {
  return couldNotCheck({
    because: `${unread.join(", ")} may not be read, so that it is not known ${what}`,
    how: "run it as root",
  });
}

function judgeRunner(machine: Machine, commands: readonly ManagerCommand[], manager: Manager, stock: boolean): Finding {
  const { units, crons, managerRuns, unread } = machine;
  const hidden = (where: readonly string[]) =>
    where.length > 0 ? notSeen(where, "whether something runs the subscriber") : undefined;
  // Who runs with another file serves another queue.
  const running = machine.processes.find(({ config = manager.file }) => config === manager.file);
  const others = machine.processes.filter((process) => process !== running);
  const unit = units.find(({ enabled }) => enabled) ?? units[0];
  const starters = [
    ...units.filter(({ enabled }) => enabled).map(({ name }) => `the unit ${name}`),
    ...crons,
    ...commands.filter(({ enabled }) => enabled).map(({ line }) => `<wodle name="command"> in line ${line}`),
  ];
  const by = starters.length === 0 ? "" : `; it is started by ${starters.join(", ")}`;
  if (running !== undefined) {
    const { pid, command, state } = running;
    const elsewhere = state !== undefined && state !== manager.state ? `, with another --state, ${state}` : "";
    return { state: "ok", seen: `it runs (${command}, process ${pid})${elsewhere}${by}` };
  }
  if (unit !== undefined && unit.command === "run" && (unit.enabled || starters.length === 0)) {
    const unseen = hidden(unit.enabled ? processes(machine) : unread);
    if (unseen !== undefined) return unseen;
    return {
      state: "failed",
      seen: `the unit ${unit.name} is installed and ${unit.enabled ? "" : "not enabled, and "}the subscriber does not run`,
      fix: `Someone with root's rights starts the unit ${unit.name}, and looks with systemctl status why it ended`,
      commands: [{ words: ["systemctl", "enable", "--now", unit.name] }],
    };
  }
  const command = commands.find(({ enabled }) => enabled);
  if (starters.length === 1 && command !== undefined && !managerRuns) {
    const unseen = hidden(processes(machine));
    if (unseen !== undefined) return unseen;
    return {
      state: "warning",
      seen: `<wodle name="command"> in line ${command.line} starts it, and the manager does not run here`,
      fix: "Start the manager (systemctl start wazuh-manager)",
    };
  }
  if (starters.length > 0) return { state: "ok", seen: `it is started by ${starters.join(", ")}` };
  const withOthers = others.map(({ pid, config }) => ` (process ${pid} runs one with ${config})`).join("");
  if (managerFolder(manager) === undefined) {
    return {
      state: "not applicable",
      seen: `nothing on this machine${unread.length > 0 ? " that may be looked at" : ""} runs the subscriber${withOthers}, and ${manager.file} is in no manager's folder: on the manager it is looked for`,
    };
  }
  const unseen = hidden(unread);
  if (unseen !== undefined) return unseen;
  const installed = [
    ...(unit === undefined ? [] : [`the unit ${unit.name} is not enabled`]),
    ...commands.map(({ line }) => `<wodle name="command"> in line ${line} is disabled`),
    ...(stock ? ["the manager's own module aws-s3 takes the messages, whose events do not go to the indexer"] : []),
  ];
  return {
    state: "warning",
    seen: `nothing on this machine runs the subscriber${withOthers}${installed.map((one) => `; ${one}`).join("")}`,
    fix: "Someone with root's rights writes the unit below to /etc/systemd/system/security-lake.service, and enables it",
    paste: unitText(manager.file),
    commands: [{ words: ["systemctl", "enable", "--now", "security-lake.service"] }],
  };
}

function unitText(file: string): string {
  return `[Unit]
Description=Events of Amazon Security Lake
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/usr/bin/env security-lake-wodle run --config ${file} --indexer-credentials /etc/security-lake/indexer
Restart=on-failure
TimeoutStopSec=45

[Install]
WantedBy=multi-user.target
`;
}

function alsoStock({ file }: Manager): Finding {
  return {
    state: "warning",
    seen: `the manager's own module aws-s3 reads the same block of ${file} and takes messages of the same queue: what it gets does not go to the indexer`,
    fix: `Move the <wodle name="aws-s3"> of Security Lake from ${file} into a file of its own, with <indexer> and <cluster>; give that to the subscriber by --config, and restart the manager`,
  };
}

/** Runs may be late; of that alone nobody would be warned. */
const leastOverdue = 3_600_000;

export const lastRun: Check = {
  id: "last-run",
  title: "The last run of the subscriber succeeded",
  explain: "The subscriber itself says whether it could do its work, and why not.",
  needs: [],
  late,
  run: onMachine(async ({ state, file, settings }, { subscriber }) => {
    const path = join(state, lastRunFile);
    const runs = await readLastRun(state, subscriber.queue).catch((error: Error) => error);
    if (runs instanceof Error) return unreadable(path, runs, "Delete the file; the next run writes it anew");
    if (runs === undefined) {
      return couldNotCheck({
        because: `no run has ended yet: ${path} says nothing of this queue`,
        how: "Run the subscriber once; where it keeps its state elsewhere, give --state",
      });
    }
    const { succeeded, failed } = runs;
    const ago = (at: Date) => `${span(Date.now() - at.getTime())} ago`;
    const success =
      succeeded === undefined
        ? "none has succeeded before"
        : `the last one that succeeded ended ${ago(succeeded.at)}: ${countsOf(succeeded.counts)}`;
    if (failed !== undefined) {
      return {
        state: "failed",
        seen: `the last run ended ${ago(failed.at)} with exit code ${failed.exitCode}: ${failed.reason}; ${success}`,
        fix: "Mend what it names, or what the other checks found; then run the subscriber once",
        commands: [onceCommand(file)],
      };
    }
    const allowed = Math.max(leastOverdue, 3 * betweenRuns(settings.modules, subscriber));
    if (succeeded !== undefined && Date.now() - succeeded.at.getTime() > allowed) {
      return {
        state: "warning",
        seen: `${success}; <interval> asks for more`,
        fix: "Look whether the subscriber runs (check runner); where a single run only lasts this long, nothing is wrong: it takes messages all the time",
        commands: [onceCommand(file)],
      };
    }
    return { state: "ok", seen: success };
  }),
};

function countsOf({ events, deadLettered, quarantined, left }: Readonly<Record<string, unknown>>): string {
  const troubles = [
    [deadLettered, "dead letter", "dead letters"],
    [quarantined, "message quarantined", "messages quarantined"],
    [left, "message given back", "messages given back"],
  ] as const;
  const told = troubles.flatMap(([count, one, many]) => (Number(count) > 0 ? [counted(Number(count), one, many)] : []));
  return [counted(Number(events), "event"), ...told].join(", ");
}

function unreadable(path: string, error: Error, otherwise: string): Finding {
  const { code = error.message } = error as NodeJS.ErrnoException;
  const may = code === "EACCES" || code === "EPERM";
  return couldNotCheck({
    because: `${path} cannot be read (${code})`,
    how: may ? "run it as the user who runs the subscriber" : otherwise,
  });
}

export const deadLetters: Check = {
  id: "dead-letters",
  title: "No event waits to be sent again",
  explain:
    "Documents that the indexer refuses, and messages that can never succeed, are kept with their reasons: they are in no index until someone sends them again.",
  needs: [],
  once: true,
  late,
  run: onMachine(async ({ state, file, settings }, lake) => {
    const found = await readDeadLetters(state).catch((error: Error) => error);
    if (found instanceof Error)
      return unreadable(state, found, "Look what lies there under the names dead-letter.ndjson…");
    const { files, documents, messages, more, newest } = found;
    if (files.length === 0) return { state: "ok", seen: `nothing waits in ${state}` };
    const names = files.map(({ path }) => path).join(", ");
    const counts = `documents: ${more ? "more than " : ""}${documents}, messages: ${more ? "more than " : ""}${messages}, in ${names}`;
    const reason = newest === undefined ? "" : `; the newest, of ${newest.time}: ${newest.reason}`;
    const time = new Date().toISOString().replace(/\D/g, "").slice(0, 14);
    const aside = files.map((one) => ({
      ...one,
      from: one.path,
      path: `${one.path.replace("dead-letter.ndjson", "replay.ndjson")}.${time}`,
    }));
    const queues = settings.modules.flatMap(({ subscribers }) => subscribers.map(({ queue }) => queue));
    const known = async () => ({ queues, region: await lake.region().catch(() => undefined) });
    return {
      state: "warning",
      seen: counts + reason,
      fix: `Mend the reason; then ${sendAgain(documents > 0, messages > 0)}`,
      commands: aside.flatMap(({ from, path, documents }) => [
        { words: ["mv", "-n", from, path] },
        ...(documents > 0 ? [{ words: ["security-lake-wodle", "replay"], options: replay(path, file) }] : []),
      ]),
      ...(messages > 0 && { paste: resendText(aside, await known()) }),
    };
  }),
};

const replay = (path: string, config: string) => ({ "dead-letter": path, config });

function sendAgain(documents: boolean, messages: boolean): string {
  if (!messages) {
    return "send the documents again by the commands, after which the files replay.ndjson… may be deleted";
  }
  const resent = "delete the files replay.ndjson… only after the messages are resent";
  return documents
    ? `send the documents again by the commands, and after that the messages by the script; ${resent}`
    : `set aside what waits by the commands, and after that send the messages again by the script; ${resent}`;
}
