import { IAMClient } from "@aws-sdk/client-iam";
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { SQSClient } from "@aws-sdk/client-sqs";
import { STSClient } from "@aws-sdk/client-sts";
import { type Credentials, type LocalAws, startLocalAws } from "../src/index.ts";

export interface Clients {
  readonly sqs: SQSClient;
  readonly s3: S3Client;
  readonly sts: STSClient;
  readonly iam: IAMClient;
}

/** Clients that try once, so that a test sees what was answered. */
export function clientsOf(
  aws: LocalAws,
  credentials: Credentials = aws.credentials,
  config: Pick<S3ClientConfig, "region" | "maxAttempts" | "followRegionRedirects" | "systemClockOffset"> = {},
): Clients {
  const settings = { region: aws.region, endpoint: aws.url, credentials, maxAttempts: 1, ...config };
  return {
    sqs: new SQSClient(settings),
    s3: new S3Client({ ...settings, forcePathStyle: true }),
    sts: new STSClient(settings),
    iam: new IAMClient(settings),
  };
}

/** A clock that a test moves. */
export function createClock(start: number = Date.now()): { now: () => number; pass(seconds: number): void } {
  let offset = 0;
  const began = start;
  return {
    now: () => began + offset,
    pass(seconds) {
      offset += seconds * 1000;
    },
  };
}

export { startLocalAws };

/** What a call was refused with: the name that a client's code would look at. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  const error = await failure(call);
  return error.name;
}

export async function failure(call: Promise<unknown>): Promise<Error & { $metadata?: { httpStatusCode?: number } }> {
  const outcome = await call.then(
    () => undefined,
    (error: Error) => error,
  );
  if (outcome === undefined) throw new Error("the call was expected to fail");
  return outcome;
}

/** Waits until something is so, at most so long. */
export async function until(condition: () => boolean, milliseconds = 20_000): Promise<void> {
  const end = performance.now() + milliseconds;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not so within ${milliseconds} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
