import type { ParseArgsConfig } from "node:util";
import type { Log } from "./log.ts";
import type { Signals } from "./signals.ts";

/** What a command may touch of the world. */
export interface Context {
  readonly environment: NodeJS.ProcessEnv;
  readonly hostname: string;
  readonly log: Log;
  readonly signals: Signals;
  /** Results, for standard output. */
  readonly print: (text: string) => void;
  /** Results that may be large; waits while standard output takes no more. False when nobody reads it any more. */
  readonly write: (bytes: Uint8Array) => Promise<boolean>;
}

export type Values = Readonly<Record<string, string | boolean | undefined>>;

/** A command as a value: `run` returns the exit code or throws, and prints nothing but its results. */
export interface Command {
  readonly summary: string;
  readonly help: string;
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  /** Whether it takes words beside its options. */
  readonly operands?: true;
  run(values: Values, positionals: readonly string[], context: Context): Promise<number>;
}
