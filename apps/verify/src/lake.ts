import { S3Client } from "@aws-sdk/client-s3";
import { SQSClient } from "@aws-sdk/client-sqs";
import { explain, findRegion, lakeCredentials, s3Endpoint } from "@threatlockdown/aws-auth";
import type { Subscriber } from "@threatlockdown/ossec-config";
import { openQueue, type Queue } from "@threatlockdown/sqs-consumer";

/** The AWS side of one subscriber, as its role sees it. Each part is made when it is first asked for, and once. */
export interface Lake {
  readonly subscriber: Subscriber;
  clients(): Promise<Clients>;
  queue(): Promise<Queue>;
  /** An error in one line, without secrets. */
  explain(error: unknown, circumstances?: { readonly action?: string; readonly resource?: string }): string;
}

export interface Clients {
  readonly region: string;
  readonly sqs: SQSClient;
  readonly s3: S3Client;
}

export function createLake(subscriber: Subscriber): Lake {
  const { externalId, profile } = subscriber;
  const clients = once(() => makeClients(subscriber));
  return {
    subscriber,
    clients,
    queue: once(async () => openQueue((await clients()).sqs, subscriber.queue)),
    explain: (error, circumstances) =>
      explain(error, { ...circumstances, profile, externalId, secrets: externalId === undefined ? [] : [externalId] }),
  };
}

async function makeClients(subscriber: Subscriber): Promise<Clients> {
  const region = await findRegion(subscriber);
  const credentials = lakeCredentials({ ...subscriber, region });
  // A person waits for the answer: what does not answer soon is told, not tried again for long.
  const settings = { region, credentials, maxAttempts: 2, requestHandler: { connectionTimeout: 3_000 } };
  const endpoint = subscriber.serviceEndpoint === undefined ? {} : s3Endpoint(subscriber.serviceEndpoint);
  return {
    region,
    sqs: new SQSClient(settings),
    s3: new S3Client({ ...settings, followRegionRedirects: true, ...endpoint }),
  };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
