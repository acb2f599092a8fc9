import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { openMeeting } from "../src/vitest/meeting.ts";

async function ask(env: NodeJS.ProcessEnv): Promise<unknown> {
  const meeting = await openMeeting(env);
  try {
    return await (await fetch(meeting.url)).json();
  } finally {
    await meeting.close();
  }
}

describe("the server that test files share", () => {
  it("is the one that OPENSEARCH_URL names", async () => {
    const server = createServer((_, answer) => answer.end("{}")).listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await ask({ OPENSEARCH_URL: url })).toEqual({ url });
    server.close();
  });

  it("is said not to answer where it does not", async () => {
    const problem = expect.stringMatching(/OPENSEARCH_URL.*ECONNREFUSED.*SKIP_OPENSEARCH=1/);
    expect(await ask({ OPENSEARCH_URL: "http://127.0.0.1:1" })).toEqual({ problem });
  });

  it("is not started by a run that does not ask for it", async () => {
    const meeting = await openMeeting({ PATH: "" });
    await meeting.close();
    await expect(fetch(meeting.url)).rejects.toThrow();
  });
});
