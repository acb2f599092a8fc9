import { UpdateAccessKeyCommand } from "@aws-sdk/client-iam";
import { ListBucketsCommand } from "@aws-sdk/client-s3";
import { ListQueuesCommand } from "@aws-sdk/client-sqs";
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Credentials, LocalAws } from "../src/index.ts";
import type { HttpRequest } from "../src/request.ts";
import { readSignature, sha256, signatureOf, signText } from "../src/sigv4.ts";
import { type Clients, clientsOf, createClock, failure, startLocalAws } from "./clients.ts";

let aws: LocalAws;
let user: { arn: string; credentials: Credentials };

beforeAll(async () => {
  aws = await startLocalAws();
  user = aws.createUser({ name: "signer" });
  aws.createBucket({ name: "signed-bucket" });
});
afterAll(() => aws.close());

const calls: readonly [name: string, (clients: Clients) => Promise<unknown>][] = [
  ["sqs", ({ sqs }) => sqs.send(new ListQueuesCommand({}))],
  ["s3", ({ s3 }) => s3.send(new ListBucketsCommand({}))],
  ["sts", ({ sts }) => sts.send(new GetCallerIdentityCommand({}))],
];

async function refusals(credentials: Credentials, config: Parameters<typeof clientsOf>[2] = {}) {
  const clients = clientsOf(aws, credentials, config);
  return Promise.all(calls.map(async ([, call]) => (await failure(call(clients))).name));
}

describe("who signs", () => {
  it("by a wrong secret is refused", async () => {
    expect(await refusals({ ...aws.credentials, secretAccessKey: "wrong" })).toEqual([
      expect.stringMatching(/^(SignatureDoesNotMatch|InvalidSignatureException)$/),
      "SignatureDoesNotMatch",
      "SignatureDoesNotMatch",
    ]);
  });

  it("by an unknown or inactive key is refused", async () => {
    const expected = [
      expect.stringMatching(/^(InvalidClientTokenId|UnrecognizedClientException)$/),
      "InvalidAccessKeyId",
      "InvalidClientTokenId",
    ];
    expect(await refusals({ accessKeyId: "AKIANOBODY", secretAccessKey: "x" })).toEqual(expected);
    const { accessKeyId: AccessKeyId } = user.credentials;
    await clientsOf(aws).iam.send(new UpdateAccessKeyCommand({ UserName: "signer", AccessKeyId, Status: "Inactive" }));
    expect(await refusals(user.credentials)).toEqual(expected);
  });

  it("by a clock that is off is refused, and taken once the client has corrected it", async () => {
    const hour = 3_600_000;
    expect(await refusals(aws.credentials, { systemClockOffset: -hour })).toEqual([
      expect.stringMatching(/^(SignatureDoesNotMatch|InvalidSignatureException)$/),
      "RequestTimeTooSkewed",
      "SignatureDoesNotMatch",
    ]);
    const late = await failure(
      clientsOf(aws, aws.credentials, { systemClockOffset: -hour }).sts.send(new GetCallerIdentityCommand({})),
    );
    expect(late.message).toMatch(/^Signature expired: \d{8}T\d{6}Z is now earlier than .* - 5 min\.\)$/);
    await using ahead = await startLocalAws({ now: () => Date.now() + hour });
    const correcting = clientsOf(ahead, ahead.credentials, { maxAttempts: 2 });
    for (const [, call] of calls) await call(correcting);
  });

  it("by a clock like the injected one is believed", async () => {
    const clock = createClock(Date.UTC(2030, 0, 1));
    await using future = await startLocalAws({ now: clock.now });
    const systemClockOffset = clock.now() - Date.now();
    await clientsOf(future, future.credentials, { systemClockOffset }).s3.send(new ListBucketsCommand({}));
  });
});

/** A request as a client would send it, signed here, so that a test can change it. */
function signed(body: string, headers: Record<string, string>, secret: string): Request {
  const { host } = new URL(aws.url);
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const all: Record<string, string> = { host, "x-amz-date": date, ...headers };
  const names = Object.keys(all).sort();
  const scope = `${aws.credentials.accessKeyId}/${date.slice(0, 8)}/us-east-1/s3/aws4_request`;
  const authorization = (signature: string) =>
    `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
  const request = {
    method: "PUT",
    path: "/signed-bucket/k",
    rawQuery: "",
    headers: { ...all, authorization: authorization("0".repeat(64)) },
  } as unknown as HttpRequest;
  const signature = signatureOf(request, readSignature(request)!, secret, headers["x-amz-content-sha256"] ?? "");
  return new Request(`${aws.url}/signed-bucket/k`, {
    method: "PUT",
    body,
    headers: { ...all, authorization: authorization(signature) },
  });
}

describe("what is signed", () => {
  it("is the body, by its SHA-256", async () => {
    const { secretAccessKey } = aws.credentials;
    const good = signed("body", { "x-amz-content-sha256": sha256("body") }, secretAccessKey);
    expect((await fetch(good)).status).toBe(200);
    const changed = signed("b0dy", { "x-amz-content-sha256": sha256("body") }, secretAccessKey);
    const refused = await fetch(changed);
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining("XAmzContentSHA256Mismatch")]);
  });

  it("is not the body of an unsigned payload, which is for connections that TLS protects", async () => {
    const headers = { "x-amz-content-sha256": "UNSIGNED-PAYLOAD" };
    expect((await fetch(signed("any", headers, aws.credentials.secretAccessKey))).status).toBe(200);
    expect(aws.readObject("signed-bucket", "k")?.toString()).toBe("any");
  });

  it("is each header that it names", async () => {
    const request = signed(
      "body",
      { "x-amz-content-sha256": sha256("body"), "x-amz-meta-a": "1" },
      aws.credentials.secretAccessKey,
    );
    request.headers.set("x-amz-meta-a", "2");
    const refused = await fetch(request);
    expect([refused.status, await refused.text()]).toEqual([403, expect.stringContaining("SignatureDoesNotMatch")]);
  });

  it("is each chunk of a stream", async () => {
    const kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
    const headers = { "x-amz-content-sha256": kind, "x-amz-decoded-content-length": "4" };
    const { secretAccessKey } = aws.credentials;
    const chunked = (text: string) => {
      const request = signed(text, headers, secretAccessKey);
      const plain = { headers: Object.fromEntries(request.headers) } as unknown as HttpRequest;
      const scope = readSignature(plain)!;
      let previous = scope.signature;
      const chunk = (content: string, claimed = content) => {
        previous = signText(
          plain,
          scope,
          secretAccessKey,
          `AWS4-HMAC-SHA256-PAYLOAD`,
          previous,
          sha256(""),
          sha256(claimed),
        );
        return `${content.length.toString(16)};chunk-signature=${previous}\r\n${content}\r\n`;
      };
      return { request, body: chunk(text, "body") + chunk("") };
    };
    for (const [text, status] of [
      ["body", 200],
      ["b0dy", 403],
    ] as const) {
      const { request, body } = chunked(text);
      expect((await fetch(request.url, { method: "PUT", headers: request.headers, body })).status).toBe(status);
    }
    expect(aws.readObject("signed-bucket", "k")?.toString()).toBe("body");
  });
});

it("asks for a signature, and takes none for another service", async () => {
  const unsigned = await fetch(aws.url, {
    method: "POST",
    body: "Action=GetCallerIdentity",
    headers: {
      "content-type": "application/x-www-form-urlencoded",
    },
  });
  expect([unsigned.status, await unsigned.text()]).toEqual([
    403,
    expect.stringContaining("MissingAuthenticationToken"),
  ]);
  const wrong = await fetch(`${aws.url}/signed-bucket/k`, { headers: { authorization: "Bearer x" } });
  expect([wrong.status, await wrong.text()]).toEqual([400, expect.stringContaining("AuthorizationHeaderMalformed")]);
  const presigned = await fetch(`${aws.url}/signed-bucket/k?X-Amz-Signature=00`);
  expect([presigned.status, await presigned.text()]).toEqual([501, expect.stringContaining("presigned URLs")]);
});

it("says by name which service and which operation it does not have, before it asks who calls", async () => {
  const ask = async (headers: Record<string, string>, body: string) => {
    const response = await fetch(aws.url, { method: "POST", body, headers });
    return [response.status, await response.text()];
  };
  const scope = `AKIA/20260924/us-east-1/sns/aws4_request, SignedHeaders=host, Signature=${"0".repeat(64)}`;
  expect(
    await ask({ authorization: `AWS4-HMAC-SHA256 Credential=${scope}`, "x-amz-target": "AmazonSNS.ListTopics" }, "{}"),
  ).toEqual([501, expect.stringContaining("does not implement the service sns")]);
  expect(await ask({ "content-type": "application/x-www-form-urlencoded" }, "Action=AssumeRoleWithSAML")).toEqual([
    501,
    expect.stringContaining("the STS operation AssumeRoleWithSAML"),
  ]);
});

it("tells SQS errors to clients of the older protocol too", async () => {
  const response = await fetch(aws.url, {
    method: "POST",
    body: "{}",
    headers: { "x-amz-target": "AmazonSQS.ListQueues", "content-type": "application/x-amz-json-1.0" },
  });
  expect(response.headers.get("x-amzn-query-error")).toBe("MissingAuthenticationToken;Sender");
  expect(await response.json()).toMatchObject({
    __type: "com.amazon.coral.service#MissingAuthenticationTokenException",
  });
});
