import { setTimeout as delay } from "node:timers/promises";
import { CannotRun } from "./cannot-run.ts";
import { run, type World } from "./run.ts";

const couldNotRun = 2;

const complain = (line: string): void => void process.stderr.write(`${line}\n`);

async function exitCode(world: Partial<World>): Promise<number> {
  try {
    return await run(process.argv.slice(2), {
      environment: process.env,
      print: (text) => void process.stdout.write(text),
      complain,
      colours: process.stdout.isTTY && !process.env.NO_COLOR,
      wait: delay,
      started: 0,
      ...world,
    });
  } catch (error) {
    complain(
      `ERROR: ${error instanceof CannotRun ? error.message : `Unknown error: ${(error as Error).stack ?? String(error)}`}`,
    );
    return couldNotRun;
  }
}

/** The process from its arguments to its end; `world` is what a test has instead of the process's own. */
export async function program(world: Partial<World> = {}): Promise<void> {
  const code = await exitCode(world);
  // What has not answered is not waited for; what was written is.
  process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));
}
