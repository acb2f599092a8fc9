import { once } from "node:events";
import type { Context } from "./command.ts";

/** Standard output. A reader that went away (`| head`) is no error: what follows is dropped, and `write` tells. */
export function output(stream: NodeJS.WriteStream): Pick<Context, "print" | "write"> {
  let closed = false;
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    closed = true;
  });
  return {
    print(text) {
      if (!closed) stream.write(text);
    },
    async write(bytes) {
      // A pipe is written to later than this returns, and the caller's bytes are used again by then.
      if (!closed && !stream.write(bytes.slice())) {
        await Promise.race([once(stream, "drain"), once(stream, "close")]).catch(() => {});
      }
      return !closed;
    },
  };
}
