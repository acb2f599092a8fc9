import { constants } from "node:os";
import { AnalysisdError } from "./errors.ts";

/** A unix datagram socket that never blocks. */
export interface DatagramSocket {
  /** Undefined when the datagram is on its way, else why it is not: `EAGAIN`, `ENOENT`, `ECONNREFUSED`, … */
  send(datagram: Uint8Array): string | undefined;
  close(): void;
}

type Libc = ReturnType<typeof loadLibc>;

/** Several names may stand for one number: `EAGAIN` is `EWOULDBLOCK`, too. The first one counts. */
const errorNames = new Map(
  Object.entries(constants.errno)
    .map(([name, number]) => [number as number, name] as const)
    .reverse(),
);

/** Linux, x64 and arm64. */
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
/** Room for a path in `sockaddr_un`, its closing zero included. */
const maxPathBytes = 108;

let libc: Libc | undefined;

/**
 * Opens a socket that sends to `path`, through libc: Node has no unix datagrams of its own. The path is looked up with
 * each datagram, so an engine that was started anew is found again.
 *
 * @throws {AnalysisdError} `NO_DATAGRAMS` where the runtime or the system has no way to do it
 */
export function openSocket(path: string): DatagramSocket {
  const address = socketAddress(path);
  libc ??= loadLibc();
  const { functions, errno } = libc;
  const descriptor = functions.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) throw new AnalysisdError("QUEUE_FAILED", `no socket can be opened for ${path}: ${errno()}`);
  let open = true;
  return {
    send(datagram) {
      if (!open) return "EBADF";
      const { byteLength } = datagram;
      const sent = functions.sendto(
        descriptor,
        datagram,
        BigInt(byteLength),
        MSG_NOSIGNAL,
        address,
        address.byteLength,
      );
      return sent < 0n ? errno() : undefined;
    },
    close() {
      if (open) functions.close(descriptor);
      open = false;
    },
  };
}

/** Whether this runtime can open such a socket, and if not, why. */
export function datagramsUnavailable(): string | undefined {
  if (process.platform !== "linux") return `unix datagrams are sent on Linux only, not on ${process.platform}`;
  if (process.getBuiltinModule("node:ffi") === undefined) {
    return `unix datagrams need node:ffi, which Node ${process.version} has not: use Node 26.10 or later, without --no-experimental-ffi`;
  }
  return undefined;
}

function socketAddress(path: string): Buffer {
  const bytes = Buffer.from(path);
  if (bytes.byteLength >= maxPathBytes) {
    const message = `the path ${path} has ${bytes.byteLength} bytes; a socket's has less than ${maxPathBytes}`;
    throw new AnalysisdError("QUEUE_FAILED", message);
  }
  const address = Buffer.alloc(2 + bytes.byteLength + 1);
  address.writeUInt16LE(AF_UNIX);
  bytes.copy(address, 2);
  return address;
}

function loadLibc() {
  const unavailable = datagramsUnavailable();
  if (unavailable !== undefined) throw new AnalysisdError("NO_DATAGRAMS", unavailable);
  const ffi = process.getBuiltinModule("node:ffi");
  // The library stays referenced as long as its functions are in use.
  const { lib, functions } = ffi.dlopen(null, {
    socket: { arguments: ["i32", "i32", "i32"], return: "i32" },
    sendto: { arguments: ["i32", "pointer", "u64", "i32", "pointer", "u32"], return: "i64" },
    close: { arguments: ["i32"], return: "i32" },
    __errno_location: { arguments: [], return: "pointer" },
  });
  const location = functions.__errno_location();
  const errno = (): string => {
    const number = ffi.getInt32(location);
    return errorNames.get(number) ?? `errno ${number}`;
  };
  return { lib, functions, errno };
}
