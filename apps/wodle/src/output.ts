import { once } from "node:events";
import type { Context } from "./command.ts";
import { exitCode, Failure } from "./exit-code.ts";

/**
 * Standard output. A reader that went away (`| head`) is no error: what follows is dropped, and `write` tells. Anything else
 * that stands in the way (a full disk) is.
 */
export function output(stream: NodeJS.WriteStream): Pick<Context, "print" | "write"> {
  let closed = false;
  let refused: Failure | undefined;
  stream.on("error", (error: NodeJS.ErrnoException) => {
    closed = true;
    if (error.code === "EPIPE") return;
    refused ??= new Failure(exitCode.unknown, `standard output cannot be written: ${error.message}`, { cause: error });
  });
  const check = (): boolean => {
    if (refused !== undefined) throw refused;
    return !closed;
  };
  return {
    print(text) {
      if (check()) stream.write(text);
    },
    async write(bytes) {
      // A pipe is written to later than this returns, and the caller's bytes are used again by then.
      if (check() && !stream.write(bytes.slice())) {
        await Promise.race([once(stream, "drain"), once(stream, "close")]).catch(() => {});
      }
      return check();
    },
  };
}
