import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Account } from "./account.ts";
import type { News, Order, Program } from "./guard.ts";

/** The parent's end of the guard: programs by name, in a folder that goes with them. */
export interface Supervisor {
  readonly folder: string;
  start(name: string, program: Program): void;
  /** Resolves when the program has ended. */
  kill(name: string, signal: NodeJS.Signals): Promise<void>;
  pid(name: string): number | undefined;
  /** From now on it does not keep this process alive. */
  unref(): void;
  /** Ends all programs at once and removes the folder; resolves when that is done. */
  stop(): Promise<void>;
}

export async function supervise(account: Account): Promise<Supervisor> {
  const argv = account.uid === undefined ? [] : [String(account.uid), String(account.gid)];
  const guard = spawn(process.execPath, [join(import.meta.dirname, "guard.ts"), ...argv], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    // A session of its own: ctrl-C reaches the parent alone, which then closes the channel.
    detached: true,
  });
  const exited = once(guard, "exit");
  const pids = new Map<string, number>();
  const waiting = new Map<string, () => void>();
  const [first] = await Promise.race([
    once(guard, "message") as Promise<[News]>,
    exited.then(() => Promise.reject(new Error("The guard of the servers ended before it began"))),
  ]);
  if (first.news !== "folder") throw new Error(`The guard of the servers said ${first.news} first`);
  guard.on("message", (news: News) => {
    if (news.news === "started") pids.set(news.name, news.pid);
    if (news.news === "ended") {
      pids.delete(news.name);
      waiting.get(news.name)?.();
    }
  });
  const tell = (order: Order): void => {
    guard.send(order);
  };
  return {
    folder: first.folder,
    start(name, program) {
      pids.set(name, 0);
      tell({ order: "start", name, program });
    },
    async kill(name, signal) {
      if (!pids.has(name)) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.set(name, resolve);
      tell({ order: "signal", name, signal });
      await promise;
      waiting.delete(name);
    },
    pid: (name) => pids.get(name),
    unref() {
      guard.unref();
      guard.channel?.unref();
    },
    async stop() {
      guard.ref();
      if (guard.connected) guard.disconnect();
      await exited;
    },
  };
}
