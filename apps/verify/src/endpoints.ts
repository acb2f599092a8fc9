import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import { HeadBucketCommand, ListBucketsCommand } from "@aws-sdk/client-s3";
import { GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { proxyAgents } from "@threatlockdown/aws-auth";
import { queueAddress } from "@threatlockdown/sqs-consumer";
import type { Lake } from "./lake.ts";
import { type NotAws, notAws } from "./not-aws.ts";
import { silenceMilliseconds } from "./opened.ts";
import { settingName } from "./setting.ts";

export interface Endpoint {
  readonly service: "STS" | "SQS" | "S3";
  readonly url: string;
  /** The element of the configuration that names it. */
  readonly setting?: string;
}

/**
 * Where the SDK would send the requests of the subscriber: its own rules know of FIPS, dual stack, partitions, VPC endpoints,
 * and of all places where an endpoint can be set.
 */
export async function endpointsOf(lake: Lake): Promise<Endpoint[]> {
  const { stsEndpoint, serviceEndpoint, queue } = lake.subscriber;
  const gone = new Set<object>();
  const sent: string[] = [];
  const requestHandler = {
    handle: async ({ protocol, hostname, port }: { protocol: string; hostname: string; port?: number }) => {
      sent.push(`${protocol}//${hostname}${port === undefined ? "" : `:${port}`}`);
      const stopped = new Error("it is not sent");
      gone.add(stopped);
      throw stopped;
    },
  };
  const clients = await lake.clientsBy(() => ({ maxAttempts: 1, requestHandler: requestHandler as never }));
  const whereTo = async (service: Endpoint["service"]): Promise<string> => {
    await requests[service](clients, lake).catch((error: unknown) => {
      if (!gone.has(error as object)) throw error;
    });
    return sent.pop() ?? "";
  };
  return [
    {
      service: "STS",
      url: await whereTo("STS"),
      ...(stsEndpoint !== undefined && { setting: settingName(lake, "stsEndpoint") }),
    },
    {
      service: "SQS",
      url: await whereTo("SQS"),
      ...(queue.includes("//") && { setting: settingName(lake, "queue") }),
    },
    {
      service: "S3",
      url: await whereTo("S3"),
      ...(serviceEndpoint !== undefined && { setting: settingName(lake, "serviceEndpoint") }),
    },
  ];
}

type Clients = Awaited<ReturnType<Lake["clientsBy"]>>;
type Request = (clients: Clients, lake: Lake, more?: { readonly abortSignal: AbortSignal }) => Promise<unknown>;

const requests: Readonly<Record<Endpoint["service"], Request>> = {
  STS: ({ sts }, _, more) => sts.send(new GetCallerIdentityCommand({}), more),
  SQS: ({ sqs }, { subscriber: { queue } }, more) =>
    sqs.send(new GetQueueUrlCommand({ QueueName: queueAddress(queue).name }), more),
  S3: ({ s3 }, { buckets: [bucket] }, more) =>
    bucket === undefined
      ? s3.send(new ListBucketsCommand({}), more)
      : s3.send(new HeadBucketCommand({ Bucket: bucket }), more),
};

/** What answers there, where that is not AWS, which refuses the key, and does that in its own way. */
export async function otherThanAws(
  lake: Lake,
  service: Endpoint["service"],
  signal: AbortSignal,
): Promise<NotAws | undefined> {
  const clients = await lake.clientsBy(() => ({ ...lake.sending(), maxAttempts: 1 }));
  const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(silenceMilliseconds)]);
  try {
    await requests[service](clients, lake, { abortSignal });
    return undefined;
  } catch (error) {
    return notAws(error);
  } finally {
    for (const client of [clients.sts, clients.sqs, clients.s3]) client.destroy();
  }
}

/** By the way that the subscriber's requests take. */
export function answerOf({ environment }: Lake, url: string, signal: AbortSignal): Promise<IncomingHttpHeaders> {
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
