import { couldNotCheck, type Finding } from "./check.ts";
import type { Lake } from "./lake.ts";
import type { Manager } from "./manager.ts";

export const late = "Look whether the disks of this machine answer";

const notLooked: Finding = { state: "not applicable", seen: "no manager's machine is looked at" };

/** The machine on which the manager's files are. */
export function onMachine(
  run: (manager: Manager & { root: string }, lake: Lake) => Promise<Finding | readonly Finding[]>,
) {
  return async (lake: Lake): Promise<Finding | readonly Finding[]> => {
    const { manager } = lake;
    return manager?.root === undefined ? notLooked : run({ ...manager, root: manager.root }, lake);
  };
}

export function unreadable(path: string, error: Error, otherwise: string): Finding {
  const { code = error.message } = error as NodeJS.ErrnoException;
  const may = code === "EACCES" || code === "EPERM";
  return couldNotCheck({
    because: `${path} cannot be read (${code})`,
    how: may ? "run it as the user who runs the subscriber" : otherwise,
  });
}
