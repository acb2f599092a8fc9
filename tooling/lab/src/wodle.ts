import { spawn } from "node:child_process";
import { join } from "node:path";

const main = join(import.meta.dirname, "../../../apps/wodle/src/main.ts");
/** The first is what the first line of the binary says. */
const flags = ["--max-semi-space-size=16", "--conditions=@threatlockdown/source"];

/** The wodle's command line as a process of its own, from source. */
export interface Wodle {
  readonly pid: number;
  readonly arguments: readonly string[];
  /** What it has written so far. */
  stdout(): string;
  stderr(): string;
  /** Resolves when a line of standard error holds the text; rejects when it ends before, or after `seconds`. */
  said(text: string, seconds?: number): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

export function startWodle(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  onStderr?: (text: string) => void,
): Wodle {
  // Nothing of the caller's AWS settings may reach it; it trusts the authorities that the caller trusts.
  const { PATH, NODE_EXTRA_CA_CERTS, NODE_USE_SYSTEM_CA } = process.env;
  const child = spawn(process.execPath, [...flags, main, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH, NODE_EXTRA_CA_CERTS, NODE_USE_SYSTEM_CA, HOME: "/nonexistent", ...environment },
  });
  let stdout = "";
  let stderr = "";
  const listeners = new Set<() => void>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    onStderr?.(text);
    for (const listener of listeners) listener();
  });
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal }));
  });
  return {
    pid: child.pid as number,
    arguments: args,
    stdout: () => stdout,
    stderr: () => stderr,
    kill: (signal) => void child.kill(signal),
    ended,
    said(text, seconds = 30) {
      return new Promise((resolve, reject) => {
        const look = () => {
          if (!stderr.includes(text)) return;
          finish(resolve);
        };
        const finish = (then: () => void) => {
          clearTimeout(timer);
          listeners.delete(look);
          then();
        };
        const missing = (why: string) => () => reject(new Error(`the wodle ${why} "${text}"; it said:\n${stderr}`));
        const timer = setTimeout(() => finish(missing(`did not say within ${seconds} s`)), seconds * 1000);
        listeners.add(look);
        void ended.then(() => finish(missing("ended without saying")));
        look();
      });
    },
  };
}
