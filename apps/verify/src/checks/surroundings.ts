import { access, constants } from "node:fs/promises";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect as connectTcp, isIP } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { HeadBucketCommand, ListBucketsCommand } from "@aws-sdk/client-s3";
import { GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { isPassing, isUnanswered, proxyAgents } from "@threatlockdown/aws-auth";
import { queueAddress } from "@threatlockdown/sqs-consumer";
import { isSpare, ofName, type Tried } from "../addresses.ts";
import { lookAtCause } from "../causes.ts";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import type { Lake } from "../lake.ts";
import { codeOf, opened, silenceMilliseconds } from "../opened.ts";
import { proxyOf } from "../proxy.ts";
import { giveRegion, settingName } from "../setting.ts";

export const region: Check = {
  id: "region",
  title: "The Region is known",
  explain: "The queue is asked for in one Region; in another one it does not exist.",
  needs: [],
  async run(lake) {
    try {
      const found = await lake.region();
      const { region: ofQueue } = queueAddress(lake.subscriber.queue);
      const from = lake.regionGiven
        ? "as --region says"
        : ofQueue === undefined
          ? "of the settings of AWS on this machine"
          : "of the queue's address";
      return { state: "ok", seen: `${found}, ${from}` };
    } catch (error) {
      return (
        (await notToBeRead(lake, "no Region is known")) ?? {
          state: "failed",
          seen: lake.explain(error),
          fix: giveRegion(lake),
        }
      );
    }
  },
};

export const credentials: Check = {
  id: "credentials",
  title: "Credentials are found and accepted",
  explain:
    "The role is assumed with a user's keys, or with the role of the instance; without them nothing can be read.",
  needs: ["region"],
  async run(lake) {
    try {
      const { arn } = await lake.caller();
      return { state: "ok", seen: `they are those of ${arn}` };
    } catch (error) {
      const seen = lake.explain(error);
      // The way to STS is the subject of another check.
      if (isUnanswered(error)) return couldNotCheck({ because: seen, how: lookAtCause(seen), lasting: true });
      if (isPassing(error)) throw error;
      const { name } = ((error as Error).cause ?? error) as Error;
      const none = /ProviderError$/.test(name);
      const hidden = none ? await notToBeRead(lake, "no other credentials are found") : undefined;
      return hidden ?? { state: "failed", seen, ...(newCredentials(lake, name, seen) ?? { fix: lookAtCause(seen) }) };
    }
  },
};

/** What AWS says of credentials without a doubt, by the name of its error. */
function newCredentials(
  { subscriber: { profile } }: Lake,
  name: string,
  seen: string,
): Pick<Finding, "fix" | "console"> | undefined {
  const give = `Give ${profile === undefined ? "the subscriber" : `the profile ${profile}`}`;
  const console = "IAM > Users > the user > Security credentials > Access keys";
  if (/^(InvalidClientTokenId|InvalidAccessKeyId|UnrecognizedClientException)$/.test(name)) {
    return {
      fix: `${give} an access key that exists and is active; temporary keys have a session token too`,
      console,
    };
  }
  // The same name stands for a clock that is wrong.
  if (name === "SignatureDoesNotMatch" && /: \(1\) the secret access key/.test(seen)) {
    return { fix: `${give} the secret access key that belongs to the access key id, or a new pair`, console };
  }
  if (!/^ExpiredToken/.test(name)) return undefined;
  return { fix: `${give} new temporary credentials, or keys that last; an instance can have a role instead` };
}

/** The SDK takes a file of AWS that may not be read for one that is not there. */
async function notToBeRead({ environment }: Lake, without: string): Promise<Finding | undefined> {
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

/** AWS refuses signatures that are older; SQS and STS allow five minutes. */
const refusedSeconds = 300;
const noteworthySeconds = 60;

export const clock: Check = {
  id: "clock",
  title: "The clock is right",
  explain: "AWS refuses requests that were signed more than 5 minutes ago or in the future.",
  needs: ["endpoints"],
  async run(lake, signal) {
    const [endpoint] = await endpointsOf(lake);
    const url = endpoint?.url ?? "";
    const before = Date.now();
    const headers = await answerOf(lake, url, signal);
    const now = (before + Date.now()) / 2;
    const date = Date.parse(headers.date ?? "");
    if (Number.isNaN(date)) return couldNotCheck({ because: `${new URL(url).host} tells no time` });
    const seconds = Math.round((now - date) / 1000);
    const off = Math.abs(seconds);
    const seen = off < 3 ? "as AWS has it" : `${off} s ${seconds > 0 ? "ahead of" : "behind"} that of AWS`;
    if (off < noteworthySeconds) return { state: "ok", seen };
    return {
      state: off < refusedSeconds ? "warning" : "failed",
      seen,
      fix: "Set the clock of this machine by NTP (chrony, systemd-timesyncd)",
      commands: [{ words: ["timedatectl", "set-ntp", "true"] }],
    };
  },
};

interface Endpoint {
  readonly service: "STS" | "SQS" | "S3";
  readonly url: string;
  /** The element of the configuration that names it. */
  readonly setting?: string;
}

export const endpoints: Check = {
  id: "endpoints",
  title: "The endpoints of AWS are reached",
  explain:
    "STS, SQS and S3 are asked over HTTPS: their names have to be found, connected to, and have certificates of theirs.",
  needs: ["region"],
  async run(lake, signal) {
    const tried = await Promise.all((await endpointsOf(lake)).map((endpoint) => reach(lake, endpoint, signal)));
    const names = tried.map(ofName);
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

/**
 * Where the SDK would send the requests of the subscriber: its own rules know of FIPS, dual stack, partitions, VPC endpoints,
 * and of all places where an endpoint can be set.
 */
export async function endpointsOf(lake: Lake): Promise<Endpoint[]> {
  const { stsEndpoint, serviceEndpoint, queue } = lake.subscriber;
  const [bucket] = lake.buckets;
  const gone = new Set<object>();
  const sent: string[] = [];
  const { sts, sqs, s3 } = await lake.clientsBy({
    handle: async ({ protocol, hostname, port }: { protocol: string; hostname: string; port?: number }) => {
      sent.push(`${protocol}//${hostname}${port === undefined ? "" : `:${port}`}`);
      const stopped = new Error("it is not sent");
      gone.add(stopped);
      throw stopped;
    },
  });
  const whereTo = async (send: () => Promise<unknown>): Promise<string> => {
    await send().catch((error: unknown) => {
      if (!gone.has(error as object)) throw error;
    });
    return sent.pop() ?? "";
  };
  const { name } = queueAddress(queue);
  return [
    {
      service: "STS",
      url: await whereTo(() => sts.send(new GetCallerIdentityCommand({}))),
      ...(stsEndpoint !== undefined && { setting: settingName(lake, "stsEndpoint") }),
    },
    {
      service: "SQS",
      url: await whereTo(() => sqs.send(new GetQueueUrlCommand({ QueueName: name }))),
      ...(queue.includes("//") && { setting: settingName(lake, "queue") }),
    },
    {
      service: "S3",
      url: await whereTo(() =>
        bucket === undefined ? s3.send(new ListBucketsCommand({})) : s3.send(new HeadBucketCommand({ Bucket: bucket })),
      ),
      ...(serviceEndpoint !== undefined && { setting: settingName(lake, "serviceEndpoint") }),
    },
  ];
}

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

/** By the way that the subscriber's requests take. */
function answerOf({ environment }: Lake, url: string, signal: AbortSignal): Promise<IncomingHttpHeaders> {
  const secured = url.startsWith("https:");
  const agent = proxyAgents(environment)[secured ? "httpsAgent" : "httpAgent"];
  return new Promise((resolve, reject) => {
    const end = (done: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      request.destroy();
      agent.destroy();
      done();
    };
    const fail = (code: string) => end(() => reject(Object.assign(new Error(code), { code })));
    const abort = () => fail("ABORT_ERR");
    const timer = setTimeout(() => setImmediate(() => fail("ETIMEDOUT")), silenceMilliseconds);
    const request = (secured ? httpsRequest : httpRequest)(url, { agent }, ({ headers }) =>
      end(() => resolve(headers)),
    );
    request.on("error", (error) => end(() => reject(error)));
    signal.addEventListener("abort", abort, { once: true });
    request.end();
  });
}
