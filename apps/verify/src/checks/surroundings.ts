import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { connect as connectTcp, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import { HeadBucketCommand, ListBucketsCommand } from "@aws-sdk/client-s3";
import { GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { isPassing } from "@threatlockdown/aws-auth";
import { queueAddress } from "@threatlockdown/sqs-consumer";
import { lookAtCause } from "../causes.ts";
import { type Check, couldNotCheck } from "../check.ts";
import type { Lake } from "../lake.ts";
import { codeOf, opened, silenceMilliseconds } from "../opened.ts";
import { proxyOf } from "../proxy.ts";

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
      return {
        state: "failed",
        seen: lake.explain(error),
        fix: "Give the queue by its ARN in <sqs_name>, or set a region in the profile",
      };
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
      if (isPassing(error)) throw error;
      return {
        state: "failed",
        seen: lake.explain(error),
        fix: lookAtCause(lake.explain(error)),
      };
    }
  },
};

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
    const seen = tried.map(({ seen }) => seen).join("; ");
    const broken = tried.filter(({ fix }) => fix !== undefined);
    const [first] = broken;
    if (first?.fix === undefined) return { state: "ok", seen };
    return { state: "failed", seen: broken.map(({ seen }) => seen).join("; "), fix: first.fix };
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
      ...(stsEndpoint !== undefined && { setting: "<sts_endpoint>" }),
    },
    {
      service: "SQS",
      url: await whereTo(() => sqs.send(new GetQueueUrlCommand({ QueueName: name }))),
      ...(queue.includes("//") && { setting: "<sqs_name>" }),
    },
    {
      service: "S3",
      url: await whereTo(() =>
        bucket === undefined ? s3.send(new ListBucketsCommand({})) : s3.send(new HeadBucketCommand({ Bucket: bucket })),
      ),
      ...(serviceEndpoint !== undefined && { setting: "<service_endpoint>" }),
    },
  ];
}

interface Reached {
  readonly seen: string;
  readonly fix?: string;
}

async function reach(lake: Lake, endpoint: Endpoint, signal: AbortSignal): Promise<Reached> {
  const { service, url, setting } = endpoint;
  const proxy = proxyOf(lake.environment, new URL(url));
  if (proxy !== undefined) return reachThrough(lake, proxy, endpoint, signal);
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const name = `${service} at ${host}`;
  const where = setting === undefined ? "" : `Correct ${setting}, or `;
  let address: string;
  try {
    address = await lake.lookUp(host);
  } catch (error) {
    return {
      seen: `${name}: the name is not found (${codeOf(error)})`,
      fix: `${where}${where === "" ? "M" : "m"}ake the name ${host} known to the resolver of this machine`,
    };
  }
  const target = Number(port || (protocol === "https:" ? 443 : 80));
  try {
    (await opened(connectTcp({ host: address, port: target }), "connect", signal)).destroy();
  } catch (error) {
    return {
      seen: `${name}: no connection to ${address}:${target} (${codeOf(error)})`,
      fix: `${where}${where === "" ? "L" : "l"}et this machine through to ${host}:${target} (firewall, security group, route, proxy)`,
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
    return {
      seen: `${name}: no TLS (${codeOf(error)})`,
      fix: `Let ${host} through without inspection, or make the authority of the inspecting proxy known by NODE_EXTRA_CA_CERTS`,
    };
  }
  try {
    const request = `HEAD / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    (await opened(connect(), "data", signal, request)).destroy();
  } catch (error) {
    return {
      seen: `${name}: connected to ${address}:${target}, and no answer came (${codeOf(error)})`,
      fix: `${where}${where === "" ? "F" : "f"}ind out what takes the connections to ${host}:${target} and does not answer: a proxy, a firewall, or another service`,
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
): Promise<Reached> {
  const variable = new URL(url).protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const target = Number(port || (protocol === "https:" ? 443 : 80));
  const proxy = `${hostname}:${target}`;
  const { hostname: host } = new URL(url);
  const name = `${service} at ${host} goes through the proxy ${proxy}`;
  try {
    const address = await lake.lookUp(hostname.replace(/^\[|\]$/g, ""));
    (await opened(connectTcp({ host: address, port: target }), "connect", signal)).destroy();
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
  const agent = secured ? new HttpsAgent({ proxyEnv: environment }) : new HttpAgent({ proxyEnv: environment });
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
