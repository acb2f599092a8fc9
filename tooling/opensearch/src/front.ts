import { once } from "node:events";
import { connect, createServer, type TLSSocket } from "node:tls";
import type { Certificate } from "./certificates.ts";

export interface Front {
  readonly port: number;
  close(): void;
}

/** Shows another certificate than the server behind it, and passes all else on. */
export async function front(certificate: Certificate, behind: number): Promise<Front> {
  const open = new Set<TLSSocket>();
  const server = createServer({ cert: certificate.cert, key: certificate.key }, (client) => {
    const target = connect({ host: "127.0.0.1", port: behind, rejectUnauthorized: false });
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      open.add(socket);
      socket.pipe(other);
      socket.once("error", () => other.destroy()).once("close", () => open.delete(socket));
    }
  });
  server.listen(0, "127.0.0.1").unref();
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The front has no port");
  return {
    port: address.port,
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
