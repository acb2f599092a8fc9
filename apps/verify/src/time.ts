import type { Subscriber } from "@threatlockdown/ossec-config";
import { type Module, nextRun } from "@threatlockdown/ossec-config";

/** Milliseconds as a person says them. */
export function span(milliseconds: number): string {
  const minutes = Math.max(0, Math.round(milliseconds / 60_000));
  if (minutes < 120) return `${minutes} min`;
  return minutes < 2_880 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1_440)} days`;
}

/** Milliseconds between two runs of a subscriber; 0 where its module is not known. */
export function betweenRuns(modules: readonly Module[], { queue }: Subscriber): number {
  const module = modules.find(({ subscribers }) => subscribers.some((one) => one.queue === queue));
  if (module === undefined) return 0;
  const now = new Date();
  const first = nextRun(module.schedule, now, now).at;
  return nextRun(module.schedule, first, first).at.getTime() - first.getTime();
}
