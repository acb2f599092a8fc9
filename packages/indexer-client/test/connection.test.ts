import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import type { IncomingHttpHeaders } from "node:http";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { BulkBodyBuilder } from "../src/bulk-body.ts";
import { type BulkWriterOptions, createBulkWriter } from "../src/bulk-writer.ts";
import { type Client, type ConnectionOptions, connect } from "../src/connection.ts";
import type { IndexerEvent } from "../src/events.ts";
import { type FakeIndexer, fakeIndexer, refuse } from "./fake-indexer.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function indexerFor(...behave: Parameters<typeof fakeIndexer>): Promise<FakeIndexer> {
  const indexer = await fakeIndexer(...behave);
  cleanups.push(() => indexer.stop());
  return indexer;
}

let number = 0;
async function write(options: ConnectionOptions | Client, writerOptions: BulkWriterOptions = {}): Promise<void> {
  const client = "transport" in options ? options : await connect(options);
  const writer = createBulkWriter(
    client,
    { keep: async () => {}, close: async () => {} },
    { backoff: () => 1, ...writerOptions },
  );
  const builder = new BulkBodyBuilder();
  builder.begin("index", `c-${number++}`);
  builder.append(new TextEncoder().encode('{"a":"é"}'));
  builder.end();
  expect(await writer.write(builder.take())).toMatchObject({ deadLettered: 0 });
}

const basic = (username: string, password: string): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

describe("basic credentials", () => {
  it("are asked for before each request, so that a change needs no new client", async () => {
    const indexer = await indexerFor();
    let password = "first";
    const client = await connect({ nodes: [indexer.url], credentials: async () => ({ username: "writer", password }) });
    await write(client);
    password = "second:é";
    await write(client);
    expect(indexer.requests.map(({ headers }) => headers.authorization)).toEqual([
      basic("writer", "first"),
      basic("writer", "second:é"),
    ]);
  });

  it("that are refused are asked for once more", async () => {
    const indexer = await indexerFor((response, request, self) => {
      if (request.headers.authorization === basic("writer", "new")) self.answer(response, request);
      else refuse(response, 401, "security_exception", "no");
    });
    const passwords = ["old", "new"];
    await write({
      nodes: [indexer.url],
      credentials: () => ({ username: "writer", password: passwords.shift() ?? "none" }),
    });
    expect(indexer.stored.size).toBe(1);
  });

  it("that are wrong stop the writer, and are in no message", async () => {
    const indexer = await indexerFor((response) =>
      response.writeHead(401, { "content-type": "text/plain" }).end("Unauthorized"),
    );
    const failing = write({ nodes: [indexer.url], credentials: () => ({ username: "writer", password: "s3cret" }) });
    await expect(failing).rejects.toMatchObject({
      code: "INDEXER_DENIED",
      message: "Indexer refuses user or password (401), user writer: 401 Unauthorized; correct its user and password",
    });
    const error = await failing.catch((reason) => reason);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toMatch(/s3cret|czNjcmV0/);
  });

  it("are not sent when the request was given up before they came", async () => {
    const indexer = await indexerFor();
    const { promise, resolve } = Promise.withResolvers<{ username: string; password: string }>();
    const client = await connect({ nodes: [indexer.url], credentials: () => promise });
    const request = client.transport.request({ method: "GET", path: "/" });
    request.abort();
    resolve({ username: "a", password: "b" });
    await expect(request).rejects.toThrow("aborted");
    expect(indexer.requests).toEqual([]);
  });
});

describe("several nodes", () => {
  it("share the requests, and do without one that is away until it is back", async () => {
    const [one, two] = [await indexerFor(), await indexerFor()];
    const client = await connect({ nodes: [one.url, two.url] });
    for (let i = 0; i < 10; i++) await write(client);
    expect(one.requests.length).toBe(5);
    expect(two.requests.length).toBe(5);

    await two.stop();
    for (let i = 0; i < 10; i++) await write(client);
    expect(one.stored.size + two.stored.size).toBe(20);

    const back = await indexerFor(undefined, Number(new URL(two.url).port));
    await vi.waitUntil(
      async () => {
        await write(client);
        return back.requests.length > 0;
      },
      { timeout: 10_000, interval: 50 },
    );
  });
});

it("an answer that comes before the request was sent whole ends it: nothing more of its memory is sent", async () => {
  let received = "";
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.once("data", () => {
      // What is not read waits in the client, far more than the system takes for it.
      socket.pause();
      socket.write("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n");
    });
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(
    () => server.close(),
    () => sockets.forEach((socket) => void socket.destroy()),
  );
  const client = await connect({ nodes: [`http://127.0.0.1:${(server.address() as AddressInfo).port}`] });
  const bulkBody = Buffer.alloc(50_000_000, "a");
  const request = client.transport.request({ method: "POST", path: "/_bulk", bulkBody });
  await expect(request).rejects.toMatchObject({ statusCode: 503 });
  bulkBody.fill("b");
  const closed = Promise.all(sockets.map((socket) => once(socket, "close")));
  for (const socket of sockets) socket.resume();
  await closed;
  expect(received).not.toMatch(/bb/);
  expect(received.length).toBeLessThan(bulkBody.length);
});

describe("a certificate or protocol that is wrong", () => {
  it("stops the writer, since no retry can change it", async () => {
    const indexer = await indexerFor();
    const url = indexer.url.replace("http:", "https:");
    await expect(write({ nodes: [url] })).rejects.toMatchObject({
      code: "INDEXER_UNTRUSTED",
      message: `Indexer's TLS cannot be trusted (EPROTO): ${url}: wrong version number; this port speaks http, not https: write http:// before it, or the port that speaks https`,
    });
  });

  it("is not taken for a refused connection, which is waited for", async () => {
    const indexer = await indexerFor();
    await indexer.stop();
    const stop = new AbortController();
    const events: IndexerEvent[] = [];
    const writing = write({ nodes: [indexer.url] }, { signal: stop.signal, on: (event) => events.push(event) });
    await vi.waitUntil(() => events.length > 0);
    stop.abort(new Error("enough"));
    await expect(writing).rejects.toThrow("enough");
    expect(events[0]).toMatchObject({
      type: "waiting",
      cause: "unreachable",
      message: expect.stringContaining("ECONNREFUSED"),
    });
  });
});

/** Signature Version 4 as the AWS General Reference describes it, from what arrived. */
function signatureFor(headers: IncomingHttpHeaders, path: string, body: string, secret: string): string {
  const [, date, region, service, signedHeaders] =
    /Credential=[^/]+\/(\d+)\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+)/.exec(
      headers.authorization ?? "",
    ) ?? [];
  const [bare = "", query = ""] = path.split("?");
  const sorted = query.split("&").map((pair) => {
    const [name = "", value = ""] = pair.split("=").map(decodeURIComponent);
    return `${encodeURIComponent(name)}=${encodeURIComponent(value).replaceAll("*", "%2A")}`;
  });
  const hash = (text: string): string => createHash("sha256").update(text).digest("hex");
  const canonical = [
    "POST",
    bare,
    sorted.sort().join("&"),
    ...(signedHeaders ?? "").split(";").map((name) => `${name}:${headers[name]}`),
    "",
    signedHeaders,
    hash(body),
  ].join("\n");
  const text = [
    "AWS4-HMAC-SHA256",
    headers["x-amz-date"],
    `${date}/${region}/${service}/aws4_request`,
    hash(canonical),
  ].join("\n");
  const key = [date, region, service, "aws4_request"].reduce<string | Buffer>(
    (secretKey, part) =>
      createHmac("sha256", secretKey)
        .update(part ?? "")
        .digest(),
    `AWS4${secret}`,
  );
  return createHmac("sha256", key).update(text).digest("hex");
}

describe("Signature Version 4", () => {
  it.each(["es", "aoss"] as const)("signs requests for %s, each with the credentials of its time", async (service) => {
    const indexer = await indexerFor();
    let asked = 0;
    const client = await connect({
      nodes: [indexer.url],
      sigv4: {
        region: "eu-west-2",
        service,
        credentials: async () => {
          asked++;
          return {
            accessKeyId: `AKIA${asked}`,
            secretAccessKey: `secret${asked}`,
            sessionToken: `token${asked}`,
          };
        },
      },
    });
    for (let i = 0; i < 3; i++) await write(client);
    expect(asked).toBe(3);
    indexer.requests.forEach(({ headers, path, documents }, i) => {
      const set = i + 1;
      const body = documents
        .map(({ index, id, source }) => `{"create":{"_index":"${index}","_id":"${id}"}}\n${source}\n`)
        .join("");
      expect(headers.authorization).toContain(`Credential=AKIA${set}/`);
      expect(headers.authorization).toContain(`/eu-west-2/${service}/aws4_request`);
      expect(headers["x-amz-security-token"]).toBe(`token${set}`);
      expect(headers.authorization).toContain(`Signature=${signatureFor(headers, path, body, `secret${set}`)}`);
    });
  });
});

it.each([
  [[], /No address of the indexer is given/],
  [["indexer:9200"], /^indexer:9200 is no address/],
  [["foo"], /^foo is no/],
])("refuses %j as nodes", async (nodes, message) => {
  await expect(connect({ nodes })).rejects.toMatchObject({
    code: "INDEXER_SETTINGS",
    message: expect.stringMatching(message),
  });
});
