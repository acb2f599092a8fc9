/**
 * A process of its own that owns the servers and their folder, and ends both as soon as its parent is gone, however that
 * ended. It speaks with the parent over Node's IPC channel, whose closing is the one sign that no signal can suppress.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chownSync, closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type Order =
  | { readonly order: "start"; readonly name: string; readonly program: Program }
  | { readonly order: "signal"; readonly name: string; readonly signal: NodeJS.Signals };

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** File that takes what the program prints. */
  readonly output: string;
  readonly uid?: number;
  readonly gid?: number;
}

export type News =
  | { readonly news: "folder"; readonly folder: string }
  | { readonly news: "started"; readonly name: string; readonly pid: number }
  | { readonly news: "ended"; readonly name: string };

const children = new Map<string, ChildProcess>();
const [uid, gid] = process.argv.slice(2).map(Number);
const folder = mkdtempSync(join(tmpdir(), "threatlockdown-opensearch-"));
if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);

function start(name: string, { command, args, output, ...options }: Program): void {
  const log = openSync(output, "a");
  // A group of its own: until the start script has become the server, it has children.
  const child = spawn(command, args, { ...options, stdio: ["ignore", log, log], detached: true });
  closeSync(log);
  children.set(name, child);
  if (child.pid !== undefined) tell({ news: "started", name, pid: child.pid });
  const ended = (): void => {
    if (children.delete(name)) tell({ news: "ended", name });
  };
  child.once("exit", ended).once("error", ended);
}

function signal(child: ChildProcess | undefined, name: NodeJS.Signals): void {
  if (child?.pid === undefined) return;
  try {
    process.kill(-child.pid, name);
  } catch {
    // It has just ended.
  }
}

function tell(news: News): void {
  if (process.connected) process.send?.(news, () => {});
}

async function end(): Promise<void> {
  const all = [...children.values()];
  const ended = all.map((child) => new Promise((resolve) => child.once("exit", resolve).once("error", resolve)));
  for (const child of all) signal(child, "SIGKILL");
  await Promise.all(ended);
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  process.exit(0);
}

process.on("message", (order: Order) => {
  if (order.order === "start") start(order.name, order.program);
  else signal(children.get(order.name), order.signal);
});
process.once("disconnect", end);
for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.once(name, end);
tell({ news: "folder", folder });
