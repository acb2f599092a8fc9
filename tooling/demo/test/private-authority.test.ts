import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { createAuthority } from "@threatlockdown/tooling-opensearch";
import { afterEach, beforeEach, expect, it } from "vitest";

const main = join(import.meta.dirname, "../src/main.ts");
let folder: string;
let authority: string;
let server: Server;
let child: ChildProcessByStdio<null, Readable, Readable>;
/** Documents that were sent; a search finds none of them. */
let sent: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "demo-test-"));
  authority = join(folder, "authority.pem");
  sent = 0;
  const { cert, issue } = await createAuthority();
  writeFileSync(authority, cert);
  server = createServer(await issue("CN=localhost", { hosts: ["localhost"] }), async (request, response) => {
    const body = await text(request);
    const [status, answer] = answerTo(request.method ?? "", request.url ?? "", body);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
});
afterEach(() => {
  child.kill();
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

function answerTo(method: string, url: string, body: string): [status: number, answer: object] {
  if (url.startsWith("/_bulk")) {
    const actions = body.split("\n").filter((line, at) => at % 2 === 0 && line !== "");
    sent += actions.length;
    const items = actions.map((action) => ({ create: { ...JSON.parse(action).create, status: 201 } }));
    return [200, { took: 1, errors: false, items }];
  }
  if (url.startsWith("/_cat/indices")) return [200, []];
  if (url.includes("/_search")) return [200, { hits: { total: { value: 0 }, hits: [] }, aggregations: {} }];
  return method === "GET" ? [404, { error: { type: "missing", reason: "missing" } }] : [200, { acknowledged: true }];
}

async function demo(environment: object) {
  const { port } = server.address() as AddressInfo;
  const args = ["--conditions=@threatlockdown/source", main, "--objects", "1", "--rows", "1"];
  child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, OPENSEARCH_URL: `https://localhost:${port}`, ...environment },
  });
  const code = once(child, "close");
  const [output, progress] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: (await code)[0], output, progress };
}

it("is trusted by the demo and by the wodle in it; events that are not found are the last that is said", async () => {
  const { code, output, progress } = await demo({ NODE_EXTRA_CA_CERTS: authority });
  expect(progress).not.toMatch(/CERT|SIGNATURE|certificate/);
  expect(sent).toBeGreaterThan(0);
  expect(progress).toMatch(new RegExp(`ERROR: ${sent} events were announced, 0 were found\n$`));
  expect([code, output]).toEqual([1, expect.stringMatching(/^Events found +0$/m)]);
});

it("is asked for where it is not known", async () => {
  const { code, progress } = await demo({ NODE_EXTRA_CA_CERTS: undefined });
  expect([code, sent]).toEqual([1, 0]);
  expect(progress).toMatch(/ERROR: .*unable to verify the first certificate; set NODE_EXTRA_CA_CERTS to the file/);
});
