import { run, UsageError } from "./command.ts";

try {
  run(process.argv.slice(2), (line) => console.log(line));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}. See --help.`);
  process.exitCode = 2;
}
