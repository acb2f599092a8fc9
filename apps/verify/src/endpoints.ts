import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import { HeadBucketCommand, ListBucketsCommand } from "@aws-sdk/client-s3";
import { GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { proxyAgents } from "@threatlockdown/aws-auth";
import { queueAddress } from "@threatlockdown/sqs-consumer";
import type { Lake } from "./lake.ts";
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
