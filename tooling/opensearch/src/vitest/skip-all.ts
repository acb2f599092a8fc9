import { type SerializedConfig, TestRunner } from "vitest";

export function skipsOpenSearch({ SKIP_OPENSEARCH: skip }: NodeJS.ProcessEnv): boolean {
  return skip === "1";
}

/** Collects every test and runs none, hooks included. */
export default class SkipAll extends TestRunner {
  constructor(config: SerializedConfig) {
    super({ ...config, testNamePattern: /(?!)/ });
  }
}
