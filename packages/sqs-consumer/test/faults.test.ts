import { networkInterfaces } from "node:os";
import { SQSClient } from "@aws-sdk/client-sqs";
import { type Fault, type LocalAws, startLocalAws } from "@threatlockdown/tooling-local-aws";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type ConsumeOptions, type ConsumerEvent, consume, openQueue, sqsSettings } from "../src/index.ts";

const hasIPv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
);
const numbered = (count: number) => Array.from({ length: count }, (_, number) => `body ${number}`);

const drained = {
  mode: "drain",
  stop: new AbortController().signal,
  quarantine: async () => undefined,
} as const;

describe("with faults on the way", () => {
  let aws: LocalAws;
  let queues = 0;
  const clients: SQSClient[] = [];

  beforeAll(async () => {
    aws = await startLocalAws();
  });

  afterEach(() => {
    aws.faults.clear();
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  afterAll(async () => {
    for (const client of clients) client.destroy();
    await aws?.close();
  });

  function client(credentials = aws.credentials): SQSClient {
    const made = new SQSClient({ region: aws.region, endpoint: aws.endpoints.sqs, credentials });
    clients.push(made);
    return made;
  }

  function queueWith(bodies: readonly string[], attributes: Record<string, string> = {}): string {
    const { name } = aws.createQueue({ name: `lake-${++queues}`, attributes });
    for (const body of bodies) aws.sendMessage(name, body);
    return name;
  }

  async function drain(name: string, options: Partial<ConsumeOptions> = {}, sqs = client()) {
    const handled = new Map<string, number>();
    const summary = await consume(
      await openQueue(sqs, name),
      async ({ body }) => void handled.set(body, (handled.get(body) ?? 0) + 1),
      {
        ...drained,
        ...options,
      },
    );
    return { handled, summary };
  }

  it.each<[string, Fault]>([
    ["slow answers", { operation: /^(ReceiveMessage|DeleteMessageBatch)$/, latency: 80 }],
    ["throttled receives", { operation: "ReceiveMessage", error: "RequestThrottled", times: 4 }],
    [
      "receives that fail in the service",
      { operation: "ReceiveMessage", error: "InternalFailure", status: 500, times: 5 },
    ],
    ["connections reset before a deletion", { operation: "DeleteMessageBatch", reset: "before", times: 4 }],
    ["connections reset after a deletion", { operation: "DeleteMessageBatch", reset: "after", times: 2 }],
    ["answers to deletions cut short", { operation: "DeleteMessageBatch", truncate: 5, times: 2 }],
    ["deletions throttled", { operation: "DeleteMessageBatch", error: "RequestThrottled", times: 5 }],
    [
      "entries of deletions that fail",
      { operation: "DeleteMessageBatch", failEntries: { code: "InternalError", count: 3 }, times: 3 },
    ],
  ])("settles every message in spite of %s", async (_what, fault) => {
    const name = queueWith(numbered(40));
    aws.faults.add({ service: "sqs", queue: name, ...fault });
    const { handled, summary } = await drain(name);
    expect([...handled.keys()].sort()).toEqual(numbered(40).sort());
    expect(aws.messages(name)).toEqual([]);
    expect(summary).toMatchObject({ deleted: 40, left: 0 });
  });

  it("does the work of a message once when SQS delivers it twice at the same time", async () => {
    const name = queueWith(numbered(5));
    aws.faults.add({ service: "sqs", queue: name, operation: "ReceiveMessage", duplicate: true, times: 1 });
    const twice = Promise.withResolvers<void>();
    let deliveries = 0;
    const bodies: string[] = [];
    const queue = await openQueue(client(), name);
    await consume(
      queue,
      async ({ body }) => {
        bodies.push(body);
        await twice.promise;
      },
      {
        ...drained,
        on(event) {
          if (event.type === "received") deliveries += event.messages.length;
          if (deliveries === 10) twice.resolve();
        },
      },
    );
    expect(bodies.sort()).toEqual(numbered(5));
    expect(aws.messages(name)).toEqual([]);
  });

  it("finds messages again whose delivery was lost on the way", async () => {
    const name = queueWith(numbered(10), { VisibilityTimeout: "1" });
    aws.faults.add({ service: "sqs", queue: name, operation: "ReceiveMessage", reset: "after", times: 1 });
    const stop = new AbortController();
    const { handled } = await drain(name, {
      mode: "forever",
      stop: stop.signal,
      on: () => {
        if (aws.messages(name).length === 0) stop.abort();
      },
    });
    expect([...handled.keys()].sort()).toEqual(numbered(10));
  });

  it("goes on when the token expires and the provider of the client has another", async () => {
    const role = aws.createRole({
      name: `consumer-${queues}`,
      trust: { Version: "2012-10-17", Statement: [{ Effect: "Allow", Principal: "*", Action: "sts:AssumeRole" }] },
      policies: { queue: { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "sqs:*", Resource: "*" }] } },
    });
    const name = queueWith(numbered(30));
    let credentials = aws.issueSession(role.arn);
    let expiries = 3;
    const provider = Object.assign(async () => credentials, { memoized: true });
    const sqs = new SQSClient({ region: aws.region, endpoint: aws.endpoints.sqs, credentials: provider });
    clients.push(sqs);
    const { summary } = await drain(
      name,
      {
        concurrency: 4,
        on(event) {
          if (event.type === "deleted" && expiries-- > 0) aws.expireSessions(role.arn);
          if (event.type === "trouble") credentials = aws.issueSession(role.arn);
        },
      },
      sqs,
    );
    expect(summary).toMatchObject({ deleted: 30, left: 0 });
    expect(
      aws.requests.list({ operation: "DeleteMessageBatch" }).some((call) => call.code?.startsWith("ExpiredToken")),
    ).toBe(true);
  });

  function reader(actions: readonly string[]): SQSClient {
    const user = aws.createUser({
      name: `reader-${++queues}`,
      policies: {
        queue: { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: [...actions], Resource: "*" }] },
      },
    });
    return client(user.credentials);
  }

  it("needs no more than ReceiveMessage and DeleteMessage for a queue given by ARN", async () => {
    const name = queueWith(numbered(3));
    const arn = `arn:aws:sqs:${aws.region}:${aws.account}:${name}`;
    const stop = new AbortController();
    const events: ConsumerEvent[] = [];
    await drain(
      arn,
      {
        mode: "forever",
        stop: stop.signal,
        on(event) {
          events.push(event);
          if (aws.messages(name).length === 0) stop.abort();
        },
      },
      reader(["sqs:ReceiveMessage", "sqs:DeleteMessage"]),
    );
    expect(events.map((event) => event.type)).toEqual(["received", "deleted", "deleted", "deleted"]);
    expect(aws.messages(name)).toEqual([]);
  });
  it("names principal, action and queue when a permission is missing", async () => {
    const name = queueWith(numbered(1));
    const sqs = reader(["sqs:GetQueueUrl", "sqs:GetQueueAttributes"]);
    await expect(drain(name, {}, sqs)).rejects.toThrow(
      new RegExp(
        `^sqs:ReceiveMessage on queue ${name}: AccessDenied.*arn:aws:iam::${aws.account}:user/reader-\\d+ is not`,
      ),
    );
    await expect(drain(name, {}, reader([]))).rejects.toThrow(new RegExp(`^sqs:GetQueueUrl on queue ${name}: `));
  });

  it("deletes nothing without the permission, and says so", async () => {
    const name = queueWith(numbered(2));
    const sqs = reader(["sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]);
    await expect(drain(name, {}, sqs)).rejects.toMatchObject({ code: "QUEUE_DENIED", action: "sqs:DeleteMessage" });
    expect(aws.messages(name)).toHaveLength(2);
  });

  it.each(["name", "ARN", "URL"])(
    "asks where AWS_ENDPOINT_URL or the URL says, for a queue given by %s",
    async (kind) => {
      const name = queueWith(numbered(2));
      const arn = `arn:aws:sqs:${aws.region}:${aws.account}:${name}`;
      const queue = { name, ARN: arn, URL: `${aws.url}/${aws.account}/${name}` }[kind] as string;
      vi.stubEnv("AWS_ENDPOINT_URL", kind === "URL" ? "http://127.0.0.1:1" : aws.url);
      const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
      const sqs = new SQSClient({ region: aws.region, credentials: aws.credentials, ...sqsSettings(queue) });
      clients.push(sqs);
      const { summary } = await drain(queue, {}, sqs);
      expect(summary.deleted).toBe(2);
      expect(warn).not.toHaveBeenCalled();
    },
  );

  it.skipIf(!hasIPv6).each(["name", "URL"])("reads over IPv6, through a queue given by its %s", async (kind) => {
    await using six = await startLocalAws({ host: "::1" });
    const { name, url } = six.createQueue({ name: "lake" });
    six.sendMessage(name, "over IPv6");
    const queue = kind === "URL" ? url : name;
    const { region, credentials } = six;
    const sqs = new SQSClient({ region, credentials, endpoint: six.url, ...sqsSettings(queue) });
    const { handled } = await drain(queue, {}, sqs);
    sqs.destroy();
    expect([...handled.keys()]).toEqual(["over IPv6"]);
  });

  it("reads through a queue of another account by its ARN", async () => {
    aws.createAccount({ id: "210987654321" });
    const { arn, name } = aws.createQueue({
      name: "elsewhere",
      account: "210987654321",
      attributes: {
        Policy: JSON.stringify({
          Version: "2012-10-17",
          Statement: [
            {
              Effect: "Allow",
              Principal: { AWS: aws.account },
              Action: "sqs:*",
              Resource: "arn:aws:sqs:us-east-1:210987654321:elsewhere",
            },
          ],
        }),
      },
    });
    aws.sendMessage(arn, "from elsewhere");
    const { handled } = await drain(arn);
    expect([...handled.keys()]).toEqual(["from elsewhere"]);
    expect(name).toBe("elsewhere");
  });
});
