import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { issueLine } from "@threatlockdown/ossec-config";
import type { Check } from "../check.ts";

export const configuration: Check = {
  id: "configuration",
  title: "The manager's configuration is right",
  explain: "The manager, and the subscriber, do what ossec.conf says, and are silent about what it only seems to say.",
  needs: [],
  async run({ manager }) {
    if (manager === undefined) return { state: "not applicable", seen: "no ossec.conf was read" };
    const { file, issues, settings } = manager;
    const noted = issues.filter(({ severity }) => severity !== "info");
    const [first] = noted;
    if (first !== undefined) {
      return { state: "warning", seen: noted.map((issue) => issueLine(issue, file)).join(" "), fix: first.fix };
    }
    const enabled = settings.modules.some((module) => module.enabled && module.subscribers.length > 0);
    if (enabled) return { state: "ok", seen: `${file}, without remarks` };
    return {
      state: "failed",
      seen: `${file}: the module of the subscriber is disabled`,
      fix: 'Write <disabled>no</disabled> into <wodle name="aws-s3"> and restart the manager',
    };
  },
};

const mebibyte = 2 ** 20;
const little = 1_024 * mebibyte;
const tooLittle = 64 * mebibyte;

export const disk: Check = {
  id: "disk",
  title: "There is room for what could not be stored",
  explain:
    "Events that the indexer refuses for good are kept in a file; without room the run ends, and nothing is deleted from the queue.",
  needs: [],
  async run({ manager }) {
    if (manager === undefined) return { state: "not applicable", seen: "no ossec.conf was read" };
    const { folder, stats } = await spaceOf(manager.state);
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
