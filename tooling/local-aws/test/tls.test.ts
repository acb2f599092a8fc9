import { readFileSync } from "node:fs";
import { Agent } from "node:https";
import { ListQueuesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { expect, it } from "vitest";
import { failure, startLocalAws } from "./clients.ts";

const pem = (name: string) => readFileSync(new URL(`fixtures/tls/${name}.pem`, import.meta.url), "utf8");

it("serves by TLS with the certificate that it is given", async () => {
  await using aws = await startLocalAws({ tls: { key: pem("key"), cert: pem("cert") } });
  expect(aws.url).toMatch(/^https:/);
  const list = (ca: string | undefined) => {
    const requestHandler = new NodeHttpHandler({ httpsAgent: new Agent({ ca }) });
    const settings = { region: aws.region, endpoint: aws.url, credentials: aws.credentials, maxAttempts: 1 };
    return new SQSClient({ ...settings, requestHandler }).send(new ListQueuesCommand({}));
  };
  await list(pem("cert"));
  expect((await failure(list(undefined))).message).toMatch(/self-signed certificate/);
});
