import type { Result } from "./check.ts";

/** Told as one line; nothing was checked but, in `results`, what stands in the way. */
export class CannotRun extends Error {
  readonly results: readonly Result[];

  constructor(message: string, results: readonly Result[] = []) {
    super(message);
    this.results = results;
  }
}
