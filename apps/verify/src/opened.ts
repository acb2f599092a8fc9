import type { Socket } from "node:net";

/** Milliseconds after which nobody is thought to answer. */
export const silenceMilliseconds = 3_000;

/**
 * The socket, at the event that it is waited for; what is to be sent before is sent. Without an event it is destroyed.
 * @throws what stands in its way, with a code: `ETIMEDOUT` after three seconds of silence, `ABORT_ERR` by the signal
 */
export function opened<S extends Socket>(socket: S, event: string, signal: AbortSignal, request?: string): Promise<S> {
  return new Promise((resolve, reject) => {
    let waiting = true;
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    };
    const fail = (error: Error) => {
      settle();
      socket.destroy();
      reject(error);
    };
    const failBy = (code: string) => fail(Object.assign(new Error(code), { code }));
    const abort = () => failBy("ABORT_ERR");
    // What has come while this process stood still is seen before it is called silence.
    const timer = setTimeout(() => setImmediate(() => waiting && failBy("ETIMEDOUT")), silenceMilliseconds);
    socket.once(event, () => {
      waiting = false;
      settle();
      resolve(socket);
    });
    socket.once("error", fail);
    socket.once("close", () => failBy("ECONNRESET"));
    signal.addEventListener("abort", abort, { once: true });
    if (request !== undefined) socket.write(request);
  });
}

/** What an error on the way is known by. */
export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? (error as Error).message;
}
