import type { TestProject } from "vitest/node";
import { openMeeting } from "./meeting.ts";
import { skipsOpenSearch } from "./skip-all.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Where test files ask for the shared server. */
    openSearchMeeting: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (skipsOpenSearch(process.env)) {
    project.provide("openSearchMeeting", "");
    return async () => sayWhatWasSkipped(project);
  }
  const meeting = await openMeeting();
  project.provide("openSearchMeeting", meeting.url);
  return meeting.close;
}

function sayWhatWasSkipped({ vitest, name }: TestProject): void {
  const modules = vitest.state.getTestModules().filter(({ project }) => project.name === name);
  const tests = modules.reduce((sum, module) => sum + [...module.children.allTests("skipped")].length, 0);
  const files = modules.map(({ relativeModuleId }) => relativeModuleId).join(", ");
  console.error(`\nSKIP_OPENSEARCH=1: ${tests} tests that need a real OpenSearch were skipped: ${files}`);
}
