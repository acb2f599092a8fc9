#!/usr/bin/env node
import { setTimeout as delay } from "node:timers/promises";
import { CannotRun } from "./cannot-run.ts";
import { run } from "./run.ts";

const couldNotRun = 2;

const complain = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(): Promise<number> {
  try {
    return await run(process.argv.slice(2), {
      environment: process.env,
      print: (text) => void process.stdout.write(text),
      complain,
      colours: process.stdout.isTTY && !process.env.NO_COLOR,
      wait: delay,
    });
  } catch (error) {
    complain(
      `ERROR: ${error instanceof CannotRun ? error.message : `Unknown error: ${(error as Error).stack ?? String(error)}`}`,
    );
    return couldNotRun;
  }
}

const code = await main();
// What has not answered is not waited for; what was written is.
process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));
