import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Lab } from "@threatlockdown/tooling-lab";
import { CannotRun } from "../src/cannot-run.ts";
import type { Surroundings } from "../src/lake.ts";
import { run, type World } from "../src/run.ts";
import { patience, patientLimits } from "./patience.ts";
import { provider } from "./setting.ts";

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** As it is shipped; with the limits of a person who waits. */
export const main = join(import.meta.dirname, "../src/main.ts");
const patientMain = join(import.meta.dirname, "patient-main.ts");

/** The command line as a process of its own; nothing of the caller's AWS settings reaches it. */
export function startVerify(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  entry: string = patientMain,
): Promise<Ended> {
  const child = spawn(process.execPath, ["--conditions=@threatlockdown/source", entry, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH ?? "", HOME: "/nonexistent", AWS_EC2_METADATA_DISABLED: "true", ...environment },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** The same within this process. */
export async function verify(args: readonly string[], world: Partial<World> = {}): Promise<Ended> {
  let [stdout, stderr] = ["", ""];
  const complain = (line: string) => {
    stderr += `${line}\n`;
  };
  const code = await run(args, {
    environment: {},
    print: (text) => {
      stdout += text;
    },
    complain,
    colours: false,
    wait: async () => {
      throw new Error("nothing was to be waited for");
    },
    limits: patientLimits,
    ...world,
  }).catch((error: unknown) => {
    if (!(error instanceof CannotRun)) throw error;
    complain(`ERROR: ${error.message}`);
    return 2;
  });
  return { code, stdout, stderr };
}

/** What stands for AWS in a lab. */
export function surroundingsOf({ aws, subscription }: Lab): Surroundings {
  return {
    base: provider(subscription.userCredentials),
    endpoint: aws.url,
    region: subscription.region,
    watchFor: 20,
    poll: 0,
    patience,
  };
}
