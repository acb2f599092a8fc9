import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import type { Result } from "../src/check.ts";
import { verdictOf } from "../src/verdict.ts";
import { createSetting, type Setting } from "./setting.ts";

/** What a network's portal, a web server and a service of one's own say to everything. */
const others = [
  ["nothing is there, without a word", 404, ""],
  ["nothing is there, in words", 404, "404 page not found\n"],
  ["a page", 200, "<html><body>Log in to this network</body></html>"],
  ["that it is forbidden", 403, "<html><body>Blocked</body></html>"],
  ["some JSON", 200, "{}"],
  ["that it knows no such method", 501, "<html><head><meta></head></html>"],
] as const;

async function serve(status: number, body: string): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const failed = (results: readonly Result[]) =>
  results.flatMap(({ check, state }) => (state === "failed" || state === "warning" ? [check.id] : []));

/** The subscriber knows its endpoints from its own settings alone. */
function named(setting: Setting, change: { readonly stsEndpoint?: string; readonly serviceEndpoint?: string }): void {
  const { url } = setting.aws;
  const { endpoint: _, ...surroundings } = setting.surroundings;
  setting.surroundings = { ...surroundings, adminEndpoint: url };
  const { lake, subscriber } = setting;
  setting.subscriber = { ...subscriber, stsEndpoint: url, serviceEndpoint: url, queue: lake.queueUrl, ...change };
}

describe.each(others)("what says %s", (_, status, body) => {
  const told = `what answers is not AWS (HTTP ${status})`;

  it.each([true, false])("is not taken for S3, with an administrator: %s", async (admin) => {
    await using other = await serve(status, body);
    await using setting = await createSetting();
    named(setting, { serviceEndpoint: other.url });
    const results = await setting.verify({ admin });
    expect(failed(results)).toEqual(["endpoints"]);
    expect(verdictOf(results)).toMatchObject({ exitCode: 1 });
    expect(results.find(({ check }) => check.id === "endpoints")).toMatchObject({
      seen: `S3 at 127.0.0.1: reached, without TLS, and ${told}`,
      fix: expect.stringMatching(
        /^Correct <service_endpoint>, or find out what answers at 127\.0\.0\.1 in the place of/,
      ),
    });
    expect(results.find(({ check }) => check.id === "newest-object")).toMatchObject({
      state: "could not check",
      obstacle: { because: `what answers at 127.0.0.1 is not AWS (HTTP ${status})` },
    });
  });

  it.each([true, false])("is not taken for AWS, with an administrator: %s", async (admin) => {
    await using other = await serve(status, body);
    await using setting = await createSetting();
    setting.surroundings = { ...setting.surroundings, endpoint: other.url };
    const results = await setting.verify({ admin });
    expect(failed(results)).toEqual(["endpoints"]);
    expect(verdictOf(results).line).toMatch(/First: Correct AWS_ENDPOINT_URL, or endpoint_url of the profile, or find/);
    for (const { seen, fix } of results) {
      expect(`${seen} ${fix}`).not.toMatch(/XML|object has been deleted|Go by what AWS says|account ,/);
    }
    expect(results.find(({ check }) => check.id === "credentials")).toMatchObject({
      state: "could not check",
      obstacle: { because: `what answers at 127.0.0.1 is not AWS (HTTP ${status})`, lasting: true },
    });
  });
});
