import { BlockList, isIPv4 } from "node:net";

/**
 * The proxy that an agent with this `proxyEnv` sends a request through; undefined where it sends it directly. By the rules
 * of Node's "Built-in Proxy Support": names in lower case come first, other protocols than HTTP and HTTPS do not count.
 */
export function proxyOf(environment: NodeJS.ProcessEnv, { protocol, hostname, port }: URL): URL | undefined {
  const { http_proxy, HTTP_PROXY, https_proxy, HTTPS_PROXY, no_proxy, NO_PROXY } = environment;
  const secured = protocol === "https:";
  const named = (secured ? https_proxy || HTTPS_PROXY : http_proxy || HTTP_PROXY) ?? "";
  if (!/^https?:\/\//.test(named)) return undefined;
  const host = hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const whole = `${host}:${port || (secured ? 443 : 80)}`;
  const passedBy = (no_proxy || NO_PROXY || "").split(",").some((entry) => {
    const name = entry.trim().toLowerCase();
    if (name === "*" || name === host || name === whole) return true;
    if (name.startsWith(".")) return host.endsWith(name.slice(1));
    return name.startsWith("*.") ? host.endsWith(name.slice(1)) : isWithin(name, host);
  });
  return passedBy ? undefined : new URL(named);
}

/** As 10.0.0.1-10.0.0.9 */
function isWithin(range: string, host: string): boolean {
  const [first = "", last = "", ...more] = range.split("-").map((address) => address.trim());
  if (more.length > 0 || ![first, last, host].every(isIPv4)) return false;
  const list = new BlockList();
  list.addRange(first, last);
  return list.check(host);
}
