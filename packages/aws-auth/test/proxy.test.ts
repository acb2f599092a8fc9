import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { createSubscription, startLocalAws } from "@threatlockdown/tooling-local-aws";
import { describe, expect, it } from "vitest";
import { lakeCredentials } from "../src/index.ts";

describe("a proxy", () => {
  it("is used for the role when the agents of the request handler know it", async () => {
    await using aws = await startLocalAws();
    const { roleArn, externalId, region, userCredentials } = createSubscription(aws);
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
    await new Promise<void>((listening) => proxy.listen(0, "127.0.0.1", listening));
    const httpAgent = new Agent({
      keepAlive: true,
      proxyEnv: { HTTP_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` },
    });
    try {
      const { sessionToken } = await lakeCredentials({
        ...{ roleArn, externalId, region, stsEndpoint: aws.endpoints.sts },
        base: async () => userCredentials,
        requestHandler: { httpAgent },
      })();
      expect(sessionToken).toBeDefined();
      expect(asked).toEqual([`POST ${aws.url}/`]);
    } finally {
      httpAgent.destroy();
      proxy.closeAllConnections();
      proxy.close();
    }
  });
});
