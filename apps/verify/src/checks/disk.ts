import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { Check } from "../check.ts";
import { late, unreadable } from "../machine-look.ts";

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
