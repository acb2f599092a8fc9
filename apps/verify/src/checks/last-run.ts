import { join } from "node:path";
import { type Check, couldNotCheck } from "../check.ts";
import { onceCommand } from "../command.ts";
import { counted } from "../count.ts";
import { lastRunFile, readLastRun } from "../last-run.ts";
import { late, onMachine, unreadable } from "../machine-look.ts";
import { betweenRuns, span } from "../time.ts";

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
