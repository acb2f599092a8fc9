import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { ManagerCommand } from "@threatlockdown/ossec-config";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import { type Machine, readMachine, subscriberCommand } from "../machine.ts";
import { late, onMachine } from "../machine-look.ts";
import type { Manager } from "../manager.ts";

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
