import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** What the subscriber leaves of its last runs of a queue, in `last-run.json` of its state folder. */
export interface LastRun {
  readonly succeeded?: { readonly at: Date; readonly counts: Readonly<Record<string, unknown>> };
  /** Later than any success. */
  readonly failed?: { readonly at: Date; readonly exitCode: number; readonly reason: string };
}

export const lastRunFile = "last-run.json";

/**
 * Undefined where no run of the queue has ended here.
 *
 * @throws what the file system says, but for a file that is not there; SyntaxError
 */
export async function readLastRun(folder: string, queue: string): Promise<LastRun | undefined> {
  const text = await readFile(join(folder, lastRunFile), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return "{}";
    throw error;
  });
  const { queues = {} } = JSON.parse(text) as { queues?: Record<string, { [outcome: string]: Written | undefined }> };
  const { succeeded, failed } = queues[queue] ?? {};
  if (succeeded === undefined && failed === undefined) return undefined;
  return {
    ...(succeeded && { succeeded: { at: new Date(succeeded.at), counts: { ...succeeded } } }),
    ...(failed && {
      failed: { at: new Date(failed.at), exitCode: Number(failed.exitCode), reason: String(failed.reason) },
    }),
  };
}

interface Written {
  readonly at: string;
  readonly exitCode?: unknown;
  readonly reason?: unknown;
}
