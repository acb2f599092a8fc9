import { type RunnerTask, type RunnerTestFile, TestRunner } from "vitest";

export function skipsOpenSearch({ SKIP_OPENSEARCH: skip }: NodeJS.ProcessEnv): boolean {
  return skip === "1";
}

/** Collects every test and runs none, hooks included. */
export default class SkipAll extends TestRunner {
  onCollected(files: RunnerTestFile[]): void {
    files.forEach(skip);
  }
}

function skip(task: RunnerTask): void {
  task.mode = "skip";
  if ("tasks" in task) task.tasks.forEach(skip);
}
