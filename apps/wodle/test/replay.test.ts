import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createLab, type Lab } from "@threatlockdown/tooling-lab";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const document = (id: string, source: string): string =>
  `${JSON.stringify({ time: "2026-11-24T00:00:00.000Z", kind: "document", status: 400, reason: "r", index: "i", id, document: source })}\n`;
const message = `${JSON.stringify({ kind: "message", queue: "q", body: "{}" })}\n`;

describe("replay", () => {
  let lab: Lab;
  let server: Server;
  let stored: Map<string, string>;
  let refused: Set<string>;
  let file: string;
  beforeEach(async () => {
    stored = new Map();
    refused = new Set();
    server = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      const [status, answer] = request.url?.startsWith("/_bulk") ? [200, bulk(body)] : [200, { acknowledged: true }];
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    lab = await createLab({ indexer: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } });
    file = join(lab.folder, "dead.ndjson");
  });
  afterEach(async () => {
    await lab.close();
    server.closeAllConnections();
    server.close();
  });

  function bulk(body: string): object {
    const lines = body.trimEnd().split("\n");
    const items = lines.flatMap((line, at) => {
      if (at % 2 === 1) return [];
      const { _id: id } = JSON.parse(line).create;
      if (refused.has(id)) {
        return [{ create: { _id: id, status: 400, error: { type: "mapper_parsing_exception", reason: "again" } } }];
      }
      if (stored.has(id)) {
        return [{ create: { _id: id, status: 409, error: { type: "version_conflict_engine_exception", reason: "" } } }];
      }
      stored.set(id, lines[at + 1] as string);
      return [{ create: { _id: id, status: 201 } }];
    });
    return { errors: items.some(({ create }) => "error" in create), items };
  }

  async function replay(...args: string[]) {
    const wodle = lab.wodle(["replay", ...args]);
    const { code } = await wodle.ended;
    return { code, stdout: wodle.stdout(), stderr: wodle.stderr() };
  }

  it("sends each document again, keeps what is refused again, and counts the messages", async () => {
    const content = document("a", '{"n":12345678901234567890}') + message + document("b", "{}") + document("c", "{}");
    writeFileSync(file, `${content}{"kind":"docum\n`);
    refused.add("b");
    stored.set("c", "{}");
    const { code, stdout, stderr } = await replay("--dead-letter", file, "--json");
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      { stored: 1, alreadyStored: 1, deadLettered: 1, unreadable: 1, others: { message: 1 } },
    ]);
    expect(stored.get("a")).toBe('{"n":12345678901234567890}');
    expect(await lab.deadLetters()).toMatchObject([
      { kind: "document", id: "b", reason: expect.stringMatching("again") },
    ]);
    expect(readFileSync(file, "utf8")).toBe(`${content}{"kind":"docum\n`);
    expect(stderr).toContain("not sent: 1 message,");
    expect(stderr).toContain("refused again: 1 document,");
    expect(stderr).toContain("1 line cannot be read as an entry");
  });

  it("loses nothing where the file is the subscriber's own, and does not let it grow", async () => {
    writeFileSync(file, document("a", "{}") + document("b", "{}"));
    refused.add("a").add("b");
    await replay("--dead-letter", file);
    const own = join(lab.folder, "security-lake", "dead-letter.ndjson");
    refused.delete("a");
    await replay("--dead-letter", own);
    await replay("--dead-letter", own);
    expect((await lab.deadLetters()).map(({ id }) => id)).toEqual(["a", "b"]);
    expect([...stored.keys()]).toEqual(["a"]);
  });

  it.each([
    [[], "Give --dead-letter FILE"],
    [
      ["--dead-letter", "/nowhere/dead.ndjson"],
      "--dead-letter /nowhere/dead.ndjson cannot be read (ENOENT): there is no such file; ",
    ],
    [["--dead-letter", "/"], "--dead-letter / cannot be read (EISDIR): it is a folder; "],
    [["--dead-letter", import.meta.filename], `${import.meta.filename} is no dead letter file: `],
  ])("says in one line what is wrong with %j", async (args, problem) => {
    const { code, stdout, stderr } = await replay(...args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(`ERROR: ${problem}`);
  });
});
