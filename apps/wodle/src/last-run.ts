import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "./log.ts";
import type { Summary } from "./summary.ts";

/** What the last runs of a queue came to. A failure stands until a run succeeds; the last success stays. */
interface Runs {
  readonly succeeded?: Summary & { readonly at: string };
  readonly failed?: { readonly at: string; readonly exitCode: number; readonly reason: string };
}

export type Outcome = { readonly summary: Summary } | { readonly exitCode: number; readonly reason: string };

/**
 * Keeps in `last-run.json` of the state folder, for each queue as the configuration names it, when a run last succeeded,
 * with its counts, and why the last one failed. No event is lost where it cannot be written: that is only said.
 */
export function recordRun(state: string, queue: string, outcome: Outcome, log: Log): void {
  const file = join(state, "last-run.json");
  const at = new Date().toISOString();
  try {
    mkdirSync(state, { recursive: true, mode: 0o700 });
    // Without a wait between reading and writing, no other subscriber of this process comes in between.
    const queues = readRuns(file);
    const { succeeded } = queues[queue] ?? {};
    queues[queue] =
      "summary" in outcome
        ? { succeeded: { at, ...outcome.summary } }
        : { ...(succeeded && { succeeded }), failed: { at, ...outcome } };
    const written = `${file}.${process.pid}`;
    writeFileSync(written, `${JSON.stringify({ version: 1, queues }, null, 2)}\n`, { mode: 0o600 });
    renameSync(written, file);
  } catch (error) {
    log.warning(
      `${file} cannot be written (${(error as NodeJS.ErrnoException).code}): no one can see when a run ended.`,
    );
  }
}

function readRuns(file: string): Record<string, Runs> {
  try {
    const { queues } = JSON.parse(readFileSync(file, "utf8")) as { queues?: Record<string, Runs> };
    return { ...queues };
  } catch {
    // Not there yet, or not whole: it tells of the past only, and begins anew.
    return {};
  }
}
