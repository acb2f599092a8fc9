import { access, constants } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { couldNotCheck, type Finding } from "./check.ts";
import type { Lake } from "./lake.ts";
import { codeOf } from "./opened.ts";

/** The SDK takes a file of AWS that may not be read for one that is not there. */
export async function notToBeRead({ environment }: Lake, without: string): Promise<Finding | undefined> {
  const { AWS_SHARED_CREDENTIALS_FILE: credentials, AWS_CONFIG_FILE: config } = environment;
  const files = [credentials || join(homedir(), ".aws/credentials"), config || join(homedir(), ".aws/config")];
  for (const file of files) {
    const code = await access(file, constants.R_OK).then(() => "", codeOf);
    if (!/^(EACCES|EPERM)$/.test(code)) continue;
    return couldNotCheck({
      because: `${file} may not be read (${code}), and ${without}`,
      how: "run it as the user who runs the subscriber; if that is this one, let it read the file",
      lasting: true,
    });
  }
  return undefined;
}
