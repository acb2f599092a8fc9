import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { startLocalAws } from "@threatlockdown/tooling-local-aws";
import { startFauxqs } from "fauxqs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ConsumerEvent, consume, openQueue, Poison, type Sqs } from "../src/index.ts";

/** What the consumer needs of an SQS that answers over HTTP. */
interface Service {
  readonly sqs: SQSClient;
  readonly account: string;
  stop(): Promise<void>;
}

async function fauxqs(): Promise<Service> {
  const server = await startFauxqs({ port: 0, logger: false });
  const sqs = new SQSClient({
    region: "us-east-1",
    endpoint: server.address,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  });
  return {
    sqs,
    account: "000000000000",
    stop: async () => {
      sqs.destroy();
      await server.stop();
    },
  };
}

async function localAws(): Promise<Service> {
  const aws = await startLocalAws();
  const { region, credentials, account } = aws;
  const sqs = new SQSClient({ region, endpoint: aws.endpoints.sqs, credentials });
  return {
    sqs,
    account,
    stop: async () => {
      sqs.destroy();
      await aws.close();
    },
  };
}

describe.each([
  ["the local stand-in", localAws],
  ["fauxqs", fauxqs],
])("over HTTP, with %s", (_name, start) => {
  let service: Service;
  let queues = 0;

  beforeAll(async () => {
    service = await start();
  });

  afterAll(() => service?.stop());

  async function queueWith(bodies: readonly string[], attributes: Record<string, string> = {}) {
    const { sqs } = service;
    const name = `lake-${++queues}`;
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
    for (let from = 0; from < bodies.length; from += 10) {
      const Entries = bodies.slice(from, from + 10).map((MessageBody, place) => ({
        Id: String(place),
        MessageBody,
        MessageAttributes: { origin: { DataType: "String", StringValue: "test" } },
      }));
      await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
    }
    return {
      name,
      queue: await openQueue(sqs, name),
      left: async () => {
        const answer = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }));
        return (
          Number(answer.Attributes?.ApproximateNumberOfMessages) +
          Number(answer.Attributes?.ApproximateNumberOfMessagesNotVisible)
        );
      },
    };
  }

  const options = {
    mode: "drain",
    stop: new AbortController().signal,
    quarantine: async () => undefined,
  } as const;
  const numbered = (count: number) => Array.from({ length: count }, (_, number) => `body ${number}`);

  it("drains a queue: every message once, with its attributes", async () => {
    const { queue, left } = await queueWith(numbered(123));
    const seen: string[] = [];
    const summary = await consume(
      queue,
      async (message) => {
        expect(message).toMatchObject({ receiveCount: 1, attributes: { origin: "test" } });
        expect(Math.abs(Date.now() - (message.sentAt?.getTime() ?? 0))).toBeLessThan(60_000);
        seen.push(message.body);
      },
      options,
    );
    expect(seen.sort()).toEqual(numbered(123).sort());
    expect(summary).toEqual({ received: 123, deleted: 123, returned: 0, quarantined: 0, lost: 0, left: 0 });
    expect(await left()).toBe(0);
  });

  it("takes a returned message again, and deletes poison once it is kept", async () => {
    const { queue, left } = await queueWith(["flaky", "bad", "good"]);
    const kept: string[] = [];
    const summary = await consume(
      queue,
      async (message) => {
        if (message.body === "bad") throw new Poison("never");
        if (message.body === "flaky" && message.receiveCount === 1) throw new Error("not yet");
      },
      { ...options, quarantine: async (message, reason) => void kept.push(`${message.body}: ${reason.message}`) },
    );
    expect(kept).toEqual(["bad: never"]);
    expect(summary).toEqual({ received: 4, deleted: 3, returned: 1, quarantined: 1, lost: 0, left: 0 });
    expect(await left()).toBe(0);
  });

  it("holds messages for longer than their visibility timeout", async () => {
    const { queue, left } = await queueWith(numbered(3), { VisibilityTimeout: "1" });
    expect(queue.visibilityTimeout).toBe(1);
    const starts: string[] = [];
    const events: ConsumerEvent[] = [];
    const summary = await consume(
      queue,
      async (message) => {
        starts.push(message.body);
        await new Promise((resolve) => setTimeout(resolve, 2_500));
      },
      { ...options, on: (event) => events.push(event) },
    );
    expect(starts.sort()).toEqual(numbered(3));
    expect(summary).toMatchObject({ received: 3, deleted: 3, lost: 0 });
    expect(await left()).toBe(0);
  });

  it("returns at once what it holds when it is told to end", async () => {
    const { queue } = await queueWith(numbered(5), { VisibilityTimeout: "600" });
    const end = new AbortController();
    let started = 0;
    const summary = await consume(
      queue,
      () => {
        started += 1;
        if (started === 5) end.abort();
        return new Promise(() => undefined);
      },
      { ...options, mode: "forever", end: end.signal },
    );
    expect(summary).toMatchObject({ deleted: 0, returned: 5 });
    expect((await consume(queue, async () => undefined, options)).deleted).toBe(5);
  });

  it("shares a queue between consumers", async () => {
    const { queue, left } = await queueWith(numbered(300));
    const seen: string[] = [];
    const run = () => consume(queue, async (message) => void seen.push(message.body), { ...options, concurrency: 8 });
    await Promise.all([run(), run(), run()]);
    expect(seen.sort()).toEqual(numbered(300).sort());
    expect(await left()).toBe(0);
  });

  it("leaves a long poll at once when it is stopped", async () => {
    const { queue } = await queueWith([]);
    const polling = Promise.withResolvers<void>();
    const send = (command: object, options: object) => {
      if (command instanceof ReceiveMessageCommand) polling.resolve();
      return service.sqs.send(command as ReceiveMessageCommand, options);
    };
    const stop = new AbortController();
    const running = consume({ ...queue, sqs: { send } as Sqs }, async () => undefined, {
      ...options,
      mode: "forever",
      stop: stop.signal,
    });
    await polling.promise;
    const stopped = Date.now();
    stop.abort();
    await running;
    expect(Date.now() - stopped).toBeLessThan(10_000); // of the twenty seconds of a poll
  });

  it("says that a queue is missing", async () => {
    await expect(openQueue(service.sqs, "nowhere")).rejects.toMatchObject({ code: "QUEUE_MISSING", queue: "nowhere" });
  });

  it("reads the redrive policy", async () => {
    const dead = await queueWith([]);
    const deadLetterTargetArn = `arn:aws:sqs:us-east-1:${service.account}:${dead.name}`;
    const { queue } = await queueWith([], {
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 3 }),
    });
    expect(queue.redrive).toEqual({ deadLetterQueue: deadLetterTargetArn, maxReceiveCount: 3 });
  });
});
