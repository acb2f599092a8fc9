import { connect as connectTcp, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import { isSpare, ofName, type Tried } from "../addresses.ts";
import { lookAtCause } from "../causes.ts";
import type { Check } from "../check.ts";
import { answerOf, type Endpoint, endpointsOf, otherThanAws } from "../endpoints.ts";
import type { Lake } from "../lake.ts";
import { codeOf, opened } from "../opened.ts";
import { proxyOf } from "../proxy.ts";

export const endpoints: Check = {
  id: "endpoints",
  title: "The endpoints of AWS are reached",
  explain:
    "STS, SQS and S3 are asked over HTTPS: their names have to be found, connected to, and have certificates of theirs, and it has to be AWS that answers there.",
  needs: ["region"],
  async run(lake, signal) {
    const names = await Promise.all((await endpointsOf(lake)).map((endpoint) => reachName(lake, endpoint, signal)));
    const told = (some: readonly Tried[]) => some.map(({ seen }) => seen).join("; ");
    const broken = names.map(({ found }) => found).filter(({ fix }) => fix !== undefined);
    const dead = names.flatMap((name) => name.dead);
    const [first] = broken;
    if (first?.fix !== undefined) return { state: "failed", seen: told(broken), fix: first.fix };
    const [late] = dead;
    if (late?.fix === undefined) return { state: "ok", seen: told(names.map(({ found }) => found)) };
    return { state: "warning", seen: `${told(dead)}; other addresses of the same name are reached`, fix: late.fix };
  },
};

/** Where its name is reached, AWS has to be there. */
async function reachName(lake: Lake, endpoint: Endpoint, signal: AbortSignal): Promise<ReturnType<typeof ofName>> {
  const name = ofName(await reach(lake, endpoint, signal));
  if (name.found.fix !== undefined) return name;
  const other = await otherThanAws(lake, endpoint.service, signal);
  if (other === undefined) return name;
  const host = hostOf(new URL(endpoint.url));
  const setting =
    endpoint.setting ?? (ofAws.test(host) ? undefined : "AWS_ENDPOINT_URL, or endpoint_url of the profile");
  const find = `find out what answers at ${host} in the place of AWS: a portal or proxy of the network, or another service`;
  const seen = `${name.found.seen}, and what answers is not AWS (HTTP ${other.status})`;
  return { ...name, found: { seen, fix: corrected(setting, find) } };
}

/** Names of AWS's own, in its partitions. */
const ofAws = /\.amazonaws\.|\.aws$|\.gov$/;

/** Each address of the endpoint's name, or what stands before them. */
async function reach(lake: Lake, endpoint: Endpoint, signal: AbortSignal): Promise<readonly [Tried, ...Tried[]]> {
  const { service, url, setting } = endpoint;
  const proxy = proxyOf(lake.environment, new URL(url));
  if (proxy !== undefined) return [await reachThrough(lake, proxy, endpoint, signal)];
  const host = hostOf(new URL(url));
  try {
    const [first = "", ...others] = await lake.lookUp(host);
    return await Promise.all([
      reachAddress(lake, endpoint, first, signal),
      ...others.map((address) => reachAddress(lake, endpoint, address, signal)),
    ]);
  } catch (error) {
    const make = `make the name ${host} known to the resolver of this machine`;
    return [{ seen: `${service} at ${host}: the name is not found (${codeOf(error)})`, fix: corrected(setting, make) }];
  }
}

const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, "");

/** Where an element of the configuration names the endpoint, that may be what is wrong. */
function corrected(setting: string | undefined, otherwise: string): string {
  return setting === undefined
    ? `${otherwise.charAt(0).toUpperCase()}${otherwise.slice(1)}`
    : `Correct ${setting}, or ${otherwise}`;
}

async function reachAddress(
  lake: Lake,
  { service, url, setting }: Endpoint,
  address: string,
  signal: AbortSignal,
): Promise<Tried> {
  const { protocol, port } = new URL(url);
  const host = hostOf(new URL(url));
  const name = `${service} at ${host}`;
  const target = Number(port || (protocol === "https:" ? 443 : 80));
  try {
    (await opened(connectTcp({ host: address, port: target }), "connect", signal)).destroy();
  } catch (error) {
    return {
      seen: `${name}: no connection to ${address}:${target} (${codeOf(error)})`,
      fix: corrected(setting, `let this machine through to ${host}:${target} (firewall, security group, route, proxy)`),
      ...(isSpare(address, codeOf(error)) && { spare: true }),
    };
  }
  const encrypted = protocol === "https:";
  const connect = () =>
    encrypted
      ? connectTls({ host: address, port: target, ...(isIP(host) === 0 && { servername: host }) })
      : connectTcp({ host: address, port: target });
  try {
    if (encrypted) (await opened(connect(), "secureConnect", signal)).destroy();
  } catch (error) {
    const cause = lookAtCause(lake.explain(error));
    return {
      seen: `${name}: no TLS with ${address}:${target} (${codeOf(error)})`,
      fix: setting === undefined ? cause : `${cause}; ${setting} names the endpoint`,
    };
  }
  try {
    const request = `HEAD / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    (await opened(connect(), "data", signal, request)).destroy();
  } catch (error) {
    const find = `find out what takes the connections to ${host}:${target} and does not answer: a proxy, a firewall, or another service`;
    return {
      seen: `${name}: connected to ${address}:${target}, and no answer came (${codeOf(error)})`,
      fix: corrected(setting, find),
    };
  }
  return { seen: `${name}: reached${encrypted ? "" : ", without TLS"}` };
}

/** The proxy, and what is behind it. Its URL can have a password in it, so that only its host is told. */
async function reachThrough(
  lake: Lake,
  { protocol, hostname, port }: URL,
  { service, url }: Endpoint,
  signal: AbortSignal,
): Promise<Tried> {
  const variable = new URL(url).protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const target = Number(port || (protocol === "https:" ? 443 : 80));
  const proxy = `${hostname}:${target}`;
  const { hostname: host } = new URL(url);
  const name = `${service} at ${host} goes through the proxy ${proxy}`;
  try {
    const addresses = await lake.lookUp(hostname.replace(/^\[|\]$/g, ""));
    await Promise.any(
      addresses.map(async (host) => (await opened(connectTcp({ host, port: target }), "connect", signal)).destroy()),
    ).catch(({ errors: [first] }: AggregateError) => {
      throw first;
    });
  } catch (error) {
    return {
      seen: `${name}, which is not reached (${codeOf(error)})`,
      fix: `Correct ${variable}, or let this machine through to ${proxy}; where ${host} needs no proxy, name it in NO_PROXY`,
    };
  }
  try {
    await answerOf(lake, url, signal);
  } catch (error) {
    return {
      seen: `${name}, which is reached, and no answer came (${codeOf(error)})`,
      fix: `Let the proxy ${proxy} through to ${host}; if it asks for a user, write it into ${variable}; if it inspects, make its authority known by NODE_EXTRA_CA_CERTS`,
    };
  }
  return { seen: `${name}: reached` };
}
