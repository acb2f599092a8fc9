import { lookup } from "node:dns/promises";
import { isIPv6 } from "node:net";

/** All addresses of a host's name, in the order in which clients try them. */
export async function addressesOf(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

/** What was found at one of the addresses of a name. */
export interface Tried {
  readonly seen: string;
  /** Absent where it is reached. */
  readonly fix?: string;
  /** The machine has no such network, which is no fault of the address. */
  readonly unrouted?: true;
}

/** Whether it lacks IPv6, and clients go by the other addresses. */
export function isUnrouted(address: string, code: string): boolean {
  return isIPv6(address) && /^(ENETUNREACH|EADDRNOTAVAIL|EAFNOSUPPORT)$/.test(code);
}

/** A name is reached where one of its addresses is: clients try one after the other. The others are dead, and cost time. */
export function ofName<T extends Tried>(
  tried: readonly [T, ...T[]],
): { readonly found: T; readonly dead: readonly T[] } {
  const found = tried.find(({ fix }) => fix === undefined) ?? tried.find(({ unrouted }) => !unrouted) ?? tried[0];
  const dead = tried.filter(({ fix, unrouted }) => fix !== undefined && !unrouted);
  return { found, dead: found.fix === undefined ? dead : [] };
}
