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
  /** Clients go by another address at no cost: that it is not reached is no fault. */
  readonly spare?: true;
}

/** Where the machine has no IPv6; and services of the machine itself often listen at 127.0.0.1 alone. */
export function isSpare(address: string, code: string): boolean {
  const noNetwork = /^(ENETUNREACH|EADDRNOTAVAIL|EAFNOSUPPORT)$/.test(code);
  return (isIPv6(address) && noNetwork) || (address === "::1" && code === "ECONNREFUSED");
}

/** A name is reached where one of its addresses is: clients try one after the other. The others are dead, and cost time. */
export function ofName<T extends Tried>(
  tried: readonly [T, ...T[]],
): { readonly found: T; readonly dead: readonly T[] } {
  const found = tried.find(({ fix }) => fix === undefined) ?? tried.find(({ spare }) => !spare) ?? tried[0];
  const dead = tried.filter(({ fix, spare }) => fix !== undefined && !spare);
  return { found, dead: found.fix === undefined ? dead : [] };
}
