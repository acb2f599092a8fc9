import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { createSubscription, type LocalAws, startLocalAws } from "@threatlockdown/tooling-local-aws";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { findSigner, lakeCredentials, proxyAgents } from "../src/index.ts";

/** A proxy that notes what it is asked for. */
const asked: string[] = [];
const proxy = createServer((incoming, outgoing) => {
  asked.push(`${incoming.method} ${incoming.url}`);
  const { method = "GET", url = "", headers } = incoming;
  const onwards = request(url, { method, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  incoming.pipe(onwards);
});

beforeEach(async () => {
  asked.length = 0;
  await new Promise<void>((listening) => proxy.listen(0, "127.0.0.1", listening));
});

afterEach(() => {
  vi.unstubAllEnvs();
  proxy.closeAllConnections();
  proxy.close();
});

const proxyUrl = () => `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;

async function assume(aws: LocalAws, proxyEnv: NodeJS.ProcessEnv): Promise<string | undefined> {
  const { roleArn, externalId, region, userCredentials } = createSubscription(aws);
  const agents = proxyAgents(proxyEnv);
  try {
    const { sessionToken } = await lakeCredentials({
      ...{ roleArn, externalId, region, stsEndpoint: aws.endpoints.sts },
      base: async () => userCredentials,
      requestHandler: agents,
    })();
    return sessionToken;
  } finally {
    for (const agent of Object.values(agents)) agent.destroy();
  }
}

describe("a proxy", () => {
  it("is used for the role when the agents of the request handler know it", async () => {
    await using aws = await startLocalAws();
    expect(await assume(aws, { HTTP_PROXY: proxyUrl() })).toBeDefined();
    expect(asked).toEqual([`POST ${aws.url}/`]);
  });

  it("is used for the role of a signer, too", async () => {
    await using aws = await startLocalAws();
    const { userArn, userCredentials, region } = createSubscription(aws);
    const trust = {
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { AWS: userArn }, Action: "sts:AssumeRole" }],
    };
    const { arn: roleArn } = aws.createRole({ name: "Writer", trust });
    vi.stubEnv("AWS_ENDPOINT_URL_STS", aws.endpoints.sts);
    vi.stubEnv("AWS_ACCESS_KEY_ID", userCredentials.accessKeyId);
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", userCredentials.secretAccessKey);
    const { httpAgent } = proxyAgents({ HTTP_PROXY: proxyUrl() });
    const hosts = ["https://indexer.example:9200"];
    const signer = await findSigner({ hosts, region, roleArn, requestHandler: { httpAgent } });
    expect((await signer.credentials()).sessionToken).toBeDefined();
    expect(asked).toEqual([`POST ${aws.url}/`]);
    httpAgent.destroy();
  });

  it("is asked for a tunnel to what speaks https", async () => {
    const roleArn = "arn:aws:iam::123456789012:role/lake";
    const base = async () => ({ accessKeyId: "AKIAEXAMPLE000000000", secretAccessKey: "none" });
    const requestHandler = proxyAgents({ HTTPS_PROXY: proxyUrl() });
    const region = "us-east-1";
    proxy.once("connect", ({ url }, socket) => {
      asked.push(`CONNECT ${url}`);
      socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    });
    await expect(lakeCredentials({ roleArn, region, base, requestHandler })()).rejects.toThrow();
    expect(asked[0]).toBe("CONNECT sts.us-east-1.amazonaws.com:443");
    for (const agent of Object.values(requestHandler)) agent.destroy();
  });

  it("is passed by for the hosts of NO_PROXY", async () => {
    await using aws = await startLocalAws();
    expect(await assume(aws, { HTTP_PROXY: proxyUrl(), NO_PROXY: "localhost,127.0.0.1" })).toBeDefined();
    expect(asked).toEqual([]);
  });
});
