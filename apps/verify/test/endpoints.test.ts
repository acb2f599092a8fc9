import { readFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import type { Subscriber } from "@threatlockdown/ossec-config";
import { startLocalAws } from "@threatlockdown/tooling-local-aws";
import { afterEach, describe, expect, it, vi } from "vitest";
import { credentials } from "../src/checks/credentials.ts";
import { endpoints } from "../src/checks/endpoints.ts";
import { region } from "../src/checks/region.ts";
import { endpointsOf } from "../src/endpoints.ts";
import { createLake, type Surroundings } from "../src/lake.ts";

afterEach(() => vi.unstubAllEnvs());

const never = new AbortController().signal;
const noDebts = () => {};
const lakeOf = (subscriber: Partial<Subscriber>, surroundings: Surroundings = {}) =>
  createLake({ line: 1, queue: "lake", ...subscriber }, { region: "us-east-1", ...surroundings });

describe("the endpoints that are reached", () => {
  const aws = (name: string, at = "us-east-1", domain = "amazonaws.com") => `https://${name}.${at}.${domain}`;
  const vpce = (service: string) => `vpce-0a1b-2c3d.${service}.us-east-1.vpce.amazonaws.com`;

  it.each<[string, Partial<Subscriber>, Surroundings, readonly [sts: string, sqs: string, s3: string]]>([
    ["AWS's own", {}, {}, [aws("sts"), aws("sqs"), aws("s3")]],
    [
      "those of China",
      {},
      { region: "cn-north-1" },
      ["sts", "sqs", "s3"].map((name) => aws(name, "cn-north-1", "amazonaws.com.cn")) as [string, string, string],
    ],
    ["that of a bucket that is named", {}, { buckets: ["lake"] }, [aws("sts"), aws("sqs"), aws("lake.s3")]],
    [
      "FIPS endpoints that are set",
      {
        stsEndpoint: "sts-fips.us-east-1.amazonaws.com",
        serviceEndpoint: "https://s3-fips.us-east-1.amazonaws.com",
        queue: "https://sqs-fips.us-east-1.amazonaws.com/123456789012/lake",
      },
      {},
      [aws("sts-fips"), aws("sqs-fips"), aws("s3-fips")],
    ],
    [
      "endpoints of a VPC",
      {
        stsEndpoint: vpce("sts"),
        serviceEndpoint: `https://bucket.${vpce("s3")}`,
        queue: `https://${vpce("sqs")}/123456789012/lake`,
      },
      {},
      [`https://${vpce("sts")}`, `https://${vpce("sqs")}`, `https://bucket.${vpce("s3")}`],
    ],
    [
      "that of a VPC as the console shows it",
      { serviceEndpoint: `*.${vpce("s3")}` },
      { buckets: ["lake"] },
      [aws("sts"), aws("sqs"), `https://lake.bucket.${vpce("s3")}`],
    ],
  ])("are %s", async (_, subscriber, surroundings, expected) => {
    expect((await endpointsOf(lakeOf(subscriber, surroundings))).map(({ url }) => url)).toEqual(expected);
  });

  it("are the FIPS ones where the machine's settings ask for them", async () => {
    vi.stubEnv("AWS_USE_FIPS_ENDPOINT", "true");
    expect((await endpointsOf(lakeOf({}))).map(({ url }) => url)).toEqual([
      aws("sts-fips"),
      aws("sqs-fips"),
      aws("s3-fips"),
    ]);
  });

  it("are those of the environment, each service's own before that of all", async () => {
    vi.stubEnv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566");
    vi.stubEnv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:4567");
    expect((await endpointsOf(lakeOf({}))).map(({ url }) => url)).toEqual([
      "http://127.0.0.1:4566",
      "http://127.0.0.1:4567",
      "http://127.0.0.1:4566",
    ]);
  });
});

describe("an endpoint that is not reached", () => {
  it("is told with the setting that names it, where its name is not found", async () => {
    const lookUp = async (host: string) => {
      if (host.includes("vpce")) throw Object.assign(new Error("not found"), { code: "ENOTFOUND" });
      return ["127.0.0.1"];
    };
    const lake = lakeOf({ stsEndpoint: "https://vpce-0a1b.sts.us-east-1.vpce.amazonaws.com" }, { lookUp });
    expect(await endpoints.run(lake, never, noDebts)).toMatchObject({
      state: "failed",
      seen: expect.stringContaining(
        "STS at vpce-0a1b.sts.us-east-1.vpce.amazonaws.com: the name is not found (ENOTFOUND)",
      ),
      fix: expect.stringMatching(/^Correct --sts-endpoint, or make the name vpce-0a1b.* known to the resolver/),
    });
  });

  it.each([
    ["closes the connection", (socket: Socket) => socket.destroy(), "ECONNRESET"],
    ["says nothing", (socket: Socket) => socket.resume(), "ETIMEDOUT"],
  ])("is told where something takes the connection and %s", async (_, take, code) => {
    await using server = createServer((socket) => void take(socket.on("error", () => {})));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await endpoints.run(lakeOf({}, { endpoint }), never, noDebts)).toMatchObject({
      state: "failed",
      seen: expect.stringContaining(`and no answer came (${code})`),
      fix: expect.stringMatching(/^Find out what takes the connections to 127\.0\.0\.1/),
    });
  });

  it("has answered at another address of its name: that is a warning", async () => {
    await using aws = await startLocalAws();
    const { port } = new URL(aws.url);
    const lookUp = async () => ["127.0.0.2", "127.0.0.1"];
    const lake = lakeOf({}, { endpoint: `http://aws.example:${port}`, lookUp });
    expect(await endpoints.run(lake, never, noDebts)).toMatchObject({
      state: "warning",
      seen: expect.stringMatching(
        /^STS at aws\.example: no connection to 127\.0\.0\.2:\d+ \(ECONNREFUSED\); .*other addresses of the same name are reached$/,
      ),
      fix: expect.stringMatching(/^Let this machine through to aws\.example/),
    });
  });

  it("is told where it speaks http to https, and credentials are not blamed for it", async () => {
    await using aws = await startLocalAws();
    const base = async () => aws.credentials;
    const endpoint = aws.url.replace("http:", "https:");
    const [lake, withElement] = [
      lakeOf({}, { endpoint, base }),
      lakeOf({ stsEndpoint: endpoint, serviceEndpoint: aws.url, queue: `${aws.url}/123456789012/lake` }, { base }),
    ];
    const cause = "the endpoint's URL says https, and what listens there speaks http";
    expect(await endpoints.run(lake, never, noDebts)).toMatchObject({
      state: "failed",
      seen: expect.stringMatching(/^STS at 127\.0\.0\.1: no TLS with 127\.0\.0\.1:\d+ \(/),
      fix: `Most likely ${cause}`,
    });
    expect(await endpoints.run(withElement, never, noDebts)).toMatchObject({
      fix: `Most likely ${cause}; --sts-endpoint names the endpoint`,
    });
    expect(await credentials.run(lake, never, noDebts)).toMatchObject({
      state: "could not check",
      seen: expect.stringContaining(cause),
      obstacle: { lasting: true },
    });
  });

  it("is told of an authority that is not known, as of an inspecting proxy", async () => {
    const file = (name: string) =>
      readFile(join(import.meta.dirname, "../../../tooling/local-aws/test/fixtures/tls", name), "utf8");
    await using aws = await startLocalAws({ tls: { key: await file("key.pem"), cert: await file("cert.pem") } });
    expect(await endpoints.run(lakeOf({}, { endpoint: aws.url }), never, noDebts)).toMatchObject({
      state: "failed",
      seen: expect.stringMatching(
        /STS at 127\.0\.0\.1: no TLS with 127\.0\.0\.1:\d+ \((DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED)/,
      ),
      fix: expect.stringContaining("NODE_EXTRA_CA_CERTS"),
    });
  });
});

describe("the Region", () => {
  it("is that of the queue's address, before that of the machine", async () => {
    vi.stubEnv("AWS_REGION", "us-west-2");
    const lake = createLake({ line: 1, queue: "arn:aws:sqs:eu-west-1:123456789012:lake" });
    expect(await region.run(lake, never, noDebts)).toEqual({ state: "ok", seen: "eu-west-1, of the queue's address" });
  });

  it.each([["arn:aws:sqs:eu-west-1:123456789012:lake"], ["https://sqs.eu-west-1.amazonaws.com/123456789012/lake"]])(
    "is that of the queue's address, whatever --region says: %s",
    async (queue) => {
      const lake = lakeOf({ queue });
      expect(await lake.region()).toBe("eu-west-1");
      expect(await region.run(lake, never, noDebts)).toEqual({
        state: "ok",
        seen: "eu-west-1, of the queue's address",
      });
    },
  );

  it.each([
    [{}, "us-east1", "us-east1 is no name of a Region, as --region says", "Correct --region"],
    [
      { queue: "arn:aws:sqs:us-east1:123456789012:lake" },
      "us-east-1",
      "us-east1 is no name of a Region, of the queue's address",
      "Correct --queue",
    ],
  ])("is told where there is none of its name: %j", async (subscriber, name, seen, fix) => {
    const lake = lakeOf(subscriber, { region: name });
    expect(await region.run(lake, never, noDebts)).toEqual({ state: "failed", seen, fix });
  });

  it.each(["us-gov-west-1", "cn-north-1", "eusc-de-east-1", "ap-southeast-5", "us-iso-east-1"])(
    "may be %s",
    async (name) => {
      expect(await region.run(lakeOf({}, { region: name }), never, noDebts)).toMatchObject({ state: "ok" });
    },
  );
});
