import { createServer, request } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import { createLab, type Lab } from "@threatlockdown/tooling-lab";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { endpoints } from "../src/checks/endpoints.ts";
import { createLake } from "../src/lake.ts";
import { proxyOf } from "../src/proxy.ts";
import { surroundingsOf, verify } from "./command-line.ts";

const asked: string[] = [];
const sockets: Socket[] = [];
/** A proxy that notes what it is asked for; it lets plain requests through, and no tunnels. */
const proxy = createServer((incoming, outgoing) => {
  asked.push(`${incoming.method} ${incoming.url}`);
  const { method = "GET", url = "", headers } = incoming;
  const onwards = request(url, { method, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  onwards.on("error", () => outgoing.destroy());
  incoming.pipe(onwards);
});
proxy.on("connect", ({ url }, socket) => {
  asked.push(`CONNECT ${url}`);
  socket.on("error", () => {});
  socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
});
proxy.on("connection", (socket) => sockets.push(socket));

let lab: Lab;
let host: string;
beforeEach(async () => {
  asked.length = 0;
  await new Promise<void>((listening) => proxy.listen(0, "127.0.0.1", listening));
  host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  lab = await createLab();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const socket of sockets.splice(0)) socket.destroy();
  await new Promise((closed) => proxy.close(closed));
  await lab.close();
});

const ofAws = ["--only", "region,endpoints,clock,credentials,assume-role,queue"];
const run = (environment: NodeJS.ProcessEnv) => {
  const { queueName, roleArn, externalId } = lab.subscription;
  return verify(["--queue", queueName, "--role-arn", roleArn, ...ofAws], {
    surroundings: surroundingsOf(lab),
    environment: { SECURITY_LAKE_EXTERNAL_ID: externalId, ...environment },
  });
};

describe("a proxy of the environment", () => {
  it("is what all requests to AWS go through, and is told without its password", async () => {
    const { code, stdout } = await run({ HTTP_PROXY: `http://user:hidden@${host}` });
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("All well") });
    expect(stdout).toContain(`STS at 127.0.0.1 goes through the proxy ${host}: reached`);
    expect(stdout).not.toContain("hidden");
    // Clock and endpoints, then the clients of STS and of SQS.
    const { url } = lab.aws;
    expect(new Set(asked)).toEqual(new Set([`GET ${url}/`, `GET ${url}/?x-id=ListBuckets`, `POST ${url}/`]));
  });

  it("is what the role of a subscriber that signs is assumed through", async () => {
    await using other = await createLab({ indexer: { url: "http://127.0.0.1:1" } });
    vi.stubEnv("AWS_ENDPOINT_URL_STS", other.aws.url);
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) vi.stubEnv(name, other.environment[name] ?? "");
    const signing = ["--indexer-sigv4", "es", "--indexer-region", "us-east-1"];
    const as = ["--indexer-role", other.subscription.roleArn, "--only", "indexer-user"];
    const { code, stdout } = await verify(["--config", join(other.folder, "ossec.conf"), ...signing, ...as], {
      environment: { HTTP_PROXY: `http://${host}` },
    });
    // The lake's role asks for an external ID, which a signer has none of.
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringContaining("could not be signed: sts:AssumeRole"),
    });
    expect(new Set(asked)).toEqual(new Set([`POST ${other.aws.url}/`]));
  });

  it("is passed by for the hosts of NO_PROXY", async () => {
    const { code, stdout } = await run({ HTTP_PROXY: `http://${host}`, NO_PROXY: "localhost,127.0.0.1" });
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("STS at 127.0.0.1: reached") });
    expect(asked).toEqual([]);
  });

  it("that is not reached fails, and not AWS behind it", async () => {
    const { code, stdout } = await run({ HTTP_PROXY: "http://127.0.0.1:1" });
    expect(code).toBe(1);
    expect(stdout).toContain("goes through the proxy 127.0.0.1:1, which is not reached (ECONNREFUSED)");
    expect(stdout).toContain("To do: Correct HTTP_PROXY, or let this machine through to 127.0.0.1:1");
  });

  it("that refuses a tunnel fails", async () => {
    const lake = createLake(
      { line: 1, queue: "lake" },
      { region: "us-east-1", environment: { HTTPS_PROXY: `http://${host}` } },
    );
    expect(await endpoints.run(lake, new AbortController().signal, () => {})).toMatchObject({
      state: "failed",
      seen: expect.stringContaining(`goes through the proxy ${host}, which is reached, and no answer came (`),
      fix: expect.stringContaining(
        `Let the proxy ${host} through to sts.us-east-1.amazonaws.com; if it asks for a user`,
      ),
    });
    expect(asked).toContain("CONNECT sts.us-east-1.amazonaws.com:443");
  });

  it("that is no URL is told without what it says", async () => {
    const { code, stderr } = await run({ HTTPS_PROXY: "http://user:hidden@:::" });
    expect(code).toBe(2);
    expect(stderr).toBe("ERROR: HTTP_PROXY or HTTPS_PROXY is no URL of a proxy; write it as http://host:port.\n");
  });
});

describe("NO_PROXY", () => {
  it.each([
    ["", true],
    ["*", false],
    ["sqs.example.com", false],
    ["SQS.example.com:443", false],
    ["sqs.example.com:8443", true],
    ["a, .example.com", false],
    ["*.example.com", false],
    ["example.com", true],
  ])("%j lets requests to sqs.example.com through the proxy: %s", (NO_PROXY, proxied) => {
    const environment = { HTTPS_PROXY: "http://proxy:3128", NO_PROXY };
    expect(proxyOf(environment, new URL("https://sqs.example.com/"))?.host).toBe(proxied ? "proxy:3128" : undefined);
  });

  it("has ranges of addresses, and lower case comes first", () => {
    const of = (environment: NodeJS.ProcessEnv) => proxyOf(environment, new URL("http://10.0.0.5:80/"))?.host;
    expect(of({ HTTP_PROXY: "http://a:1", http_proxy: "http://b:1" })).toBe("b:1");
    expect(of({ HTTP_PROXY: "http://a:1", NO_PROXY: "10.0.0.1-10.0.0.9" })).toBeUndefined();
    expect(of({ HTTP_PROXY: "http://a:1", NO_PROXY: "10.0.0.6-10.0.0.9" })).toBe("a:1");
    expect(of({ HTTP_PROXY: "socks5://a:1" })).toBeUndefined();
    expect(of({ HTTPS_PROXY: "http://a:1" })).toBeUndefined();
  });
});
